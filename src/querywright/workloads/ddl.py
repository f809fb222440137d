"""The tables of a file of CREATE TABLE statements, with rows made for them: a schema of your own, without its data.

``ddl:file=schema.sql,rows=10000`` makes a database that obeys keys, foreign keys, NOT NULL and CHECK of the file, and of which
everything else is made up. It comes at every size, so that the factory works on it as on the domain schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from querywright.errors import DatabaseError
from querywright.sql.ddl import schema_of
from querywright.sql.schema import Table
from querywright.workloads import _domain
from querywright.workloads._rows_for_tables import fill
from querywright.workloads.driver import build_once, instance
from querywright.workloads.protocol import Parameter, Parameters, Progress

ENGINES = _domain.ENGINES
PARAMETERS = {
    "file": Parameter("", "a file of CREATE TABLE statements", file=True),
    "dialect": Parameter("duckdb", "what the file is written for", choices=("duckdb", "postgres", "mysql", "sqlite")),
    **_domain.PARAMETERS,
}
QUERY_NAMES: tuple[str, ...] = ()
GENERATOR = 1


def tables(parameters: Parameters) -> tuple[Table, ...]:
    """All columns, keys and foreign keys as the file defines them, with DuckDB's types.

    Raises `DatabaseError` for a file without a table, and `QueryError` for statements that are not understood.
    """
    path = Path(parameters["file"])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatabaseError(f"{path} is not UTF-8 text.", "Name a file of CREATE TABLE statements.") from error
    found = schema_of(text, parameters["dialect"], str(path), "duckdb").tables
    if not found:
        raise DatabaseError(f"{path} creates no table.", "Name a file of CREATE TABLE statements.")
    return found


def queries(engine: str) -> Mapping[str, str]:
    """None: there are as many as the factory draws."""
    return {}


def build(path: Path, engine: str, parameters: Parameters, progress: Progress) -> None:
    """Make the rows in DuckDB; the SQLite edition is a copy of the DuckDB one."""
    if engine == "duckdb":
        import duckdb

        with duckdb.connect(str(path)) as connection:
            _domain.define_macros(connection, parameters["seed"])
            fill(connection, tables(parameters), float(parameters["rows"]), progress)
            connection.execute("CHECKPOINT")
        return
    from querywright.workloads._sqlite import copy_to_sqlite

    given = {name: parameters[name] for name in ("file", "dialect", "rows", "seed")}
    source = build_once(instance("ddl", given), progress)
    copy_to_sqlite(source, path, tables(parameters), parameters["keys"] == "indexed", progress)
