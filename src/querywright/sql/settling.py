"""Gives a rewritten tree the form in which its printed text would be read back, without printing and reading it.

Plain SQL reads back as the tree it was printed from, but for a few things: which operand a chain of ANDs hangs on, names that are
left out, flags that only a parser sets. They are mended in place. A tree that holds anything of which that is not known is left
to `querywright.sql.requalify`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify_columns import qualify_outputs
from sqlglot.optimizer.scope import Scope

from querywright.sql._reading import Reading
from querywright.sql.facts import Facts
from querywright.sql.qualify import name_outputs, table_of, typed_nodes
from querywright.sql.schema import Schema
from querywright.sql.trees import dialect_named

_OF_COLUMN = ("this", "table")


def settle(tree: exp.Query, schema: Schema, dialect: str, output_names: Sequence[str]) -> Facts | None:
    """Facts about ``tree``, brought into the form that `requalify_text` gives to its text; None where that is not certain.

    ``tree`` is a qualified tree of ``schema`` after a rewrite, without positions. Afterwards what the rewrite left alone
    has types, and `Facts.complete_types` adds the others. Where None is returned it still means the same.
    """
    nodes = list(tree.walk())
    tree.parent = None
    if len(set(map(id, nodes))) < len(nodes) or not _in_place(nodes[1:]):
        return None  # a node that stands in two places
    reading = Reading(dialect)
    names, name = reading.names, exp.Identifier
    for node in nodes:
        kind, args = node.__class__, node.args
        if kind is name and args["this"] in names:
            continue  # most nodes are names or columns
        if kind is exp.Column and tuple(args) == _OF_COLUMN and args["this"].__class__ is args["table"].__class__ is name:
            continue
        if not reading.plain(node):
            return None
    facts = Facts(tree, schema, dialect)
    try:
        if not all(_bound(scope, schema, dialect) for scope in facts.traversal):
            return None
    except SqlglotError:
        return None  # reading the text reports it
    name_outputs(tree, output_names)
    facts.typed = typed_nodes(nodes)
    tree._type = None
    return facts


def _in_place(nodes: Sequence[exp.Expr]) -> bool:
    """Whether all ``nodes`` stand where they say."""
    for node in nodes:
        parent, index = node.parent, node.index
        held = parent.args.get(node.arg_key or "") if parent is not None else None
        if index is not None:
            held = held[index] if held.__class__ is list and index < len(held) else None
        if held is not node:
            return False
    return True


def _bound(scope: Scope, schema: Schema, dialect: str) -> bool:
    """Whether every column of a block has a source that has it; names the outputs that have no name."""
    block = scope.expression
    if isinstance(block, exp.SetOperation):
        return True
    if not isinstance(block, exp.Select) or scope.semi_or_anti_join_tables:
        return False
    names = {alias: _columns(source, schema) for alias, (_, source) in scope.selected_sources.items()}
    if None in names.values():
        return False
    for column in scope.columns:
        table = column.table
        if not table or column.name not in (names.get(table) or (column.name,)):
            return False
    if scope.external_columns and not scope.can_be_correlated:
        return False
    if not all(isinstance(projection, exp.Alias) for projection in block.expressions):
        qualify_outputs(scope, dialect_named(dialect))
    return True


def _columns(source: exp.Expr | Scope, schema: Schema) -> Collection[str] | None:
    if isinstance(source, Scope):
        return source.expression.named_selects if isinstance(source.expression, exp.Query) else None
    table = table_of(source, schema) if isinstance(source, exp.Table) else None
    return schema.column_names[table.name.lower()] if table is not None else None
