"""Translates GROUP BY: the keys are a `Distinct` atom, each aggregate is a term over the rows that share the group's keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.verification.proof.aggregates import aggregate, output_kind
from querywright.verification.proof.kinds import Unsupported, common_kind
from querywright.verification.proof.operators import quotient
from querywright.verification.proof.scope import Scope
from querywright.verification.proof.simplify import call, negation
from querywright.verification.proof.terms import (
    NUMERIC,
    Aggregate,
    Atom,
    Bag,
    Branch,
    Column,
    Constant,
    Distinct,
    Single,
    Term,
    fresh_row,
    null,
    opened,
)

if TYPE_CHECKING:
    from querywright.verification.proof.translate import Translation

_NAMES: dict[type[exp.Expr], str] = {exp.Sum: "sum", exp.Min: "min", exp.Max: "max", exp.Avg: "avg", exp.Count: "count"}
_ORDER_FREE: tuple[type[exp.Expr], ...] = (
    exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.LogicalAnd, exp.LogicalOr, exp.Median,
    exp.Corr, exp.CovarPop, exp.CovarSamp, exp.CountIf, exp.BitwiseAndAgg, exp.BitwiseOrAgg,
)  # fmt: skip


@dataclass
class Context:
    """One kind of joined (or grouped) row on which the rest of a block is evaluated."""

    atoms: tuple[Atom, ...]
    conditions: list[Term]
    scope: Scope
    rows: list[Context] = field(default_factory=list)
    """All contexts of the block, this one included: what a window sees."""


def grouping_sets(select: exp.Select) -> list[list[exp.Expr]] | None:
    """The sets of grouping keys, one for a plain GROUP BY; None without GROUP BY."""
    group = select.args.get("group")
    if group is None:
        return None
    if group.args.get("all") or group.args.get("totals"):
        raise Unsupported("GROUP BY ALL or TOTALS")
    sets: list[list[exp.Expr]] = [[]]
    listed = [*group.expressions]
    for kind in ("rollup", "cube", "grouping_sets"):
        given = group.args.get(kind) or []
        listed += given if isinstance(given, list) else [given]
    for node in listed:
        sets = [[*one, *other] for one in sets for other in _element_sets(node)]
    return sets


def _element_sets(node: exp.Expr) -> list[list[exp.Expr]]:
    if isinstance(node, exp.Rollup):
        members = [_members(part) for part in node.expressions]
        return [[key for part in members[:size] for key in part] for size in range(len(members), -1, -1)]
    if isinstance(node, exp.Cube):
        members = [_members(part) for part in node.expressions]
        chosen = [pick for size in range(len(members), -1, -1) for pick in combinations(members, size)]
        return [[key for part in pick for key in part] for pick in chosen]
    if isinstance(node, exp.GroupingSets):
        return [one for part in node.expressions for one in ([_members(part)] if not _nested(part) else _element_sets(part))]
    return [[_bare(node)]]


def _nested(node: exp.Expr) -> bool:
    return isinstance(node, (exp.Rollup, exp.Cube, exp.GroupingSets))


def _members(node: exp.Expr) -> list[exp.Expr]:
    bare = _bare(node)
    return [_bare(part) for part in bare.expressions] if isinstance(bare, exp.Tuple) else [bare]


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


class Groups:
    """The grouped rows for one set of keys over the joined rows ``inner``."""

    def __init__(
        self,
        translation: Translation,
        inner: Sequence[Context],
        keys: Sequence[exp.Expr],
        others: Sequence[exp.Expr],
        outer: Scope,
    ) -> None:
        self.translation = translation
        self.inner = inner
        self.keys = list(dict.fromkeys(keys))
        self.others = [key for key in others if key not in self.keys]
        self.values = [[translation.scalars.term(key, one.scope) for key in self.keys] for one in inner]
        row = fresh_row()
        kinds = [common_kind([values[position].kind for values in self.values]) for position in range(len(self.keys))]
        translation.scalars.identify(kinds)
        self.columns = [Column(row, str(position), kind) for position, kind in enumerate(kinds)]
        self.atom = Atom(
            row,
            Distinct(
                Bag(
                    tuple(
                        opened(Branch(one.atoms, tuple(one.conditions), tuple(v)))
                        for one, v in zip(inner, self.values, strict=True)
                    )
                )
            ),
        )
        self.outer = outer

    def context(self, *, whole: bool) -> Context:
        """The grouped row; ``whole`` for the one group without keys, which exists even if there are no rows."""
        columns: dict[tuple[str, str], Term] = {}
        for key, column in zip(self.keys, self.columns, strict=True):
            if isinstance(key, exp.Column):
                columns[key.table.lower(), key.name.lower()] = column
        for key in self.others:
            if isinstance(key, exp.Column):
                columns[key.table.lower(), key.name.lower()] = null()
        scope = Scope(columns=columns, outer=self.outer, special=self.special, common=self.outer.common)
        return Context(() if whole else (self.atom,), [], scope)

    def special(self, node: exp.Expr) -> Term | None:
        """Keys, aggregates and GROUPING()."""
        if node in self.keys:
            return self.columns[self.keys.index(node)]
        if node in self.others:
            return null()
        if isinstance(node, exp.Filter):
            return self.aggregate(node.this, node.expression.this)
        if isinstance(node, exp.Grouping) or (isinstance(node, exp.Anonymous) and node.name.lower() == "grouping"):
            bits = sum(1 << place for place, key in enumerate(reversed(node.expressions)) if _bare(key) not in self.keys)
            return Constant(Fraction(bits), "integer")
        if isinstance(node, exp.AggFunc) or (isinstance(node, exp.Anonymous) and node.name.lower() == "single_value"):
            return self.aggregate(node, None)
        return None

    def aggregate(self, node: exp.Expr, condition: exp.Expr | None) -> Term:
        """The term of an aggregate call."""
        return aggregate_call(self.translation, node, condition, self.inner, self._matches)

    def _matches(self, position: int) -> list[Term]:
        pairs = zip(self.values[position], self.columns, strict=True)
        return [call("same", (value, column)) for value, column in pairs]


def aggregate_call(
    translation: Translation,
    node: exp.Expr,
    condition: exp.Expr | None,
    inner: Sequence[Context],
    matches: Callable[[int], list[Term]],
) -> Term:
    """An aggregate over the rows ``inner`` for which ``matches(position)`` holds."""
    argument = node.this
    distinct = isinstance(argument, exp.Distinct)
    nodes: list[exp.Expr] = []
    if isinstance(node, exp.Anonymous):
        nodes, name = list(node.expressions), "single_value"
    elif type(node) in _NAMES:
        name = _NAMES[type(node)]
        if name != "count" and node.expressions:
            raise Unsupported(f"{name} of several arguments")
        if distinct:
            nodes = list(argument.expressions)
        elif argument is not None and not isinstance(argument, exp.Star):
            nodes = [argument, *node.expressions]
    elif isinstance(node, _ORDER_FREE):
        name = node.key
        nodes = (
            list(argument.expressions)
            if distinct
            else [part for part in node.iter_expressions() if isinstance(part, exp.Condition)]
        )
    else:
        raise Unsupported(f"aggregate {node.key}")
    rows = len(nodes) == 1 and isinstance(nodes[0], exp.Tuple)
    if rows:
        nodes = list(nodes[0].expressions)
        if name != "count":
            raise Unsupported(f"{name} of rows")
    branches: list[Branch] = []
    for position, one in enumerate(inner):
        outputs = tuple(translation.scalars.term(part, one.scope) for part in nodes)
        extra: list[Term] = [*one.conditions, *matches(position)]
        if condition is not None:
            extra += translation.scalars.predicate(condition, one.scope)
        if name in _NAMES.values() and not rows:  # a row of NULLs is no NULL
            extra += [negation(call("is_null", (output,))) for output in outputs]
        branches.append(opened(Branch(one.atoms, tuple(extra), outputs)))
    bag = Bag(tuple(branches))
    if name == "single_value":
        return Single(bag, output_kind(bag))
    if distinct and name in ("sum", "count", "avg") and translation.is_set(bag):
        distinct = False  # no value occurs twice: DISTINCT has nothing to leave out
    if name == "count":
        return aggregate("count", distinct, bag, "integer")
    kind = output_kind(bag)
    if name == "avg" and kind == "integer":
        return quotient(aggregate("sum", distinct, bag, kind), aggregate("count", distinct, bag, "integer"))
    if name in ("sum", "avg") and kind not in NUMERIC | {"null"}:
        raise Unsupported(f"{name} of what is not a number")
    if name in ("sum", "min", "max"):
        return aggregate(name, distinct, bag, kind)
    return Aggregate(name if name == "avg" else f"{name}:{len(nodes)}", distinct, bag, "floating")
