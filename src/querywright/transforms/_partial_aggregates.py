"""Aggregates in two steps: over small groups first, then over the partial results.

An aggregate of ``CASE WHEN condition THEN value END`` whose condition reads other tables than its value can be *split*: the
value is aggregated in the small groups, and the condition, constant in each of them, chooses among the partial results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.failures import may_fail
from querywright.sql.predicates import unwrap
from querywright.sql.trees import copied

_DECOMPOSABLE = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg)
_AVERAGE_IS_DOUBLE = ("duckdb", "sqlite")
PARTIAL = "partial_"
"""How the names of partial results begin."""

Partial = Callable[[exp.Expr], exp.Expr]
"""The column that holds a partial result, given the aggregate call that computes it."""


@dataclass(frozen=True)
class Aggregate:
    """An aggregate ``call`` with its FILTER; ``condition`` and ``value`` are those of the CASE in it if it is to be split."""

    call: exp.Expr
    condition: exp.Expr | None = None
    value: exp.Expr | None = None

    @property
    def inside(self) -> exp.Expr:
        """The part that the small groups compute."""
        return self.value if self.value is not None else self.call


def holds_partials(query: exp.Query | None) -> bool:
    """Whether ``query`` gives partial results already: aggregating it in yet another step is not worth proposing."""
    return query is not None and any(name.startswith(PARTIAL) for name in query.named_selects)


def obstacle(call: exp.Expr, facts: Facts) -> str | None:
    """Why ``call`` cannot be computed from partial results over more rows than now; None where it can."""
    if may_fail(call, facts.dialect) or call.find(exp.Anonymous):
        return "the argument of an aggregate must not fail on rows that the joins drop"
    return undecomposable(call, facts)


def undecomposable(call: exp.Expr, facts: Facts) -> str | None:
    """Why ``call`` cannot be computed from partial results over the same rows; None where it can."""
    bare = call.this if isinstance(call, exp.Filter) else call
    if not isinstance(bare, _DECOMPOSABLE) or isinstance(bare.this, exp.Distinct) or bare.args.get("expressions"):
        return "every aggregate must be a plain SUM, COUNT, MIN, MAX or AVG"
    if call.find(exp.Query, exp.Window):
        return "the argument of an aggregate must not hold a query"
    if isinstance(bare, exp.Avg) and not _average_is_double(bare.this, facts.dialect):
        return "a sum divided by a count must have the type of the average"
    return None


def _average_is_double(argument: exp.Expr, dialect: str) -> bool:
    kind = argument.type
    if dialect == "sqlite":
        return True
    allowed = exp.DataType.NUMERIC_TYPES if dialect in _AVERAGE_IS_DOUBLE else {exp.DataType.Type.DOUBLE}
    return kind is not None and kind.is_type(*allowed)


def splittable(calls: Sequence[exp.Expr], select: exp.Select, facts: Facts) -> list[Aggregate]:
    """``calls`` with the conditions split off whose tables then take part in no aggregate; not where no table would."""

    def tables(node: exp.Expr) -> set[str]:
        return {column.table for column in facts.local_columns(node, select)}

    found = [_conditional(call) or Aggregate(call) for call in calls]
    if not any(tables(aggregate.inside) for aggregate in found):
        return [Aggregate(call) for call in calls]
    while True:
        aggregated = {table for aggregate in found for table in tables(aggregate.inside)}
        kept = [a if a.condition is None or not tables(a.condition) & aggregated else Aggregate(a.call) for a in found]
        kept = [a if a.condition is None or tables(a.condition) else Aggregate(a.call) for a in kept]
        if kept == found:
            return found
        found = kept


def _conditional(call: exp.Expr) -> Aggregate | None:
    case = unwrap(call.this) if isinstance(call, _DECOMPOSABLE) else None
    if not isinstance(case, exp.Case) or case.this is not None or len(case.args["ifs"]) != 1:
        return None
    default = case.args.get("default")
    zero = isinstance(default, exp.Literal) and default.this == "0" and isinstance(call, exp.Sum)
    if not (default is None or isinstance(default, exp.Null) or zero):
        return None
    branch = case.args["ifs"][0]
    return Aggregate(call, branch.this, branch.args["true"])


def merged(aggregate: Aggregate, partial: Partial, dialect: str) -> exp.Expr:
    """The expression over partial results that has the value and the type of the call; uses its condition as it stands now."""
    call = aggregate.call
    function = call.this if isinstance(call, exp.Filter) else call
    argument = aggregate.value if aggregate.value is not None else function.this

    def part(kind: type[exp.Expr]) -> exp.Expr:
        computed: exp.Expr = kind(this=copied(argument))
        if isinstance(call, exp.Filter):
            computed = exp.Filter(this=computed, expression=copied(call.expression))
        column = partial(computed)
        if aggregate.condition is None:
            return column
        case = unwrap(function.this)
        default = case.args.get("default")
        branch = exp.If(this=case.args["ifs"][0].this.copy(), true=column)
        return exp.Case(ifs=[branch], default=default.copy() if default is not None else None)

    if isinstance(function, exp.Count):
        return exp.cast(exp.Coalesce(this=exp.Sum(this=part(exp.Count)), expressions=[exp.Literal.number(0)]), "BIGINT")
    if isinstance(function, exp.Avg):
        total = exp.cast(exp.Sum(this=part(exp.Sum)), "DOUBLE")
        return exp.Paren(this=exp.Div(this=total, expression=exp.Sum(this=part(exp.Count))))
    if isinstance(function, exp.Sum) and dialect == "postgres" and argument.type and argument.type.is_type("int", "smallint"):
        return exp.cast(exp.Sum(this=part(exp.Sum)), "BIGINT")
    return type(function)(this=part(type(function)))
