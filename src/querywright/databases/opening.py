"""Opens what ``--db`` names: a database file, files of Parquet or CSV, a URL, or a workload that is generated if need be."""

from __future__ import annotations

import glob
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from querywright.databases.database import Database
from querywright.databases.files import is_data_file, locate_files
from querywright.databases.specification import ACCEPTED, workload_instance
from querywright.engines.protocol import Location
from querywright.engines.session import Host, Session
from querywright.errors import DatabaseError, StatementError
from querywright.workloads.driver import Instance, build_once
from querywright.workloads.protocol import Progress

_FILE_ENGINES = {"duckdb": "DuckDB", "sqlite": "SQLite"}
_ENGINES_TO_COME = {
    "postgresql": "PostgreSQL",
    "postgres": "PostgreSQL",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "spark": "Spark",
}


def silent(message: str, fraction: float | None) -> None:
    """A progress callback that shows nothing."""


def open_database(specification: str, progress: Progress = silent, host: Host | None = None) -> Database:
    """The database that ``specification`` names, opened read-only once to read its schema, in the process of ``host`` if given.

    The declared keys of a workload are merged into the schema. Raises `DatabaseError` for anything that cannot be opened and
    `MissingExtraError` for a workload whose generator is not installed.
    """
    chosen = workload_instance(specification)
    if chosen is not None:
        return _open_workload(chosen, progress, host)
    location = _locate_url(specification) if "://" in specification else _locate_path(specification)
    database = _opened(Path(specification.rstrip("/")).name, specification, location, host)
    again = specification if "://" in specification else str(Path(specification).expanduser().absolute())
    return replace(database, specification=again)


def _open_workload(chosen: Instance, progress: Progress, host: Host | None) -> Database:
    path = build_once(chosen, progress)
    database = _opened(chosen.label, chosen.label, Location(chosen.engine, str(path)), host)
    declared = chosen.workload.tables(chosen.parameters)
    return replace(database, schema=database.schema.with_keys(declared), specification=chosen.label)


def _opened(name: str, specification: str, location: Location, host: Host | None) -> Database:
    try:
        with Session(location, host=host) as session:
            schema = session.schema()
    except (DatabaseError, StatementError) as error:
        # What the engine says of a file names it; what it says of views over files does not.
        if location.address != ":memory:" and isinstance(error, DatabaseError):
            raise
        raise DatabaseError(f"{specification} cannot be opened: {error.message}", error.remedy or ACCEPTED) from error
    if not schema.tables:
        raise DatabaseError(f"{specification} has no tables.", "Load data into it, or name another database.")
    return Database(name=name, location=location, role="full", schema=schema)


def _locate_url(url: str) -> Location:
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme in _ENGINES_TO_COME:
        raise DatabaseError(f"{_ENGINES_TO_COME[scheme]} databases are not available yet.", ACCEPTED)
    if scheme not in _FILE_ENGINES:
        raise DatabaseError(f"{scheme}:// is not a scheme that can be opened.", ACCEPTED)
    path = Path(unquote(rest))
    if not path.exists() and path.is_absolute():
        # Many tools write a relative path as sqlite:///shop.db.
        path = next((p for p in [Path(str(path).lstrip("/"))] if p.exists()), path)
    location = _locate_path(str(path))
    if location.engine != scheme or location.address == ":memory:":
        raise DatabaseError(f"{path} is not a {_FILE_ENGINES[scheme]} file.", "Leave out the scheme to have it detected.")
    return location


def _locate_path(specification: str) -> Location:
    path = Path(specification).expanduser()
    try:
        if path.is_dir() or (not path.exists() and glob.has_magic(specification)):
            return locate_files(str(path))
        if not path.exists():
            raise DatabaseError(f"{specification} does not exist.", ACCEPTED)
        with path.open("rb") as stream:
            header = stream.read(16)
    except OSError as error:
        raise DatabaseError(f"{specification} cannot be read: {error.strerror}.", ACCEPTED) from error
    if not header:
        raise DatabaseError(f"{specification} is empty.", ACCEPTED)
    if header.startswith(b"SQLite format 3\0"):
        return Location("sqlite", str(path.resolve()))
    if header[8:12] == b"DUCK":
        return Location("duckdb", str(path.resolve()))
    if is_data_file(path):
        return locate_files(str(path))
    raise DatabaseError(f"{specification} is neither a DuckDB nor a SQLite file.", ACCEPTED)
