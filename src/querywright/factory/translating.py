"""Puts an example into the dialect of another engine, where it is executed and timed anew before it counts.

Whether the translated query still asks the same is for the data to say: both engines hold the same generated rows, and the
answers must agree, value by value.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from sqlglot import exp

from querywright.databases.specification import workload_instance
from querywright.engines.session import Session
from querywright.errors import DatabaseError, ExecutionError, QueryError
from querywright.factory.examining import scored
from querywright.factory.rechecking import recheck
from querywright.factory.replicas import Replicas
from querywright.factory.retiming import LIMIT_S, timed
from querywright.factory.values import Example
from querywright.generation.identity import skeleton, split_of
from querywright.scoring.readability import readability
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text

OTHER = {"duckdb": "sqlite", "sqlite": "duckdb"}
"""The engine whose dialect an example is translated to."""

_DIGITS = 6


def translated_sql(sql: str, source: str, target: str) -> str:
    """The query in another dialect; SQLite, which has no dates, compares them as texts.

    Raises `QueryError` where it cannot be read.
    """
    tree = parse_query(sql, source)
    for node in list(tree.find_all(exp.Cast, exp.Contains)) if target == "sqlite" else ():
        if isinstance(node, exp.Contains):
            node.replace(exp.GT(this=exp.func("INSTR", node.this, node.expression), expression=exp.Literal.number(0)))
        elif node.is_type(*exp.DataType.TEMPORAL_TYPES) and isinstance(node.this, exp.Literal):
            node.replace(node.this.copy())
    return tree.sql(target, pretty=True)


def translated(example: Example, replicas: Replicas, threshold: float) -> Example | str:
    """An example without indexes on generated data as one of the other engine, or why there is none.

    ``replicas`` are of the size that the example has. Raises `DatabaseError` where a database cannot be made.
    """
    engine = OTHER.get(example.engine)
    if engine is None:
        return "Its engine has no other dialect to be translated to."
    try:
        texts = [translated_sql(sql, example.engine, engine) for sql in (example.slow, example.solution.sql, example.clean)]
        return _measured(example, engine, texts, replicas, threshold)
    except (ExecutionError, QueryError) as error:
        return error.message


def _measured(example: Example, engine: str, texts: Sequence[str], replicas: Replicas, threshold: float) -> Example | str:
    slow, fast, clean = texts
    chosen = workload_instance(example.database)
    assert chosen is not None, "only generated data is the same on another engine"
    specification = replace(chosen, engine=engine).label
    try:
        workload_instance(specification)
    except DatabaseError as error:  # there is none for the other engine
        return error.message
    database, session = replicas.opened(specification, {})
    schema = database.schema
    family = skeleton(qualify_text(clean, schema, engine, source="the clean query"))
    if split_of(example.schema, family) != example.split:
        return "Its family belongs to another split there."
    found = recheck(database, session, slow, fast, (), replicas.host, LIMIT_S)
    if found.reason:
        return found.reason
    _, own = replicas.opened(example.database, {})
    if not found.rows or _values(own, example.slow) != _values(session, slow):
        return "It has another answer in the other dialect, or none."
    tree = qualify_text(slow, schema, engine, source="the slow query")
    identity = hashlib.sha256(f"{example.id}:{engine}".encode()).hexdigest()[:16]
    fast_tree = qualify_text(fast, schema, engine, source="the fast query")
    solution = replace(example.solution, sql=fast, fingerprint=fingerprint(fast_tree, engine), statements=())
    solution = scored(solution, timed(database, session, slow, fast), engine)
    if solution.reward < threshold:
        return "It is not faster there."
    return replace(
        example,
        id=identity,
        engine=engine,
        database=specification,
        slow=slow,
        clean=clean,
        solution=solution,
        fingerprint=fingerprint(tree, engine),
        family=skeleton(tree),
        slow_readability=round(readability(parse_query(slow, engine)).score, 4),
        rejected=(),
        origin=example.id,
    )


def _values(session: Session, sql: str) -> Counter[tuple[object, ...]]:
    rows = session.fetch(sql, limit_s=LIMIT_S).rows
    return Counter(tuple(map(_plain, row)) for row in rows)


def _plain(value: object) -> object:
    """Numbers to a few digits and moments as text, as SQLite has them."""
    if isinstance(value, (bool, int, float, Decimal)):
        return f"{float(value):.{_DIGITS}g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value
