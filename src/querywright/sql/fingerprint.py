"""A hash that is equal for queries that differ only in layout, comments, alias names and the order of conjuncts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.scope import traverse_scope

from querywright.sql.predicates import conjunction, conjuncts
from querywright.sql.trees import copied

_FILTERED = (exp.Where, exp.Having, exp.Join, exp.Qualify)


def fingerprint(qualified: exp.Query, dialect: str) -> str:
    """Fingerprint of a qualified query; 16 hexadecimal digits."""
    return hashlib.sha256(normalized(qualified, dialect).encode()).hexdigest()[:16]


def normalized(qualified: exp.Query, dialect: str) -> str:
    """The text whose hash is the fingerprint: aliases numbered, conjuncts sorted, comments and layout gone."""
    tree = copied(qualified, typed=False, positions=False)
    named = list(tree.find_all(exp.CTE, exp.Table, *_FILTERED))
    _number_aliases(tree)
    _number_common_tables(tree, named)
    generator = Dialect.get_or_raise(dialect).generator(comments=False)
    for node in reversed(named):  # nested conditions first
        if not isinstance(node, _FILTERED):
            continue
        slot = "on" if isinstance(node, exp.Join) else "this"
        operands = conjuncts(node.args.get(slot))
        if len(operands) > 1:
            # Printed once: what encloses it takes the text over.
            node.set(slot, exp.Var(this=" AND ".join(sorted(generator.generate(part, copy=False) for part in operands))))
        elif operands:
            node.set(slot, conjunction(operands))
    return generator.generate(tree, copy=False)


def _number_aliases(tree: exp.Query) -> None:
    """Rename sources to s1, s2, … in order of appearance.

    Column aliases stay: those of the outermost block are part of the answer.
    """
    count = 0
    renamings: list[tuple[exp.Column, str]] = []
    for scope in traverse_scope(tree):
        names: dict[str, str] = {}
        for alias, (node, _) in scope.selected_sources.items():
            count += 1
            names[alias] = f"s{count}"
            _set_alias(node, names[alias])
        renamings += [(column, names[column.table]) for column in scope.columns if column.table and column.table in names]
    for column, name in renamings:
        column.set("table", exp.Identifier(this=name))


def _number_common_tables(tree: exp.Query, named: Sequence[exp.Expr]) -> None:
    """Rename common table expressions to c1, c2, … in order of appearance."""
    if not any(isinstance(node, exp.CTE) for node in named):
        return
    definitions = list(tree.find_all(exp.CTE, bfs=False))
    names: dict[str, str] = {}
    for definition in definitions:
        names.setdefault(definition.alias, f"c{len(names) + 1}")
    if len(names) < len(definitions):
        return  # a name defined twice says nothing without its scope
    for node in named:
        if isinstance(node, exp.Table) and not node.db and node.name in names:
            node.set("this", exp.Identifier(this=names[node.name]))
    for definition in definitions:
        definition.args["alias"].set("this", exp.Identifier(this=names[definition.alias]))


def _set_alias(node: exp.Expr, name: str) -> None:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias):
        alias.set("this", exp.Identifier(this=name))
    else:
        node.set("alias", exp.TableAlias(this=exp.Identifier(this=name)))
