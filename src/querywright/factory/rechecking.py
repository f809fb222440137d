"""Runs both sides of an example again and compares their answers, as the judge compares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from querywright.advise.trial import copied
from querywright.databases.database import Database
from querywright.engines.session import Host, Session
from querywright.errors import ExecutionError, QueryError
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.verification.compare import Comparison, compare, terms_of
from querywright.verification.stored import store_original

LIMIT_S = 30.0
_ANSWER = "querywright_checked"


@dataclass(frozen=True, slots=True)
class Recheck:
    """What came of it: ``rows`` of the slow query's answer, and the ``reason`` where the answers are not equal, else ""."""

    rows: int
    reason: str = ""


def recheck(
    database: Database,
    session: Session,
    slow: str,
    fast: str,
    indexes: Sequence[str] = (),
    host: Host | None = None,
    limit_s: float = LIMIT_S,
) -> Recheck:
    """Compare the answers of two queries on a database, the second one with ``indexes`` that are built on a copy.

    What fails, or takes longer than ``limit_s`` seconds, is a reason, not an error. Raises `DatabaseError` where the database
    cannot be copied.
    """
    try:
        if not indexes:
            comparison = _compared(database, session, slow, fast, indexes, limit_s)
        else:
            with copied(database, host) as (copy, own):
                comparison = _compared(copy, own, slow, fast, indexes, limit_s)
    except (ExecutionError, QueryError) as error:
        return Recheck(0, error.message)
    if comparison.equal:
        return Recheck(comparison.rows)
    return Recheck(comparison.rows, comparison.difference.reason if comparison.difference else comparison.undecided)


def _compared(database: Database, session: Session, slow: str, fast: str, indexes: Sequence[str], limit_s: float) -> Comparison:
    dialect, exact = session.capabilities.dialect, session.capabilities.exact_decimals
    facts = Facts(qualify_text(slow, database.schema, dialect, source="the slow query"), database.schema, dialect)
    parse_query(fast, dialect, "the fast query")
    stored = session.call(store_original, slow, dialect, (), _ANSWER, limit_s=limit_s)
    for statement in indexes:
        session.execute(statement, limit_s=limit_s)
    return session.call(compare, stored, fast, terms_of(slow, facts, exact_decimals=exact), limit_s=limit_s)
