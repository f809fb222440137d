"""The promises that several databases of one schema all keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from querywright.errors import DatabaseError
from querywright.sql.schema import Schema, Table


def weakest(schemas: Iterable[Schema]) -> Schema:
    """The first schema with only those keys, references and NOT NULLs that the others have as well.

    Raises `DatabaseError` where another one lacks a table or column.
    """
    first, *others = schemas
    return Schema(tuple(_weakest(table, [_counterpart(table, other) for other in others]) for table in first.tables))


def _counterpart(table: Table, schema: Schema) -> Table:
    found = schema.table(table.name)
    if found is None or any(found.column(column.name) is None for column in table.columns):
        raise DatabaseError(f"A hidden database lacks the table {table.name} or a column of it.", "Give it the same schema.")
    return found


def _weakest(table: Table, others: list[Table]) -> Table:
    never_null = {
        column.name for column in table.columns if all((same := other.column(column.name)) and same.not_null for other in others)
    }
    columns = tuple(column if column.name in never_null else replace(column, not_null=None) for column in table.columns)
    keys = tuple(key for key in table.keys if all(key.columns in {one.columns for one in other.keys} for other in others))
    foreign = tuple(
        key
        for key in table.foreign_keys
        if all((key.columns, key.references) in {(one.columns, one.references) for one in other.foreign_keys} for other in others)
    )
    return replace(table, columns=columns, keys=keys, foreign_keys=foreign)
