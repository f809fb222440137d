"""A hash that is equal for queries that differ only in layout, comments, alias names and the order of conjuncts."""

from __future__ import annotations

import hashlib

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.optimizer.scope import Scope, traverse_scope

from querywright.sql.predicates import conjunction, conjuncts
from querywright.sql.trees import copied


def fingerprint(qualified: exp.Query, dialect: str) -> str:
    """Fingerprint of a qualified query; 16 hexadecimal digits."""
    return hashlib.sha256(normalized(qualified, dialect).encode()).hexdigest()[:16]


def normalized(qualified: exp.Query, dialect: str) -> str:
    """The text whose hash is the fingerprint: aliases numbered, conjuncts sorted, comments and layout gone."""
    tree = copied(qualified)
    _number_aliases(tree)
    generator = Dialect.get_or_raise(dialect).generator(comments=False)
    for node in reversed(list(tree.find_all(exp.Where, exp.Having, exp.Join, exp.Qualify))):  # nested conditions first
        slot = "on" if isinstance(node, exp.Join) else "this"
        condition = node.args.get(slot)
        if condition is not None:
            operands = sorted(conjuncts(condition), key=lambda part: generator.generate(part, copy=False))
            node.set(slot, conjunction(operands))
    return generator.generate(tree, copy=False)


def _number_aliases(tree: exp.Query) -> None:
    """Rename sources to s1, s2, … and common table expressions to c1, c2, … in order of appearance.

    Column aliases stay: those of the outermost block are part of the answer.
    """
    count = 0
    common: dict[str, str] = {}
    for cte in tree.find_all(exp.CTE, bfs=False):
        common.setdefault(cte.alias, f"c{len(common) + 1}")
    duplicates = len(list(tree.find_all(exp.CTE))) != len(common)
    renamings: list[tuple[exp.Column, str]] = []
    for scope in traverse_scope(tree):
        names: dict[str, str] = {}
        for alias, (node, _) in scope.selected_sources.items():
            count += 1
            names[alias] = f"s{count}"
            _set_alias(node, names[alias])
        renamings += [(column, names[column.table]) for column in _columns_within(scope) if column.table in names]
    for column, name in renamings:
        column.set("table", exp.to_identifier(name))
    if not duplicates:
        for table in tree.find_all(exp.Table):
            if not table.db and table.name in common:
                table.set("this", exp.to_identifier(common[table.name]))
        for cte in tree.find_all(exp.CTE):
            cte.args["alias"].set("this", exp.to_identifier(common[cte.alias]))


def _columns_within(scope: Scope) -> list[exp.Column]:
    return [column for column in scope.columns if column.table]


def _set_alias(node: exp.Expr, name: str) -> None:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias):
        alias.set("this", exp.to_identifier(name))
    else:
        node.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
