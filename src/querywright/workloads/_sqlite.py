"""SQLite editions of workloads that are generated in DuckDB: the tables copied, the queries translated."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from querywright.sql.names import quoted
from querywright.sql.schema import Table
from querywright.workloads.protocol import Progress

_BATCH = 20_000
_DATE_FORMATS = {"year": "%Y", "month": "%m", "day": "%d"}


def copy_to_sqlite(source: Path, path: Path, declared: Iterable[Table], indexed: bool, progress: Progress) -> None:
    """Copy the tables of a DuckDB file into a new SQLite file that has the primary keys of ``declared``.

    ``indexed`` adds an index for each foreign key and runs ANALYZE. Types are chosen for SQLite's affinities:
    DECIMAL becomes REAL, since SQLite has no decimals and NUMERIC would store 12.00 as an integer, which then
    divides as one; dates become ISO text, which compares and sorts as the dates do.
    """
    import duckdb

    constraints = {table.name: table for table in declared}
    with duckdb.connect(str(source), read_only=True) as origin, closing(sqlite3.connect(path)) as target:
        # Nobody sees the file before it is complete, so its writes need no journal.
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        sizes = dict(origin.execute("SELECT table_name, estimated_size FROM duckdb_tables() ORDER BY 1").fetchall())
        done, total = 0, sum(sizes.values()) or 1
        for table in sizes:
            described = origin.execute(
                "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
                [table],
            ).fetchall()
            target.execute(_create_table(table, described, constraints.get(table)))
            values = ", ".join(_sqlite_value(name, type_name) for name, type_name, _ in described)
            rows = origin.execute(f"SELECT {values} FROM {quoted(table)}")
            insert = f"INSERT INTO {quoted(table)} VALUES ({', '.join('?' * len(described))})"
            while batch := rows.fetchmany(_BATCH):
                target.executemany(insert, batch)
                done += len(batch)
                progress(f"Copying {table} to SQLite", min(done / total, 1.0))
        if indexed:
            for statement in _foreign_key_indexes(constraints.values()):
                target.execute(statement)
            target.execute("ANALYZE")
        target.commit()


def _affinity(duckdb_type: str) -> str:
    if duckdb_type.endswith("INT") or duckdb_type == "INTEGER":
        return "INTEGER"
    return "REAL" if duckdb_type.startswith(("DECIMAL", "DOUBLE", "FLOAT")) else "TEXT"


def _sqlite_value(name: str, duckdb_type: str) -> str:
    sqlite_type = {"INTEGER": "BIGINT", "REAL": "DOUBLE", "TEXT": "VARCHAR"}[_affinity(duckdb_type)]
    return f"CAST({quoted(name)} AS {sqlite_type})"


def _create_table(name: str, columns: list[tuple[str, str, bool]], declared: Table | None) -> str:
    required = {column.name for column in declared.columns if column.not_null} if declared else set()
    # NULLs may repeat in a key, and an INTEGER PRIMARY KEY would put numbers in their place.
    key = next((key.columns for key in declared.keys if required.issuperset(key.columns)), ()) if declared else ()
    lines = [
        f"{quoted(column)} {_affinity(type_name)}{'' if nullable and column not in required else ' NOT NULL'}"
        for column, type_name, nullable in columns
    ]
    if key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quoted, key))})")
    return f"CREATE TABLE {quoted(name)} (\n  " + ",\n  ".join(lines) + "\n)"


def _foreign_key_indexes(tables: Iterable[Table]) -> Iterable[str]:
    for table in tables:
        for key in table.foreign_keys:
            name = f"{table.name}_{'_'.join(key.columns)}"
            yield f"CREATE INDEX {quoted(name)} ON {quoted(table.name)} ({', '.join(map(quoted, key.columns))})"


def translate_to_sqlite(queries: Mapping[str, str]) -> dict[str, str]:
    """DuckDB queries in SQLite's dialect, for tables made by `copy_to_sqlite`."""
    import sqlglot
    from sqlglot import exp

    def translated(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Cast) and node.is_type("date", "timestamp") and isinstance(node.this, exp.Literal):
            # Dates are ISO text; SQLite's CAST would keep only the leading number, 1994 of '1994-01-01'.
            return node.this
        if isinstance(node, exp.Extract) and node.name.lower() in _DATE_FORMATS:
            return date_part(node.name.lower(), node.expression)
        if isinstance(node, exp.Year | exp.Month | exp.Day):
            return date_part(node.key, node.this)
        if isinstance(node, exp.Subquery) and node.alias_column_names:
            move_column_names(node)
        return node

    def date_part(part: str, value: exp.Expression) -> exp.Expression:
        arguments = [exp.Literal.string(_DATE_FORMATS[part]), value.copy()]
        return exp.cast(exp.Anonymous(this="STRFTIME", expressions=arguments), "INTEGER")

    def move_column_names(subquery: exp.Subquery) -> None:
        """SQLite has no ``AS t (a, b)``: name the columns in the subquery itself."""
        names = subquery.alias_column_names
        select = subquery.this
        select.set(
            "expressions",
            [exp.alias_(column.unalias(), name) for column, name in zip(select.expressions, names, strict=True)],
        )
        subquery.args["alias"].set("columns", None)

    return {
        name: sqlglot.parse_one(text, read="duckdb").transform(translated).sql("sqlite", pretty=True)
        for name, text in queries.items()
    }
