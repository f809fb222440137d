"""Samples of a database in which rows still find the rows they join with, written to a scratch database."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from querywright.databases.database import Database
from querywright.databases.names import listed, table_name
from querywright.databases.opening import silent
from querywright.databases.premises import discover_keys
from querywright.databases.references import referring_first, sampling_columns, with_guessed_references
from querywright.databases.scratch import BUCKETS, SCRATCH, Scratch
from querywright.engines.protocol import Location
from querywright.engines.session import Session
from querywright.errors import InputError, StatementError
from querywright.settings import settings
from querywright.sql.schema import Schema, Table
from querywright.workloads.driver import FILE_SUFFIX, file_once
from querywright.workloads.protocol import Progress

LARGEST_WHOLE_TABLE = 10_000
"""Rows; tables up to this size are kept whole."""

_METHOD = 1  # raised when samples are drawn in another way, so that cached ones are not used


def sample(
    database: Database,
    fraction: float = 0.01,
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Database:
    """A scratch copy, on the same engine, of about ``fraction`` of the rows of the large tables and of all small tables.

    Rows are chosen by a hash of their key, so that order lines come with their order; every row that a chosen row refers
    to is chosen too. Keys are those of the source. The source is opened read-only; the copy lies in ``folder``, by default
    in the cache, and is used again as long as the source's files do not change.
    """
    if not 0 < fraction <= 1:
        raise InputError(f"A sample cannot hold {fraction:g} of the rows.", "Give a fraction above 0, up to 1.")
    has_keys = any(table.keys for table in database.schema.tables)
    source = database if has_keys else discover_keys(database)
    identity = hashlib.sha256(repr((_METHOD, _state(source.location), fraction, seed)).encode()).hexdigest()
    suffix = FILE_SUFFIX[source.location.engine]
    path = (folder or settings().cache / "samples") / f"sample-{identity[:16]}{suffix}"
    file_once(path, lambda partial: _write(source, fraction, seed, partial, progress))
    location = Location(source.location.engine, str(path))
    with Session(location) as session:
        schema = session.schema().with_keys(source.schema.tables)
    return Database(f"{fraction:.3g} of {source.name}", location, "sample", schema, fraction)


def _state(location: Location) -> tuple[object, ...]:
    """What a sample depends on: the location, and the size and time of last change of its files."""
    states = []
    logs = (f"{location.address}.wal", f"{location.address}-wal")
    for name in (location.address, *logs, *location.readable):
        if (file := Path(name)).is_file():
            stat = file.stat()
            states.append((name, stat.st_size, stat.st_mtime_ns))
    return (location.engine, location.address, location.setup, *states)


def _write(source: Database, fraction: float, seed: int, path: Path, progress: Progress) -> None:
    with TemporaryDirectory(prefix="querywright-") as folder:
        scratch = SCRATCH[source.location.engine](source.location, path, Path(folder))
        with Session(scratch.location) as session:
            _draw(_Copy(session, scratch), source, fraction, seed, progress)


def _draw(copy: _Copy, source: Database, fraction: float, seed: int, progress: Progress) -> None:
    session, scratch = copy.session, copy.scratch
    views = scratch.views(session)
    schema = Schema(tuple(table for table in source.schema.tables if table.name not in views))
    rows = {table.name: copy.source_rows(table) for table in schema.tables}
    schema = with_guessed_references(schema, rows)
    tables = referring_first(schema)
    for position, table in enumerate(tables):
        progress(f"Sampling {table.name}", position / len(tables))
        for statement in scratch.create_table(session, table):
            session.execute(statement)
        if rows[table.name] <= LARGEST_WHOLE_TABLE:
            copy.insert(table, ["TRUE"])
        else:
            bucket = scratch.bucket(sampling_columns(table, schema, rows), seed)
            chosen = f"{bucket} < {round(fraction * BUCKETS)}"
            copy.insert(table, [chosen, *copy.missing(table, tables[:position])])
    copy.close_circles(tables)
    for statement in views.values():
        with suppress(StatementError):  # a view of a table that is gone can be read in the source no more than here
            session.execute(statement)
    for statement in scratch.finish(session):
        session.execute(statement)


@dataclass(frozen=True, slots=True)
class _Copy:
    """Moves rows from the attached source into the new file."""

    session: Session
    scratch: Scratch

    def source_rows(self, table: Table) -> int:
        """The engine's row count where it keeps one, else counted."""
        return table.rows if table.rows is not None else self._count(self.scratch.source(table.name))

    def insert(self, table: Table, conditions: Sequence[str]) -> None:
        """Copy the rows that satisfy one of the conditions."""
        columns = listed(column.name for column in table.columns)
        rows = f"SELECT {columns} FROM {self.scratch.source(table.name)} WHERE {' OR '.join(conditions)}"
        self.session.execute(f"INSERT INTO {self._name(table)} ({columns}) {rows}")

    def missing(self, table: Table, referring: Iterable[Table]) -> list[str]:
        """Conditions for rows that copied rows of ``referring`` tables refer to and that are not copied yet."""
        sources: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for other in referring:
            for key in other.foreign_keys:
                if key.references.lower() == table.name.lower():
                    sources[key.references_columns].append(f"SELECT {listed(key.columns)} FROM {self._name(other)}")
        copied = self._name(table)
        return [
            f"({listed(columns)}) IN ({' UNION '.join(values)} EXCEPT SELECT {listed(columns)} FROM {copied})"
            for columns, values in sources.items()
        ]

    def close_circles(self, tables: Sequence[Table]) -> None:
        """Where tables refer to themselves or in a circle, add what is still missing, round by round."""
        place = {table.name.lower(): position for position, table in enumerate(tables)}
        backward = any(
            place.get(key.references.lower(), len(tables)) <= place[table.name.lower()]
            for table in tables
            for key in table.foreign_keys
        )
        before, after = -1, 0
        while backward and before != after:
            before = after
            for table in tables:
                if conditions := self.missing(table, tables):
                    self.insert(table, conditions)
            after = sum(self._count(self._name(table)) for table in tables)

    def _name(self, table: Table) -> str:
        return table_name(table.name, self.scratch.location.engine)

    def _count(self, name: str) -> int:
        ((count,),) = self.session.fetch(f"SELECT COUNT(*) FROM {name}").rows
        return int(str(count))
