"""DuckDB 1.5 and 2.0, embedded.

The user's database is opened read-only. After the location's ``setup`` has run, the session loses access to all files but the
database and ``readable``, and its configuration is locked. Because DuckDB lets a session write wherever it may read, queries are
parsed first and anything but a SELECT is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import duckdb
from duckdb import StatementType

from querywright.engines._duckdb_catalog import read_schema
from querywright.engines._duckdb_plan import read_plan
from querywright.engines._files import MEMORY, SpillFolder, existing_file
from querywright.engines._literals import literal
from querywright.engines._text import bare, quoted, with_literals
from querywright.engines.protocol import Capabilities, Limits, Location, PlanNode, ResultSet, Value
from querywright.errors import (
    DatabaseError,
    ExecutionError,
    StatementError,
    StatementOutOfMemory,
    StatementTimeout,
)
from querywright.sql.schema import Schema, Table
from querywright.values import Bindings

CAPABILITIES = Capabilities(
    dialect="duckdb",
    version=version("duckdb"),
    enforces_keys=True,
    interrupts=True,
    memory_limit=True,
    actual_rows=True,
    exact_decimals=True,
    typed_columns=True,
    default_null_order="nulls_are_last",
    gaps={
        "time zones": "cells of type TIMESTAMP WITH TIME ZONE are fetched as text: the driver would need pytz",
        "dynamic pivot": "PIVOT without IN is several statements, not one query",
    },
)

_INSERT_ROWS = 500
_MOST_ACCEPTED = 1000
"""Texts that are known to be queries; sessions of a server see new ones without end."""

_SESSION_STATEMENTS = {
    StatementType.SELECT,
    StatementType.CREATE,
    StatementType.DROP,
    StatementType.INSERT,
    StatementType.UPDATE,
    StatementType.DELETE,
    StatementType.ALTER,
}
# A relation is lazy: this runs it to the end and keeps all columns of all rows as DuckDB's own vectors. 2.0 renamed it.
_materialized = getattr(duckdb.DuckDBPyRelation, "materialize", None) or duckdb.DuckDBPyRelation.execute


class DuckDBConnection:
    """An open DuckDB database; see `querywright.engines.protocol.Connection`."""

    def __init__(self, location: Location, limits: Limits) -> None:
        self._writable = location.writable
        self._accepted: set[str] = set()
        self._prepared: dict[str, str] = {}
        self._spill = SpillFolder(limits)
        with ExitStack() as undoing:
            undoing.callback(self._spill.close)
            self._connection = _open(location, limits, self._spill.path)
            undoing.pop_all()

    def schema(self) -> Schema:
        """Tables and views with what DuckDB enforces."""
        with _errors_translated():
            return read_schema(lambda sql: self._connection.execute(sql).fetchall())

    def describe(self, sql: str, parameters: Bindings = ()) -> tuple[tuple[str, str], ...]:
        """(name, type) of each output column."""
        query = self._query(sql, parameters)
        with _errors_translated():
            return tuple((row[0], row[1]) for row in self._connection.execute(f"DESCRIBE {query}").fetchall())

    def fetch(self, sql: str, parameters: Bindings = (), max_rows: int | None = None) -> ResultSet:
        """The rows of a query, at most ``max_rows``."""
        query = self._query(sql, parameters)
        with _errors_translated():
            described = [(str(column[0]), str(column[1])) for column in self._run(query).description or ()]
            if any("TIME ZONE" in kind for _, kind in described):
                self._run(_zoned_as_text(self._prepared.get(query, query), [kind for _, kind in described]))
            rows = self._connection.fetchall() if max_rows is None else self._connection.fetchmany(max_rows + 1)
        complete = max_rows is None or len(rows) <= max_rows
        return ResultSet(
            columns=tuple(name for name, _ in described),
            types=tuple(kind for _, kind in described),
            rows=tuple(rows if complete else rows[:max_rows]),
            complete=complete,
        )

    @contextmanager
    def prepared(self, sql: str, parameters: Bindings = ()) -> Iterator[str]:
        """A statement for `fetch` that runs a query by a plan that is kept; see the protocol for when that is safe."""
        query = self._query(sql, parameters)
        name = f"querywright_prepared_{len(self._prepared)}"
        with _errors_translated():
            self._run(f"PREPARE {name} AS {query}")
        again = f"EXECUTE {name}"
        self._prepared[again] = query
        try:
            yield again
        finally:
            del self._prepared[again]
            with _errors_translated():
                self._run(f"DEALLOCATE {name}")

    def materialize(self, sql: str, parameters: Bindings = ()) -> None:
        """Run a query to the end into DuckDB's own vectors and drop them.

        The rows are not counted: DuckDB 1.5 answers ``len`` of a relation by running its query again, as a COUNT.
        """
        query = self._query(sql, parameters)
        with _errors_translated():
            _materialized(self._connection.sql(query))

    def store(self, table: str, sql: str, parameters: Bindings = ()) -> int:
        """Put a query's rows into a temporary table; return the row count."""
        query = self._query(sql, parameters)
        with _errors_translated():
            stored = self._run(f"CREATE OR REPLACE TEMPORARY TABLE {quoted(table)} AS {query}").fetchone()
        return int(stored[0]) if stored else 0

    def drop(self, table: str) -> None:
        """Remove a temporary table, if it is there."""
        with _errors_translated():
            self._run(f"DROP TABLE IF EXISTS temp.main.{quoted(table)}")

    def explain(self, sql: str, parameters: Bindings = (), analyze: bool = False) -> PlanNode:
        """The execution plan; with ``analyze`` also actual rows and times."""
        query = self._query(sql, parameters)
        options = "ANALYZE, FORMAT json" if analyze else "FORMAT json"
        with _errors_translated():
            row = self._run(f"EXPLAIN ({options}) {query}").fetchone()
        if row is None:
            raise StatementError("DuckDB returned no plan for this statement.")
        return read_plan(row[1])

    def execute(self, statement: str) -> None:
        """Run a statement; on read-only locations only one that touches the session's own temporary objects."""
        with _errors_translated():
            if not self._writable:
                for parsed in self._connection.extract_statements(statement):
                    if parsed.type not in _SESSION_STATEMENTS:
                        raise _refused(parsed.type.name)
            self._run(statement)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """Append rows; sent as literals, which the driver handles ten times faster than parameters."""
        target = f"{_qualified(table)} ({', '.join(map(quoted, columns))})"
        tuples = ["(" + ", ".join(map(literal, row)) + ")" for row in rows]
        with _errors_translated():
            for start in range(0, len(tuples), _INSERT_ROWS):
                self._run(f"INSERT INTO {target} VALUES {', '.join(tuples[start : start + _INSERT_ROWS])}")

    def interrupt(self) -> None:
        """Stop the running statement."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the database and remove the private spill folder."""
        self._connection.close()
        self._spill.close()

    def _run(self, sql: str) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(sql)

    def _query(self, sql: str, parameters: Bindings) -> str:
        """The text to run: one SELECT, with its parameters filled in, ready to stand inside another statement."""
        text = bare(with_literals(sql, parameters))
        if text not in self._accepted and text not in self._prepared:
            with _errors_translated():
                statements = self._connection.extract_statements(text)
            if len(statements) != 1:
                raise StatementError(f"Expected one query, found {len(statements)} statements.")
            if statements[0].type != StatementType.SELECT:
                raise _refused(statements[0].type.name)
            if len(self._accepted) >= _MOST_ACCEPTED:
                self._accepted.clear()
            self._accepted.add(text)
        return text


