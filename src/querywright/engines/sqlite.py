"""SQLite, through Python's own driver.

The user's database is opened read-only (see `querywright.engines._sqlite_open`). Nothing can be attached, and while a query
is prepared an authorizer allows only reading and calling functions. Temporary tables and sorts live in the spill folder.
"""

from __future__ import annotations

import datetime
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Literal

from querywright.engines._files import MEMORY, SpillFolder, existing_file
from querywright.engines._sqlite_catalog import read_schema
from querywright.engines._sqlite_open import Watched, read_only_uri
from querywright.engines._sqlite_plan import read_plan
from querywright.engines._text import bare, missing_value, quoted
from querywright.engines.protocol import Capabilities, Limits, Location, PlanNode, ResultSet, Value
from querywright.errors import (
    BindingError,
    DatabaseError,
    StatementError,
    StatementOutOfMemory,
    StatementTimeout,
)
from querywright.sql.schema import Schema, Table
from querywright.values import Bindings

CAPABILITIES = Capabilities(
    dialect="sqlite",
    version=sqlite3.sqlite_version,
    enforces_keys=True,
    interrupts=True,
    memory_limit=True,
    actual_rows=False,
    exact_decimals=False,
    typed_columns=False,
    default_null_order="nulls_are_small",
    gaps={
        "actual rows": "EXPLAIN QUERY PLAN knows neither rows nor times, and there is no EXPLAIN ANALYZE",
        "plan tables": "EXPLAIN QUERY PLAN names tables by their aliases",
        "column types": "the type of a result's column is not known before its rows are; `describe` says ''",
        "decimals": "there is no exact decimal type: DECIMAL columns hold integers and floating-point numbers",
        "dates": "there is no date type: dates are text",
        "foreign keys": "they are declared, and enforced only for writers that turn them on",
        "checks": "CHECK constraints are not in the catalog",
        "threads": "a statement runs in one thread",
    },
)

_BUSY_S = 2.0
_READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_RECONFIGURING = {sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}
_RESULT = "querywright_result"
_Mode = Literal["trusted", "statement", "query"]


