"""Writes comparisons of one value with several constants as an IN list.

What: ``a = 1 OR a = 2 OR b > 3`` becomes ``a IN (1, 2) OR b > 3``; IN lists among the operands join in.
When: an engine evaluates the comparisons one after the other but looks an IN list up in a hash table, and other rules know
    an IN list better than an OR. DuckDB 2x from five numbers or texts on; nothing on SQLite, which does it by itself.
Sound: IN over a list is defined as this OR. The value is evaluated once instead of several times, so it must not
    depend on chance. Constants of different kinds stay apart: a list is converted to one type.
Source: SQL:2016 8.4 <in predicate>; measured in this project.
Example:
    >>> show("SELECT id FROM t WHERE a = 1 OR b > 3 OR a IN (2, 4) OR a = 5", t="id INT, a INT, b INT")
    SELECT t.id AS id FROM t AS t WHERE t.a IN (1, 2, 4, 5) OR t.b > 3
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import disjunction, disjuncts, unwrap
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("duckdb", "mysql")


@dataclass(frozen=True)
class Lists(Site):
    """``node`` is the OR; ``operands`` take its place."""

    operands: tuple[exp.Expr, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """ORs with several operands about the same value."""
    for node in query.find_all(exp.Or, bfs=False):
        if isinstance(_enclosing(node), exp.Or):
            continue
        values = [found[0] for operand in disjuncts(node) if (found := _listed(operand)) is not None]
        if len(set(values)) == len(values):
            continue
        if facts.deterministic(node):
            yield Lists(node, tuple(_merged(disjuncts(node))))
        else:
            yield Blocked(node, "a value that depends on chance would be computed once instead of several times")


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Put the lists in place."""
    assert isinstance(site, Lists)
    condition = disjunction(site.operands)
    assert condition is not None
    site.node.replace(condition)
    return facts.tree


def _enclosing(node: exp.Expr) -> exp.Expr | None:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return parent


def _merged(operands: list[exp.Expr]) -> list[exp.Expr]:
    """The operands, copied, those about one value and constants of one kind as one list at the place of the first."""
    lists: dict[tuple[exp.Expr, str], list[exp.Expr]] = {}
    order: list[exp.Expr | tuple[exp.Expr, str]] = []
    for operand in operands:
        found = _listed(operand)
        if found is None:
            order.append(operand)
            continue
        key, constants = found
        order += [key] if key not in lists else []
        lists.setdefault(key, []).extend(constants)
    return [entry.copy() if isinstance(entry, exp.Expr) else _test(entry[0], lists[entry]) for entry in order]


def _listed(operand: exp.Expr) -> tuple[tuple[exp.Expr, str], list[exp.Expr]] | None:
    """The value, the kind of constants, and the constants that an operand compares it with."""
    bare = unwrap(operand)
    if isinstance(bare, exp.EQ):
        left, right = unwrap(bare.this), unwrap(bare.expression)
        value, constants = (left, [right]) if _kind(right) else (right, [left])
    elif isinstance(bare, exp.In) and bare.expressions and not bare.args.get("unnest"):
        value, constants = unwrap(bare.this), bare.expressions
    else:
        return None
    kinds = {_kind(constant) for constant in constants}
    kind = kinds.pop()
    if kind is None or kinds or value.find(exp.Column) is None or value.find(exp.Query) is not None:
        return None
    return (value, kind), constants


def _kind(node: exp.Expr) -> str | None:
    literal = node.this if isinstance(node, exp.Neg) else node
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
        return node.to.sql()
    if not isinstance(literal, exp.Literal):
        return None
    return "text" if literal.is_string else "integer" if literal.is_int else "number"


def _test(value: exp.Expr, constants: list[exp.Expr]) -> exp.Expr:
    different = [constant.copy() for constant in dict.fromkeys(constants)]
    if len(different) == 1:
        return exp.EQ(this=value.copy(), expression=different[0])
    return exp.In(this=value.copy(), expressions=different)
