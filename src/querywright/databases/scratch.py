"""How a sample is written on each engine: where the source is attached, how rows are hashed, what is copied besides rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from querywright.databases.names import listed, literal, table_name
from querywright.engines._sqlite_open import read_only_uri
from querywright.engines.protocol import Location
from querywright.engines.session import Session
from querywright.sql.names import quoted
from querywright.sql.schema import Table

BUCKETS = 1_000_000
"""Rows are hashed into this many buckets; a sample takes the first of them."""


class Scratch(Protocol):
    """A new database file ``path`` with the source attached read-only; ``folder`` takes a copy where reading needs one."""

    location: Location

    def source(self, table: str) -> str:
        """The table's name in the source, as written in a query."""
        ...

    def create_table(self, session: Session, table: Table) -> Iterable[str]:
        """The statements that make the table, empty, in the new file."""
        ...

    def bucket(self, columns: Sequence[str], seed: int) -> str:
        """An expression from 0 to `BUCKETS` - 1 that is equal for equal values, whatever integer type they have."""
        ...

    def views(self, session: Session) -> Mapping[str, str]:
        """The statements that make the source's views, by name, in the order they were made."""
        ...

    def finish(self, session: Session) -> Iterable[str]:
        """The statements that complete the new file once all rows are there."""
        ...


class DuckDBScratch:
    """DuckDB: both files are attached to an in-memory database, in which the views over Parquet files may live."""

    def __init__(self, source: Location, path: Path, folder: Path) -> None:
        self._files_only = source.address == ":memory:"
        attach = () if self._files_only else (f"ATTACH {literal(source.address)} AS source (READ_ONLY)",)
        self.location = Location(
            engine="duckdb",
            setup=(*source.setup, *attach, f"ATTACH {literal(str(path))} AS sample", "USE sample"),
            readable=source.readable,
            writable=True,
        )

    def source(self, table: str) -> str:
        """Files are views in the in-memory database itself."""
        catalog = "memory" if self._files_only else "source"
        return f"{catalog}.{table_name(table if '.' in table else f'main.{table}', 'duckdb')}"

    def create_table(self, session: Session, table: Table) -> Iterable[str]:
        """Without constraints: rows arrive before the rows they refer to."""
        if "." in table.name:
            yield f"CREATE SCHEMA IF NOT EXISTS {quoted(table.name.split('.', 1)[0])}"
        yield f"CREATE TABLE {table_name(table.name, 'duckdb')} AS FROM {self.source(table.name)} LIMIT 0"

    def bucket(self, columns: Sequence[str], seed: int) -> str:
        """DuckDB's hash of the values as text, since its hash of a number differs between integer types."""
        return f"hash(concat_ws('-', {listed(columns)}, {seed})) % {BUCKETS}"

    def views(self, session: Session) -> Mapping[str, str]:
        """None for files: there the views are what is sampled."""
        if self._files_only:
            return {}
        rows = session.fetch(
            "SELECT CASE schema_name WHEN 'main' THEN '' ELSE schema_name || '.' END || view_name, sql "
            "FROM duckdb_views() WHERE database_name = 'source' AND NOT internal ORDER BY view_oid"
        ).rows
        return {str(name): str(sql) for name, sql in rows}

    def finish(self, session: Session) -> Iterable[str]:
        """The file is renamed next, so nothing may be left in the log beside it."""
        return ("CHECKPOINT sample",)


class SQLiteScratch:
    """SQLite: the source is attached to the new file, which gets the source's own definitions of tables and indexes."""

    def __init__(self, source: Location, path: Path, folder: Path) -> None:
        address, self._watched = read_only_uri(Path(source.address).resolve(), folder)
        self.location = Location(
            engine="sqlite",
            address=path.resolve().as_uri(),  # as a URI, so that the address of the source counts as one too
            setup=(*source.setup, f"ATTACH {literal(address)} AS source"),
            writable=True,
        )

    def source(self, table: str) -> str:
        """In the attached source."""
        return f"source.{quoted(table)}"

    def create_table(self, session: Session, table: Table) -> Iterable[str]:
        """The source's statement, primary key and all; SQLite does not enforce foreign keys unless told to."""
        return (self._definitions(session, "table")[table.name],)

    def bucket(self, columns: Sequence[str], seed: int) -> str:
        """A square modulo a prime of the combined values; text counts by its last characters. SQLite has no hash."""
        prime = 2_147_483_647
        combined = str(seed + 1)
        for column in columns:
            name = quoted(column)
            characters = " + ".join(f"{31**power} * coalesce(unicode(substr({name}, {-1 - power}, 1)), 0)" for power in range(6))
            number = f"CASE typeof({name}) WHEN 'integer' THEN {name} % {prime} ELSE {characters} END"
            combined = f"(({combined}) * 48271 + {number}) % {prime}"
        return f"(({combined}) * 16807 % {prime} * (({combined}) * 16807 % {prime}) % {prime} % {BUCKETS})"

    def views(self, session: Session) -> Mapping[str, str]:
        """As in the source."""
        return self._definitions(session, "view")

    def finish(self, session: Session) -> Iterable[str]:
        """The source's indexes, and statistics where the source has them."""
        if self._watched is not None:
            self._watched.check()
        has_statistics = session.fetch("SELECT 1 FROM source.sqlite_master WHERE name = 'sqlite_stat1'").rows
        return (*self._definitions(session, "index").values(), *(("ANALYZE main",) if has_statistics else ()))

    def _definitions(self, session: Session, kind: str) -> Mapping[str, str]:
        rows = session.fetch(
            f"SELECT name, sql FROM source.sqlite_master WHERE type = '{kind}' AND sql IS NOT NULL "
            "AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY rowid"
        ).rows
        return {str(name): str(sql) for name, sql in rows}


SCRATCH: Mapping[str, type[DuckDBScratch] | type[SQLiteScratch]] = {
    "duckdb": DuckDBScratch,
    "sqlite": SQLiteScratch,
}
