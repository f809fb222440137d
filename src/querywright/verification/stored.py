"""The original's result, kept inside the engine for comparison, and what makes comparing with it cheap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from querywright.engines.protocol import Connection
from querywright.engines.session import timed
from querywright.values import Bindings, Run

ORIGINAL = "querywright_original"

_KEY_SAMPLE = 20_000
_KEYS_TRIED = 2


@dataclass(frozen=True, slots=True)
class Stored:
    """The original's result in a temporary table of the session: the columns with their types, and the number of rows.

    ``duplicate_free`` makes the comparison cheaper: then one set inclusion and equal counts prove equal bags. ``key`` is the
    position of a column that alone tells all rows apart and is never NULL, where one was found. ``run`` is how long storing
    took.
    """

    table: str
    described: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    rows: int
    duplicate_free: bool
    bindings: Bindings = ()
    key: int | None = None
    run: Run | None = field(default=None, compare=False)


def store_original(connection: Connection, sql: str, dialect: str, bindings: Bindings = (), table: str = ORIGINAL) -> Stored:
    """Worker side: run the original once and keep its rows in a temporary table for `compare`."""
    described = connection.describe(sql, bindings)
    rows, run = timed(partial(connection.store, table, sql, bindings))
    columns = columns_of(connection, table)
    key, distinct = None, False
    if dialect == "duckdb" and rows:
        key = _key(connection, table, columns, [kind for _, kind in described], rows)
        distinct = key is not None
        if not distinct:
            grouped = f"SELECT 1 FROM {quoted(table)} GROUP BY {', '.join(map(quoted, columns))}"
            distinct = connection.fetch(f"SELECT COUNT(*) FROM ({grouped}) AS groups").rows[0][0] == rows
    return Stored(table, described, columns, rows, distinct, bindings, key, run)


def timed_store(connection: Connection, table: str, sql: str) -> Run:
    """Worker side: how long storing a query's rows takes; nothing is kept."""
    try:
        return timed(partial(connection.store, table, sql))[1]
    finally:
        connection.drop(table)


def _key(connection: Connection, table: str, columns: Sequence[str], kinds: Sequence[str], rows: int) -> int | None:
    """The position of an exact column of the stored original without NULLs or repetitions; the first rows say which to try."""
    exact = [position for position, kind in enumerate(kinds) if not is_floating(kind)]
    if not exact:
        return None

    def counts(positions: Sequence[int], source: str) -> tuple[object, ...]:
        wanted = ", ".join(f"COUNT(DISTINCT {quoted(columns[position])})" for position in positions)
        return connection.fetch(f"SELECT {wanted} FROM {source}").rows[0]

    first = min(rows, _KEY_SAMPLE)
    sampled = counts(exact, f"(SELECT * FROM {quoted(table)} LIMIT {first}) AS first_rows")
    promising = [position for position, count in zip(exact, sampled, strict=True) if count == first]
    numbered = f"SELECT MIN(rowid), MAX(rowid) FROM {quoted(table)}"
    if not promising or connection.fetch(numbered).rows[0] != (0, rows - 1):
        return None
    tried = promising[:_KEYS_TRIED]
    return next((position for position in tried if counts([position], quoted(table)) == (rows,)), None)


def columns_of(connection: Connection, table: str) -> tuple[str, ...]:
    """The names that the engine gave the columns of a stored result: duplicates are made different."""
    return tuple(name for name, _ in connection.describe(f"SELECT * FROM {quoted(table)}"))


def is_floating(kind: str) -> bool:
    """Whether a type as the engine spells it is a floating-point type."""
    return kind.upper().startswith(("DOUBLE", "FLOAT", "REAL")) and not kind.endswith("]")


def quoted(name: str) -> str:
    """A name as it is written in a statement."""
    return '"' + name.replace('"', '""') + '"'