def connect(location: Location, limits: Limits) -> DuckDBConnection:
    """Open the database; raises `DatabaseError` where it is missing, unreadable, locked or of a newer version."""
    return DuckDBConnection(location, limits)


def create_table(table: object) -> str:
    """CREATE TABLE with types, NOT NULLs and keys (as UNIQUE); without foreign keys and checks, so that any order works."""
    assert isinstance(table, Table)
    lines = [f"{quoted(c.name)} {c.type}{' NOT NULL' if c.not_null else ''}" for c in table.columns]
    lines += [f"UNIQUE ({', '.join(map(quoted, key.columns))})" for key in table.keys]
    schema, _, _ = table.name.rpartition(".")
    preparation = f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)};\n" if schema else ""
    return f"{preparation}CREATE TABLE {_qualified(table.name)} ({', '.join(lines)})"


def _open(location: Location, limits: Limits, spill: Path) -> duckdb.DuckDBPyConnection:
    in_memory = location.address == MEMORY
    if in_memory or location.writable:
        address = location.address
    else:
        address = str(existing_file(location.address, "DuckDB", b"DUCK", offset=8))
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "python_enable_replacements": "false",
        "temp_directory": str(spill / "duckdb"),
    }
    if limits.threads is not None:
        settings["threads"] = str(limits.threads)
    if limits.memory_bytes is not None:
        settings["memory_limit"] = f"{limits.memory_bytes}B"
    if limits.spill_bytes is not None:
        settings["max_temp_directory_size"] = f"{limits.spill_bytes}B"
    try:
        connection = duckdb.connect(address, read_only=not in_memory and not location.writable, config=settings)
    except duckdb.Error as error:
        raise _unopened(location.address, str(error)) from error
    try:
        for statement in location.setup:
            connection.execute(statement)
        folders = [str(Path(path).resolve()) for path in location.readable if Path(path).is_dir()]
        files = [str(Path(path).resolve()) for path in location.readable if not Path(path).is_dir()]
        # The views name their files as the user typed them, which may be a relative path or lead through links.
        folders += [path for path in location.readable if Path(path).is_dir()]
        files += [path for path in location.readable if not Path(path).is_dir()]
        connection.execute(f"SET allowed_directories = {literal(folders)}")
        connection.execute(f"SET allowed_paths = {literal(files)}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise DatabaseError(
            f"{location.address}: the database could not be set up: {_message(error)}",
            "Check that the files it reads are there and intact.",
        ) from error
    return connection


