"""TPC data and queries from DuckDB's own generator extensions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from querywright.errors import DatabaseError, MissingExtraError
from querywright.sql.schema import Table
from querywright.workloads.driver import cache_folder, file_once
from querywright.workloads.protocol import Progress

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def generate(path: Path, extension: str, procedure: str, scale: str, declared: Iterable[Table], progress: Progress) -> None:
    """Write the tables of ``CALL procedure(sf=scale)`` into a new DuckDB file.

    Raises `MissingExtraError` where the extension is not installed, `DatabaseError` where it cannot finish, or where its rows
    break a key of ``declared``: TPC-H repeats keys of partsupp at some scale factors below one, such as 0.0125.
    """
    import duckdb

    progress(f"Generating {extension} at scale factor {scale}", None)
    with duckdb.connect(str(path)) as connection:
        _load(connection, extension)
        try:
            connection.execute(f"CALL {procedure}(sf={scale})")
            connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            raise DatabaseError(
                f"{extension} at scale factor {scale} could not be generated: {error}",
                "Try a smaller scale factor, or free memory and disk space in the cache folder.",
            ) from error
        for table in declared:
            for key in table.keys:
                _check_key(connection, f"{extension} at scale factor {scale}", table.name, key.columns)
    progress(f"Generated {extension} at scale factor {scale}", 1.0)


def _check_key(connection: DuckDBPyConnection, data: str, table: str, columns: Sequence[str]) -> None:
    key = ", ".join(columns)
    if connection.execute(f"SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1 LIMIT 1").fetchone():
        raise DatabaseError(
            f"{data} breaks its own key: {table}({key}) has duplicates.", "Use another scale factor, such as 0.01."
        )


@cache
def query_texts(extension: str) -> Mapping[int, str]:
    """The queries of a TPC extension by number, in DuckDB's dialect; kept in the cache once read."""

    def write(path: Path) -> None:
        import duckdb

        with duckdb.connect() as connection:
            _load(connection, extension)
            rows = connection.execute(f"SELECT query_nr, query FROM {extension}_queries() ORDER BY 1").fetchall()
        path.write_text(json.dumps({number: text.rstrip().rstrip(";") for number, text in rows}), encoding="utf-8")

    path = file_once(cache_folder() / f"{extension}-queries.json", write)
    return {int(number): text for number, text in json.loads(path.read_text(encoding="utf-8")).items()}


def _load(connection: DuckDBPyConnection, extension: str) -> None:
    """Install the extension from its Python package, never from the network, and load it."""
    import duckdb

    try:
        from duckdb_extensions import import_extension

        import_extension(extension)
        connection.execute(f"LOAD {extension}")
    except (ImportError, duckdb.Error) as error:
        raise MissingExtraError(
            f"The {extension} generator is not installed for DuckDB {duckdb.__version__}: {error}",
            "Install it with: pip install 'querywright[tpc]' 'duckdb>=1.5,<1.6'\n"
            "A database generated that way can then be read by DuckDB 2 as well.",
        ) from error
