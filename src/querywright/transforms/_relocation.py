"""Carries a site over from the tree it was found in to a copy of that tree, so that nothing has to be found twice."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from sqlglot import exp

from querywright.errors import ContractError
from querywright.sql.schema import Table
from querywright.sql.trees import Twins, copied
from querywright.values import Premise

Value = TypeVar("Value")
_ATOMS = (str, int, float, type, Premise, Table)


def relocated(value: Value, twins: Twins) -> Value:
    """``value`` with the copies of nodes in place of those in ``twins``; nodes of other trees are copied, and added to it.

    Looks into dataclasses, tuples, lists, sets and dictionaries. Raises `ContractError` for anything else that might hold nodes.
    """
    return cast(Value, _relocated(value, twins))


def _relocated(value: object, twins: Twins) -> object:
    if value is None or isinstance(value, _ATOMS):
        return value
    if isinstance(value, exp.Expr):
        return _twin(value, twins)
    if isinstance(value, (tuple, list, set, frozenset)):
        return type(value)(_relocated(item, twins) for item in value)
    if isinstance(value, dict):
        return {_relocated(key, twins): _relocated(held, twins) for key, held in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _relocated(getattr(value, field.name), twins) for field in fields(value)})
    raise ContractError(f"A site holds a {type(value).__name__}, of which nobody knows whether it holds nodes of the tree.")


def _twin(node: exp.Expr, twins: Twins) -> exp.Expr:
    if id(node) not in twins:
        root = node.root()
        if id(root) not in twins:
            copied(root, twins=twins)
    if id(node) not in twins:
        raise ContractError(f"A site holds {node.sql()}, which its parent does not hold.")
    return twins[id(node)]
