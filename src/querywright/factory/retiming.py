"""Times a pair of queries anew, on data of the size that its example has: another query has other times.

What counts is measured as the factory measures: interleaved runs in one process, of one thread, under the machine's timing lock.
"""

from __future__ import annotations

from dataclasses import replace

from querywright.databases.database import Database
from querywright.engines.session import Session
from querywright.errors import ExecutionError, QueryError
from querywright.factory.examining import scored
from querywright.factory.rechecking import recheck
from querywright.factory.replicas import Replicas
from querywright.factory.values import Example
from querywright.measure.clock import LEAST_BAND, Clock
from querywright.scoring.readability import readability
from querywright.sql.parse import parse_query
from querywright.values import Query, Timing
from querywright.workers import timing_lock

LIMIT_S = 5.0
"""The most seconds that a run may take; to compare answers may take no longer, for what does is not timed."""


def timed(database: Database, session: Session, slow: str, fast: str) -> Timing:
    """How much faster the second query is; raises `ExecutionError` where one of them fails or takes too long."""
    clock = Clock(session, database.name, LIMIT_S)
    with timing_lock():
        runs = [session.measure(text, limit_s=LIMIT_S) for text in (slow, fast)]
        return clock.step(Query(slow, "", ""), Query(fast, "", ""), runs[:1], runs[1], LEAST_BAND)


def retimed(example: Example, replicas: Replicas, threshold: float) -> Example | str:
    """An example without indexes whose constants were exchanged, with its own figures; or why it does not count.

    ``replicas`` are of the size that the example has. What was measured of other solutions says nothing of it any more, so that
    none are left. Raises `DatabaseError` where the database cannot be made.
    """
    database, session = replicas.opened(example.database, {})
    slow, fast = example.slow, example.solution.sql
    found = recheck(database, session, slow, fast, (), replicas.host, LIMIT_S)
    if found.reason:
        return found.reason
    if not found.rows:
        return "It has no rows with other constants."
    try:
        solution = scored(example.solution, timed(database, session, slow, fast), example.engine)
    except (ExecutionError, QueryError) as error:
        return error.message
    if solution.reward < threshold:
        return "It is not fast enough with other constants."
    reads = round(readability(parse_query(slow, example.engine)).score, 4)
    return replace(example, solution=solution, slow_readability=reads, rejected=())
