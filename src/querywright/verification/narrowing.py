"""The schema of witness databases: the tables and columns that queries read, with the constraints that rows must obey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp, parse_one

from querywright.sql.facts import Facts
from querywright.sql.qualify import table_of
from querywright.sql.schema import ForeignKey, Key, Schema, Table
from querywright.values import SETTLED, Premise


def obeyed(schema: Schema) -> Schema:
    """``schema`` without the keys, foreign keys and NOT NULLs that only today's data satisfies; every witness obeys the rest."""
    return Schema(
        tuple(
            replace(
                table,
                columns=tuple(
                    column if column.not_null in SETTLED else replace(column, not_null=None) for column in table.columns
                ),
                keys=tuple(key for key in table.keys if key.basis in SETTLED),
                foreign_keys=tuple(key for key in table.foreign_keys if key.basis in SETTLED),
            )
            for table in schema.tables
        )
    )


def narrowed(queries: Sequence[Facts], schema: Schema) -> Schema:
    """The tables that the queries read, with the columns that they mention and those of keys; unread columns decide nothing."""
    read = columns_read(queries)
    tables = []
    for table in schema.tables:
        if table.name.lower() not in read:
            continue
        kept = read[table.name.lower()] | {name.lower() for key in table.keys for name in key.columns}
        kept |= _compared_by_checks(table, kept)
        columns = tuple(column for column in table.columns if column.name.lower() in kept) or table.columns[:1]
        foreign = tuple(key for key in table.foreign_keys if all(name.lower() in kept for name in key.columns))
        checks = tuple(check for check in table.checks if _columns_of(check) <= {column.name.lower() for column in columns})
        tables.append(replace(table, columns=columns, foreign_keys=foreign, indexes=(), checks=checks))
    return Schema(tuple(tables))


def _compared_by_checks(table: Table, kept: set[str]) -> set[str]:
    """The columns that CHECKs tie to those kept: without them, rows could hold what no row of the full table does."""
    tied = set(kept)
    for _ in table.checks:
        for columns in map(_columns_of, table.checks):
            tied |= columns if columns & tied else set()
    return tied


def _columns_of(check: str) -> set[str]:
    return {column.name.lower() for column in parse_one(check).find_all(exp.Column)}


def columns_read(queries: Sequence[Facts]) -> dict[str, set[str]]:
    """Names of the columns that the queries mention, by lower-case table name."""
    read: dict[str, set[str]] = {}
    for facts in queries:
        for node in facts.tree.find_all(exp.Table):
            if isinstance(node.this, exp.Identifier) and (table := table_of(node, facts.schema)) is not None:
                read.setdefault(table.name.lower(), set())
        for select in facts.selects():
            for source in facts.sources(select).values():
                if source.table is not None:
                    columns = facts.references(select, source.alias)
                    read.setdefault(source.table.name.lower(), set()).update(column.name.lower() for column in columns)
    return read


def assuming(schema: Schema, premises: Sequence[Premise]) -> Schema:
    """``schema`` with keys, NOT NULLs and foreign keys of ``premises`` declared."""
    additions = []
    for table in schema.tables:
        own = [premise for premise in premises if premise.table.lower() == table.name.lower()]
        not_null = {name.lower() for premise in own if premise.kind == "not_null" for name in premise.columns}
        additions.append(
            replace(
                table,
                columns=tuple(
                    replace(column, not_null="declared") if column.name.lower() in not_null else column
                    for column in table.columns
                ),
                keys=(
                    *(replace(key, basis="declared") if _named(key.columns, own) else key for key in table.keys),
                    *(Key(premise.columns, "declared") for premise in own if premise.kind == "unique"),
                ),
                foreign_keys=(
                    *table.foreign_keys,
                    *(ForeignKey(p.columns, *p.references, "declared") for p in own if p.kind == "foreign_key" and p.references),
                ),
            )
        )
    return Schema(tuple(additions))


def _named(columns: Sequence[str], premises: Sequence[Premise]) -> bool:
    wanted = {name.lower() for name in columns}
    return any(premise.kind == "unique" and {name.lower() for name in premise.columns} == wanted for premise in premises)
