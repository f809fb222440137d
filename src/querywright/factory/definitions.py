"""Tables as CREATE TABLE statements that people and models can read."""

from __future__ import annotations

from collections.abc import Collection

from querywright.sql.names import identifier
from querywright.sql.schema import Schema, Table


def definition(table: Table, references: bool = True) -> str:
    """The statement without a semicolon: columns, primary key, further keys and, unless told otherwise, foreign keys."""
    required = {column.name.lower() for column in table.columns if column.not_null}
    keys = [key.columns for key in table.keys]
    primary = next((key for key in keys if all(name.lower() in required for name in key)), ())
    lines = [
        f"{identifier(column.name)} {column.type}{' NOT NULL' if column.not_null and column.name not in primary else ''}".rstrip()
        for column in table.columns
    ]
    lines += [f"PRIMARY KEY ({_names(primary)})"] if primary else []
    lines += [f"UNIQUE ({_names(key)})" for key in keys if key != primary]
    if references:
        lines += [
            f"FOREIGN KEY ({_names(key.columns)}) REFERENCES {identifier(key.references)} ({_names(key.references_columns)})"
            for key in table.foreign_keys
        ]
    return f"CREATE TABLE {identifier(table.name)} (\n  " + ",\n  ".join(lines) + "\n)"


def definitions(schema: Schema, read: Collection[str] | None = None) -> str:
    """The statements of all tables, or of those whose lower-case names are in ``read``, with the indexes that are there."""
    chosen = [table for table in schema.tables if read is None or table.name.lower() in read]
    statements = [f"{definition(table)};" for table in chosen]
    for table in chosen:
        for index in table.indexes:
            if not index.unique:
                statements.append(f"CREATE INDEX {identifier(index.name)} ON {identifier(table.name)} ({_names(index.columns)});")
    return "\n".join(statements)


def _names(names: Collection[str]) -> str:
    return ", ".join(map(identifier, names))
