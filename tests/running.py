"""Runs queries on nasty databases with the engines' own drivers, nothing of the product in between."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from decimal import Decimal
from functools import cache
from math import isnan

import duckdb
from nasty import Database, insertions

from querywright.sql.ddl import schema_of
from querywright.sql.names import quoted

Rows = list[tuple[object, ...]]


class DuckDB:
    """One DuckDB database at a time. Without keys: DuckDB checks them row by row, too eagerly for replacing all rows."""

    error = duckdb.Error

    def __init__(self, ddl: str) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        tables = schema_of(ddl, "duckdb").tables
        self.tables = [table.name for table in tables]
        for table in tables:
            columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
            self.connection.execute(f'CREATE TABLE "{table.name}" ({columns})')

    def load(self, database: Database) -> None:
        """Replace all rows."""
        deletions = [f'DELETE FROM "{name}"' for name in self.tables]
        self.connection.execute(";".join(["BEGIN", *deletions, *insertions(database), "COMMIT"]))

    def rows(self, sql: str) -> Rows:
        """The answer, numbers made comparable. Raises the engine's error."""
        return _comparable(self.connection.execute(sql).fetchall())

    def outputs(self, sql: str) -> list[tuple[str, str]]:
        """Name and type of each output column."""
        return [(name, kind) for name, kind, *_ in self.connection.execute(f"DESCRIBE {sql}").fetchall()]


class SQLite:
    """One SQLite database at a time. With keys and foreign keys enforced, so that a database that breaks them fails here."""

    error = sqlite3.Error

    def __init__(self, ddl: str) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.executescript(ddl)
        self.tables = [name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def load(self, database: Database) -> None:
        """Replace all rows."""
        self.connection.execute("BEGIN")
        self.connection.execute("PRAGMA defer_foreign_keys = ON")
        for name in self.tables:
            self.connection.execute(f'DELETE FROM "{name}"')
        for statement in insertions(database):
            self.connection.execute(statement)
        self.connection.execute("COMMIT")

    def rows(self, sql: str) -> Rows:
        """The answer, numbers made comparable. Raises the engine's error."""
        return _comparable(self.connection.execute(sql).fetchall())

    def outputs(self, sql: str) -> list[tuple[str, str]]:
        """Name of each output column; SQLite has no types."""
        with closing(self.connection.execute(sql)) as cursor:
            return [(column[0], "") for column in cursor.description]


ENGINES: dict[str, type[DuckDB] | type[SQLite]] = {"duckdb": DuckDB, "sqlite": SQLite}


@cache
def runner(engine: str, ddl: str) -> DuckDB | SQLite:
    """An in-memory database of the engine with the tables of ``ddl``, shared by all tests that use the same tables."""
    return ENGINES[engine](ddl)


def differences(original: Rows, rewritten: Rows, *, ordered: bool) -> str:
    """What tells two answers apart, "" where they are equal; order counts where it is defined."""
    if ordered and original != rewritten:
        return f"ordered rows differ:\n  {original}\n  {rewritten}"
    missing, extra = Counter(original) - Counter(rewritten), Counter(rewritten) - Counter(original)
    return f"missing {dict(missing)}, extra {dict(extra)}" if missing or extra else ""


def telling(rows: Iterable[tuple[object, ...]]) -> bool:
    """Whether an answer holds anything but NULLs and zeros."""
    return any(value not in (None, 0, "") for row in rows for value in row)


def _comparable(rows: Iterable[tuple[object, ...]]) -> Rows:
    return [tuple(map(_rounded, row)) for row in rows]


def _rounded(value: object) -> object:
    """Floats to nine digits, NaN equal to itself; decimals without trailing zeros; lists as tuples."""
    if isinstance(value, float):
        return "NaN" if isnan(value) else float(f"{value:.9g}")
    if isinstance(value, Decimal):
        return value.normalize()
    if isinstance(value, list):
        return tuple(map(_rounded, value))
    return value
