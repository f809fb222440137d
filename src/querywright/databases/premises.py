"""Checks facts about the data, in the engine: whether a premise holds, and which keys a table without keys has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from querywright.databases.database import Database
from querywright.databases.names import listed, table_name
from querywright.engines.session import Session
from querywright.errors import ContractError, StatementError
from querywright.sql.names import quoted
from querywright.sql.schema import Column, Key, Table
from querywright.values import Premise

LARGEST_TABLE_TO_DISCOVER = 50_000_000
"""Rows; the distinct counts of larger tables would take too long and too much memory."""

_KEY_ENDINGS = ("_id", "_sk", "_pk", "key")
_NO_KEY_TYPES = ("FLOAT", "DOUBLE", "REAL", "[", "STRUCT", "MAP", "UNION", "JSON")
"""Parts of the names of types whose values are inexact or nested."""


def premise_query(premise: Premise, dialect: str) -> str:
    """The query whose rows violate the premise; it returns no rows where the premise holds.

    Raises `ContractError` for a kind of premise that no query can check.
    """
    table, columns = table_name(premise.table, dialect), [quoted(column) for column in premise.columns]
    present = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    if premise.kind == "unique":
        key = listed(premise.columns)
        text = f"SELECT {key}, COUNT(*) AS occurrences FROM {table} WHERE {present} GROUP BY {key} HAVING COUNT(*) > 1"
    elif premise.kind == "not_null":
        text = f"SELECT * FROM {table} WHERE {' OR '.join(f'{column} IS NULL' for column in columns)}"
    elif premise.kind == "foreign_key" and premise.references:
        referenced, keys = premise.references
        matches = " AND ".join(f"parent.{quoted(key)} = child.{column}" for key, column in zip(keys, columns, strict=True))
        present = " AND ".join(f"child.{column} IS NOT NULL" for column in columns)
        text = (
            f"SELECT * FROM {table} AS child WHERE {present} "
            f"AND NOT EXISTS (SELECT 1 FROM {table_name(referenced, dialect)} AS parent WHERE {matches})"
        )
    else:
        raise ContractError(f"A premise of kind {premise.kind} on {premise.table} cannot be checked by a query.")
    import sqlglot

    return sqlglot.transpile(text, write=dialect, identify=True)[0]


def check_premise(session: Session, premise: Premise, limit_s: float | None = None) -> bool:
    """Whether the data satisfies the premise now; one query that stops at the first violation, or at the limit with an error."""
    violations = premise_query(premise, session.capabilities.dialect)
    return not session.fetch(f"SELECT 1 FROM ({violations}) AS violations LIMIT 1", limit_s=limit_s).rows


def discover_keys(database: Database) -> Database:
    """The database with unique columns and NOT NULLs added, basis "checked", for its tables that have no key.

    Columns that are named like keys and first columns are counted exactly, in one query a table.
    """
    if all(table.keys for table in database.schema.tables):
        return database
    with Session(database.location) as session:
        checked = [_discovered(session, database.location.engine, table) for table in database.schema.tables if not table.keys]
    return replace(database, schema=database.schema.with_keys(checked))


def _discovered(session: Session, engine: str, table: Table) -> Table:
    """Only what the data was found to satisfy: the table's checked keys and NOT NULL columns."""
    nothing = Table(table.name, ())
    name = table_name(table.name, engine)
    try:
        (rows,) = _counts(session, name, ["COUNT(*)"])
    except StatementError:  # a view of a table that is gone: a query that reads it gets the engine's message
        return nothing
    # With fewer than two rows everything is unique, which says nothing.
    if not 2 <= rows <= LARGEST_TABLE_TO_DISCOVER:
        return nothing
    candidates = [column for column in table.columns if _may_be_key(table, column)]
    counts = _counts(
        session,
        name,
        [f"COUNT({quoted(column.name)})" for column in table.columns]
        + [f"COUNT(DISTINCT {quoted(column.name)})" for column in candidates],
    )
    present = dict(zip((column.name for column in table.columns), counts, strict=False))
    distinct = dict(zip((column.name for column in candidates), counts[len(table.columns) :], strict=True))
    return Table(
        table.name,
        columns=tuple(Column(column.name, column.type, "checked") for column in table.columns if present[column.name] == rows),
        keys=tuple(Key((name,), "checked") for name in distinct if distinct[name] == present[name] > 1),
    )


def _counts(session: Session, table: str, counts: Sequence[str]) -> tuple[int, ...]:
    (row,) = session.fetch(f"SELECT {', '.join(counts)} FROM {table}").rows
    return tuple(int(str(value)) for value in row)


def _may_be_key(table: Table, column: Column) -> bool:
    named_like_key = column.name.lower() == "id" or column.name.lower().endswith(_KEY_ENDINGS)
    inexact = any(part in column.type.upper() for part in _NO_KEY_TYPES)
    return (named_like_key or column is table.columns[0]) and not inexact and not column.collated