def _unopened(address: str, message: str) -> DatabaseError:
    if "lock on file" in message:
        holder = message.partition("(PID ")[2].partition(")")[0]
        return DatabaseError(
            f"{address} is open for writing in another program{f' (process {holder})' if holder else ''}.",
            "Close that program, or work on a copy of the file.",
        )
    if "version number" in message:
        return DatabaseError(
            f"{address} was written by a newer DuckDB than the installed {CAPABILITIES.version}.",
            "Install the newer version: pip install --upgrade duckdb",
        )
    if "Permission denied" in message:
        return DatabaseError(f"{address}: permission denied.", f"Make it readable: chmod u+r '{address}'")
    return DatabaseError(f"{address} cannot be opened: {message.strip().splitlines()[0]}", "Check that the file is intact.")


@contextmanager
def _errors_translated() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise StatementTimeout("The statement was stopped.") from error
    except duckdb.OutOfMemoryException as error:
        raise StatementOutOfMemory(_message(error)) from error
    except duckdb.Error as error:
        raise StatementError(_message(error)) from error


def _message(error: Exception) -> str:
    """DuckDB's message without the excerpt of the statement that follows it."""
    return str(error).partition("\n\n")[0].strip()


def _refused(kind: str) -> ExecutionError:
    return StatementError(f"{kind} statements are refused here: only queries may run.")


def _zoned_as_text(query: str, kinds: Sequence[str]) -> str:
    names = [f"c{position}" for position in range(len(kinds))]
    cells = (f"CAST({name} AS VARCHAR)" if "TIME ZONE" in kind else name for name, kind in zip(names, kinds, strict=True))
    return f"SELECT {', '.join(cells)} FROM ({query}) AS q({', '.join(names)})"


def _qualified(table: str) -> str:
    return ".".join(quoted(part) for part in table.split(".", 1))
