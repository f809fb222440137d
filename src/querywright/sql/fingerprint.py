"""A hash that is equal for queries that differ only in layout, comments, alias names and the order of conjuncts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlglot import exp
from sqlglot.generator import Generator
from sqlglot.optimizer.scope import Scope, traverse_scope

from querywright.sql.predicates import conjuncts
from querywright.sql.trees import copied, dialect_named

_FILTERED = frozenset({exp.Where, exp.Having, exp.Join, exp.Qualify})
_NAMED = frozenset({exp.CTE, exp.Table, *_FILTERED})


def fingerprint(qualified: exp.Query, dialect: str, scopes: Sequence[Scope] | None = None) -> str:
    """Fingerprint of a qualified query; 16 hexadecimal digits. See `normalized` for ``scopes``."""
    return hashlib.sha256(normalized(qualified, dialect, scopes).encode()).hexdigest()[:16]


def normalized(qualified: exp.Query, dialect: str, scopes: Sequence[Scope] | None = None) -> str:
    """The text whose hash is the fingerprint: aliases numbered, conjuncts sorted, comments and layout gone.

    ``scopes`` are sqlglot's, given for a tree of plain SQL (see `querywright.sql.settling`): nothing is copied then, since
    printing leaves such a tree as it is.
    """
    commented, named = _walked(qualified)
    if scopes is None or commented:
        qualified = copied(qualified, typed=False, positions=False)
        _, named = _walked(qualified)
        scopes = traverse_scope(qualified)
    changes = _Changes()
    try:
        _number_aliases(scopes, changes)
        _number_common_tables(named, changes)
        generator = dialect_named(dialect).generator(comments=False)
        for node in reversed(named):  # nested conditions first
            if node.__class__ in _FILTERED:
                _sort_conjuncts(node, generator, changes)
        return generator.generate(qualified, copy=False)
    finally:
        changes.undo()


def _walked(tree: exp.Expr) -> tuple[bool, list[exp.Expr]]:
    """Whether there are comments in ``tree``, and the nodes that are changed, in the order of the text."""
    commented = False
    named: list[exp.Expr] = []
    for node in tree.walk(bfs=False):
        if node.__class__ in _NAMED:
            named.append(node)
        if node.comments:
            commented = True
    return commented, named


class _Changes:
    """Arguments of nodes that are other ones for a while; no node that stays notices."""

    def __init__(self) -> None:
        self._before: list[tuple[dict[str, Any], str, object]] = []

    def put(self, node: exp.Expr, name: str, value: exp.Expr) -> None:
        """Make ``value``, a new node, an argument of ``node``."""
        self._before.append((node.args, name, node.args.get(name)))
        node.args[name] = value

    def undo(self) -> None:
        """Give all nodes their arguments back."""
        for arguments, name, value in reversed(self._before):
            if value is None:
                del arguments[name]
            else:
                arguments[name] = value


def _sort_conjuncts(node: exp.Expr, generator: Generator, changes: _Changes) -> None:
    slot = "on" if isinstance(node, exp.Join) else "this"
    operands = conjuncts(node.args.get(slot))
    if len(operands) > 1:
        # Printed once: what encloses it takes the text over.
        changes.put(node, slot, exp.Var(this=" AND ".join(sorted(generator.generate(part, copy=False) for part in operands))))
    elif operands and isinstance(operands[0], exp.Connector):
        changes.put(node, slot, exp.Var(this=f"({generator.generate(operands[0], copy=False)})"))


def _number_aliases(scopes: Sequence[Scope], changes: _Changes) -> None:
    """Rename sources to s1, s2, … in order of appearance.

    Column aliases stay: those of the outermost block are part of the answer.
    """
    count = 0
    found = [(scope.selected_sources, scope.columns) for scope in scopes]
    for sources, columns in found:
        names: dict[str, str] = {}
        for alias, (node, _) in sources.items():
            count += 1
            names[alias] = f"s{count}"
            _set_alias(node, names[alias], changes)
        for column in columns:
            if column.table and column.table in names:
                changes.put(column, "table", exp.Identifier(this=names[column.table]))


def _number_common_tables(named: Sequence[exp.Expr], changes: _Changes) -> None:
    """Rename common table expressions to c1, c2, … in order of appearance."""
    definitions = [node for node in named if isinstance(node, exp.CTE)]
    names: dict[str, str] = {}
    for definition in definitions:
        names.setdefault(definition.alias, f"c{len(names) + 1}")
    if len(names) < len(definitions):
        return  # a name defined twice says nothing without its scope
    for node in named:
        if isinstance(node, exp.Table) and not node.db and node.name in names:
            changes.put(node, "this", exp.Identifier(this=names[node.name]))
    for definition in definitions:
        changes.put(definition.args["alias"], "this", exp.Identifier(this=names[definition.alias]))


def _set_alias(node: exp.Expr, name: str, changes: _Changes) -> None:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias):
        changes.put(alias, "this", exp.Identifier(this=name))
    else:
        changes.put(node, "alias", exp.TableAlias(this=exp.Identifier(this=name)))
