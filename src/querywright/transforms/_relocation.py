"""Carries a site over from the tree it was found in to a copy of that tree, so that nothing has to be found twice."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from sqlglot import exp

from querywright.errors import ContractError
from querywright.sql.schema import Table
from querywright.sql.trees import copied
from querywright.values import Premise

Value = TypeVar("Value")
_ATOMS = (str, int, float, type, Premise, Table)


def relocated(value: Value, tree: exp.Expr, copy: exp.Expr) -> Value:
    """``value`` with the nodes of ``copy`` in place of those of ``tree``; nodes of neither are copied.

    Looks into dataclasses, tuples, lists, sets and dictionaries. Raises `ContractError` for anything else that might hold nodes.
    """
    return cast(Value, _Relocation(tree, copy).of(value))


class _Relocation:
    def __init__(self, tree: exp.Expr, copy: exp.Expr) -> None:
        self._roots = [(tree, copy)]

    def of(self, value: object) -> object:
        if value is None or isinstance(value, _ATOMS):
            return value
        if isinstance(value, exp.Expr):
            return self._counterpart(value)
        if isinstance(value, (tuple, list, set, frozenset)):
            return type(value)(map(self.of, value))
        if isinstance(value, dict):
            return {self.of(key): self.of(held) for key, held in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{field.name: self.of(getattr(value, field.name)) for field in fields(value)})
        raise ContractError(f"A site holds a {type(value).__name__}, of which nobody knows whether it holds nodes of the tree.")

    def _counterpart(self, node: exp.Expr) -> exp.Expr:
        places: list[tuple[str, int | None]] = []
        root = node
        while root.parent is not None:
            places.append(_place(root))
            root = root.parent
        twin = next((copy for known, copy in self._roots if known is root), None)
        if twin is None:
            twin = copied(root)
            self._roots.append((root, twin))
        for key, index in reversed(places):
            twin = twin.args[key] if index is None else twin.args[key][index]
        return twin


def _place(node: exp.Expr) -> tuple[str, int | None]:
    """The argument of its parent that holds ``node``, and the index in it if it is a list."""
    key = node.arg_key or ""
    held = node.parent.args.get(key) if node.parent is not None else None
    if held is node:
        return key, None
    for index, item in enumerate(held if isinstance(held, list) else ()):
        if item is node:
            return key, index
    raise ContractError(f"A site holds {node.sql()}, which its parent does not hold.")
