"""Which tables refer to which, as far as sampling needs it: by foreign keys, or by column names where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from querywright.sql.schema import Column, ForeignKey, Schema, Table

LARGEST_DETAIL_RATIO = 20
"""Rows of a detail table for each row of its master, at most; order lines are details of orders, sales not of items."""


def with_guessed_references(schema: Schema, rows: Mapping[str, int]) -> Schema:
    """The schema itself if it has foreign keys; otherwise with references guessed from names, basis "assumed".

    A column refers to the smallest table that has a key of one column with the same type and a matching name:
    ``l_orderkey`` to ``o_orderkey``, ``ss_sold_date_sk`` to ``d_date_sk``, ``user_id`` to the ``id`` of ``users``.
    A wrong guess makes a sample larger, never wrong. ``rows`` maps table names to row counts.
    """
    if any(table.foreign_keys for table in schema.tables):
        return schema
    targets = [
        (table, column)
        for table in sorted(schema.tables, key=lambda table: rows[table.name])
        for key in table.keys
        if len(key.columns) == 1 and (column := table.column(key.columns[0]))
    ]
    return Schema(tuple(replace(table, foreign_keys=tuple(_guessed(table, targets))) for table in schema.tables))


def _guessed(table: Table, targets: Sequence[tuple[Table, Column]]) -> Iterator[ForeignKey]:
    own_keys = {key.columns for key in table.keys}
    for column in table.columns:
        for target, key in targets:
            if target is not table and (column.name,) not in own_keys and _matches(table, column, target, key):
                yield ForeignKey((column.name,), target.name, (key.name,), "assumed")
                break


def _matches(table: Table, column: Column, target: Table, key: Column) -> bool:
    if column.type.upper() != key.type.upper():
        return False
    if key.name.lower() == "id":
        owner = target.name.lower()
        return column.name.lower() in {f"{owner}_id", f"{owner.removesuffix('s')}_id"}
    wanted, given = _without_prefix(target, key), _without_prefix(table, column)
    return given == wanted or given.endswith(f"_{wanted}")


def _without_prefix(table: Table, column: Column) -> str:
    """The column's name without the prefix that all columns of its table share, such as ``l_``."""
    prefix = table.columns[0].name.lower().split("_")[0] + "_"
    shared = len(table.columns) > 1 and all(other.name.lower().startswith(prefix) for other in table.columns)
    return column.name.lower().removeprefix(prefix) if shared else column.name.lower()


def referring_first(schema: Schema) -> list[Table]:
    """The tables, each before those it refers to; tables that refer to each other in a circle come in some order."""
    referred_first: dict[str, Table] = {}
    entered: set[str] = set()

    def enter(table: Table) -> None:
        if table.name in entered:
            return
        entered.add(table.name)
        for key in table.foreign_keys:
            if (target := schema.table(key.references)) is not None:
                enter(target)
        referred_first[table.name] = table

    for table in schema.tables:
        enter(table)
    return list(reversed(referred_first.values()))


def sampling_columns(table: Table, schema: Schema, rows: Mapping[str, int]) -> tuple[str, ...]:
    """The columns whose hash decides whether a row is in a sample, so that tables joined on them are sampled alike.

    A detail table follows its master: order lines and returns are kept with their order or sale. Otherwise the columns of
    the key that refer to no other table count (the ticket number of a sale, so that whole tickets are kept), else the whole key.
    Without a key, all columns that refer to others, else the first column.
    """
    return _sampling_columns(table, schema, rows, frozenset())


def _sampling_columns(table: Table, schema: Schema, rows: Mapping[str, int], entered: frozenset[str]) -> tuple[str, ...]:
    key = table.keys[0].columns if table.keys else (table.columns[0].name,)
    masters = [
        (rows[master.name], reference, master)
        for reference in table.foreign_keys
        if set(reference.columns) <= set(key)
        and (master := schema.table(reference.references)) is not None
        and master.name not in entered | {table.name}
        and rows[master.name] * LARGEST_DETAIL_RATIO >= rows[table.name]
    ]
    for _, reference, master in sorted(masters, key=lambda candidate: -candidate[0]):
        own = dict(zip(reference.references_columns, reference.columns, strict=True))
        columns = _sampling_columns(master, schema, rows, entered | {table.name})
        if set(columns) <= set(own):
            return tuple(own[column] for column in columns)
    referring = {column for reference in table.foreign_keys for column in reference.columns}
    if table.keys:
        return tuple(column for column in key if column not in referring) or key
    return _in_order(table, referring) or key


def _in_order(table: Table, names: Iterable[str]) -> tuple[str, ...]:
    wanted = set(names)
    return tuple(column.name for column in table.columns if column.name in wanted)
