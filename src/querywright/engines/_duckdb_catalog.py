"""Reads DuckDB's catalog into a `querywright.sql.schema.Schema`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from querywright.sql.schema import Column, ForeignKey, Index, Key, Schema, Table

Rows = Callable[[str], Iterable[tuple[Any, ...]]]
_OWN = "database_name = current_database()"
_COLLATED = re.compile(r'("(?:[^"]|"")+"|\w+) VARCHAR COLLATE ([\w.]+)')


def read_schema(rows: Rows) -> Schema:
    """Tables and views of the current database, those outside schema ``main`` as ``schema.table``.

    ``rows`` runs a query. DuckDB enforces PRIMARY KEY, UNIQUE (also as an index), FOREIGN KEY, NOT NULL and CHECK.
    """
    columns: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for schema, table, name, data_type, nullable in rows(
        "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
        f"WHERE {_OWN} AND NOT internal ORDER BY schema_name, table_name, column_index"
    ):
        columns[_qualified(schema, table)].append((name, data_type, nullable))
    sizes: dict[str, int | None] = {}
    collations: dict[tuple[str, str], str] = {}
    for schema, table, size, statement in rows(
        f"SELECT schema_name, table_name, estimated_size, sql FROM duckdb_tables() WHERE {_OWN} AND NOT internal"
    ):
        sizes[_qualified(schema, table)] = size
        for name, collation in _COLLATED.findall(statement or ""):
            collations[_qualified(schema, table), _bare(name)] = collation
    if collations:  # the catalog does not tell which columns of views carry one on
        named = next(iter(collations.values()))
        views = [table for table in columns if table not in sizes]
        collations |= {(view, name): named for view in views for name, kind, _ in columns[view] if kind == "VARCHAR"}
    keys: dict[str, dict[tuple[str, ...], Key]] = defaultdict(dict)
    foreign_keys: dict[str, list[ForeignKey]] = defaultdict(list)
    checks: dict[str, list[str]] = defaultdict(list)
    never_null: set[tuple[str, str]] = set()
    for schema, table, kind, names, expression, parent, parent_names in rows(
        "SELECT schema_name, table_name, constraint_type, constraint_column_names, expression, referenced_table, "
        f"referenced_column_names FROM duckdb_constraints() WHERE {_OWN} ORDER BY table_oid, constraint_index"
    ):
        owner, constrained = _qualified(schema, table), tuple(names)
        if kind in ("PRIMARY KEY", "UNIQUE"):
            keys[owner][constrained] = Key(constrained, "enforced")
        if kind in ("PRIMARY KEY", "NOT NULL"):
            never_null.update((owner, name) for name in constrained)
        if kind == "FOREIGN KEY":
            parent = _qualified(schema, parent)
            foreign_keys[owner].append(ForeignKey(constrained, parent, tuple(parent_names), "enforced"))
        if kind == "CHECK":
            checks[owner].append(expression)
    indexes: dict[str, list[Index]] = defaultdict(list)
    for schema, table, name, unique, expressions in rows(
        "SELECT schema_name, table_name, index_name, is_unique, expressions FROM duckdb_indexes() "
        f"WHERE {_OWN} ORDER BY index_name"
    ):
        owner, parts = _qualified(schema, table), _listed(expressions)
        indexes[owner].append(Index(name, parts, unique))
        if unique and set(parts) <= {column for column, _, _ in columns[owner]}:
            keys[owner].setdefault(parts, Key(parts, "enforced"))
    return Schema(
        tuple(
            Table(
                name=table,
                columns=tuple(
                    Column(
                        name,
                        f"{kind} COLLATE {collation}" if (collation := collations.get((table, name))) else kind,
                        "enforced" if not nullable or (table, name) in never_null else None,
                    )
                    for name, kind, nullable in described
                ),
                keys=tuple(keys[table].values()),
                foreign_keys=tuple(foreign_keys[table]),
                rows=sizes.get(table),
                indexes=tuple(indexes[table]),
                checks=tuple(checks[table]),
            )
            for table, described in columns.items()
        )
    )


def _qualified(schema: str, table: str) -> str:
    return table if schema == "main" else f"{schema}.{table}"


def _bare(name: str) -> str:
    """A name without its double quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _listed(expressions: str) -> tuple[str, ...]:
    """The catalog prints a list, such as ``[a, '"b c"']``; anything but plain names stays as it is."""
    parts = expressions.removeprefix("[").removesuffix("]").split(", ")
    return tuple(part.strip("'").strip('"') for part in parts)