class SQLiteConnection:
    """An open SQLite database; see `querywright.engines.protocol.Connection`."""

    def __init__(self, location: Location, limits: Limits) -> None:
        self._writable = location.writable
        self._mode: _Mode = "trusted"
        self._accepted: set[str] = set()
        self._watched: Watched | None = None
        self._spill = SpillFolder(limits)
        with ExitStack() as undoing:
            undoing.callback(self._spill.close)
            # SQLite asks the environment where temporary files go; they are unlinked as soon as they are open.
            os.environ["SQLITE_TMPDIR"] = str(self._spill.path)
            self._connection = self._open(location, limits)
            undoing.pop_all()

    def schema(self) -> Schema:
        """Tables and views with what SQLite enforces or declares."""
        with self._guarded():
            return read_schema(lambda sql, *values: self._connection.execute(sql, values).fetchall())

    def describe(self, sql: str, parameters: Bindings = ()) -> tuple[tuple[str, str], ...]:
        """(name, "") of each output column; repeated names get SQLite's suffixes ``:1``, ``:2``, …."""
        query = self._query(sql, parameters)
        with self._guarded("query"):
            cursor = self._run(f"SELECT * FROM ({query}) LIMIT 0", parameters)
            return tuple((column[0], "") for column in cursor.description)

    def fetch(self, sql: str, parameters: Bindings = (), max_rows: int | None = None) -> ResultSet:
        """The rows of a query, at most ``max_rows``."""
        query = self._query(sql, parameters)
        with self._guarded("query"):
            cursor = self._run(query, parameters)
            rows = cursor.fetchall() if max_rows is None else cursor.fetchmany(max_rows + 1)
            columns = tuple(column[0] for column in cursor.description)
            cursor.close()
        complete = max_rows is None or len(rows) <= max_rows
        return ResultSet(columns, ("",) * len(columns), tuple(rows if complete else rows[:max_rows]), complete)

    @contextmanager
    def prepared(self, sql: str, parameters: Bindings = ()) -> Iterator[str]:
        """The query itself: the driver keeps the statements that it ran last."""
        yield sql

    def materialize(self, sql: str, parameters: Bindings = ()) -> None:
        """Run a query into a temporary table and drop it.

        This takes a third of the time that handing the rows to Python and dropping them there takes, and no column is left out.
        """
        query = self._query(sql, parameters)
        self.drop(_RESULT)  # an interrupt may have hit the removal of an earlier one
        with self._guarded():
            self._run(f"CREATE TEMP TABLE {_RESULT} AS {query}", parameters)
        self.drop(_RESULT)

    def store(self, table: str, sql: str, parameters: Bindings = ()) -> int:
        """Put a query's rows into a temporary table; return the row count.

        Its columns have no type: SQLite would otherwise convert values on the way in.
        """
        query = self._query(sql, parameters)
        names = [name for name, _ in self.describe(query, parameters)]
        self.drop(table)
        with self._guarded():
            self._run(f"CREATE TEMP TABLE {quoted(table)} ({', '.join(map(quoted, names))})")
            return self._run(f"INSERT INTO temp.{quoted(table)} {query}", parameters).rowcount

    def drop(self, table: str) -> None:
        """Remove a temporary table, if it is there."""
        with self._guarded():
            self._run(f"DROP TABLE IF EXISTS temp.{quoted(table)}")

    def explain(self, sql: str, parameters: Bindings = (), analyze: bool = False) -> PlanNode:
        """The execution plan; ``analyze`` adds nothing (a declared gap) and does not run the query."""
        query = self._query(sql, parameters)
        with self._guarded():
            return read_plan(self._run(f"EXPLAIN QUERY PLAN {query}", parameters).fetchall())

    def execute(self, statement: str) -> None:
        """Run a statement; on read-only locations only one that touches the session's own temporary objects."""
        with self._guarded("trusted" if self._writable else "statement"):
            self._run(statement).fetchall()

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """Append rows in one transaction; dates and decimals become text and floating-point numbers."""
        names, marks = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
        values = ([_storable(value) for value in row] for row in rows)
        with self._guarded(), self._connection:  # which commits, or rolls back
            self._connection.execute("BEGIN")
            self._connection.executemany(f"INSERT INTO {quoted(table)} ({names}) VALUES ({marks})", values)

    def interrupt(self) -> None:
        """Stop the running statement."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the database and remove the private spill folder."""
        self._connection.close()
        self._spill.close()

    def _open(self, location: Location, limits: Limits) -> sqlite3.Connection:
        if location.address == MEMORY or location.writable:
            address = location.address
        else:
            path = existing_file(location.address, "SQLite", b"SQLite format 3\x00")
            address, self._watched = read_only_uri(path, self._spill.path)
        try:
            connection = sqlite3.connect(
                address,
                uri=address.startswith("file:"),
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("PRAGMA trusted_schema = OFF")
            if limits.memory_bytes is not None:
                connection.execute(f"PRAGMA hard_heap_limit = {limits.memory_bytes}")
            if location.writable:  # scratch databases are rebuilt after a crash, never repaired
                connection.execute("PRAGMA journal_mode = MEMORY")
                connection.execute("PRAGMA synchronous = OFF")
            for statement in location.setup:
                connection.execute(statement)
        except sqlite3.Error as error:
            raise _unopened(location.address, str(error)) from error
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_authorizer(self._authorize)
        return connection

    def _authorize(self, action: int, *_: str | None) -> int:
        denied = (self._mode == "query" and action not in _READING) or (self._mode == "statement" and action in _RECONFIGURING)
        return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK

    def _query(self, sql: str, parameters: Bindings) -> str:
        """The text to run, ready to stand inside another statement; refused unless it can stand as a subquery."""
        text = bare(sql)
        if text not in self._accepted:
            if not text:
                raise StatementError("Expected one query, found none.")
            with self._guarded("query"):
                self._run(f"EXPLAIN SELECT * FROM ({text})", parameters).close()
            self._accepted.add(text)
        return text

    @contextmanager
    def _guarded(self, mode: _Mode = "trusted") -> Iterator[None]:
        """Translate errors, and restrict what may be prepared meanwhile."""
        self._mode = mode
        try:
            yield
        except sqlite3.Error as error:
            raise _translated(error) from error
        except MemoryError as error:
            raise StatementOutOfMemory("The statement passed its memory limit.") from error
        finally:
            self._mode = "trusted"
        if self._watched is not None:
            self._watched.check()

    def _run(self, sql: str, parameters: Bindings = ()) -> sqlite3.Cursor:
        if not parameters:
            return self._connection.execute(sql)
        try:
            return self._connection.execute(sql, dict(parameters))
        except sqlite3.ProgrammingError as error:
            if "has no name" not in str(error):
                raise
        # `?` has no name: values go by position.
        return self._connection.execute(sql, tuple(value for _, value in parameters))


def connect(location: Location, limits: Limits) -> SQLiteConnection:
    """Open the database; raises `DatabaseError` where it is missing, unreadable, locked or not a database."""
    return SQLiteConnection(location, limits)


def create_table(table: object) -> str:
    """CREATE TABLE with types, NOT NULLs and keys (as UNIQUE); without foreign keys and checks, so that any order works."""
    assert isinstance(table, Table)
    lines = [f"{quoted(c.name)} {c.type}{' NOT NULL' if c.not_null else ''}" for c in table.columns]
    lines += [f"UNIQUE ({', '.join(map(quoted, key.columns))})" for key in table.keys]
    return f"CREATE TABLE {quoted(table.name)} ({', '.join(lines)})"


def _unopened(address: str, message: str) -> DatabaseError:
    if "locked" in message:
        return DatabaseError(
            f"{address} is locked by another program.", "Wait for it or close it, or work on a copy of the file."
        )
    if "readonly" in message:
        return DatabaseError(
            f"{address} has an unfinished transaction of a program that crashed.",
            f"Let SQLite roll it back: sqlite3 '{address}' 'SELECT count(*) FROM sqlite_master'",
        )
    return DatabaseError(f"{address} cannot be opened: {message}.", "Check that the file is intact.")


def _translated(error: sqlite3.Error) -> Exception:
    message = str(error)
    if message == "interrupted":
        return StatementTimeout("The statement was stopped.")
    if message == "out of memory":
        return StatementOutOfMemory("The statement passed its memory limit.")
    if "did not supply a value for binding" in message:
        return missing_value(message.rpartition(" ")[2].strip(":$?@."), ())
    if "Incorrect number of bindings" in message:
        return BindingError(f"The parameter values do not fit the query: {message}")
    if message == "not authorized":
        return StatementError("The statement is refused here: only queries may run.")
    return StatementError(message)


def _storable(value: Value) -> Value:
    match value:
        case Decimal():
            return float(value)
        case datetime.datetime():
            return value.isoformat(" ")
        case datetime.date() | datetime.time():
            return value.isoformat()
    return value
