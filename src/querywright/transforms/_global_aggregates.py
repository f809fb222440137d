"""Global aggregates, the queries that always answer one row: what two of them share and where they differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import conjunction, unwrap, where_conjuncts

_NULL_IGNORING = (
    exp.Count,
    exp.Sum,
    exp.Avg,
    exp.Min,
    exp.Max,
    exp.Stddev,
    exp.StddevSamp,
    exp.StddevPop,
    exp.Variance,
    exp.VariancePop,
)
_OTHER_CLAUSES = (
    "with_",
    "group",
    "having",
    "qualify",
    "windows",
    "distinct",
    "order",
    "limit",
    "offset",
    "fetch",
    "laterals",
    "sample",
)


@dataclass(frozen=True)
class GlobalAggregate:
    """``block`` is a SELECT of aggregates without GROUP BY; ``place`` the parentheses it stands in."""

    place: exp.Subquery
    block: exp.Select

    @property
    def source(self) -> str:
        """Alias in the FROM clause; empty for a scalar subquery."""
        return self.place.alias

    @cached_property
    def signature(self) -> str:
        """Text of FROM and joins."""
        parts = [self.block.args["from_"], *(self.block.args.get("joins") or [])]
        return " ".join(part.sql() for part in parts)

    @cached_property
    def conditions(self) -> dict[str, exp.Expr]:
        """The conjuncts of WHERE by their text."""
        return {part.sql(): part for part in where_conjuncts(self.block)}

    def remaining(self, shared: Collection[str]) -> list[exp.Expr]:
        """Conjuncts that are not among the ``shared`` texts."""
        return [part for text, part in self.conditions.items() if text not in shared]

    def calls(self) -> Iterator[exp.Expr]:
        """The aggregate calls of the SELECT list, each with its FILTER clause where it has one."""
        for projection in self.block.expressions:
            yield from aggregate_calls(projection)


def aggregate_calls(node: exp.Expr) -> list[exp.Expr]:
    """Outermost aggregate calls under ``node``, each with its FILTER clause where it has one."""
    return [call.parent if isinstance(call.parent, exp.Filter) else call for call in node.find_all(exp.AggFunc)]


def global_aggregate(place: exp.Subquery, facts: Facts) -> GlobalAggregate | None:
    """The global aggregate in ``place`` if all its aggregates ignore NULLs and nothing in it is random or depends on other queries."""
    block = place.this
    if not isinstance(block, exp.Select) or block.args.get("from_") is None or place.args.get("pivots"):
        return None
    if any(block.args.get(clause) for clause in _OTHER_CLAUSES) or (place.args.get("alias") and place.args["alias"].columns):
        return None
    if not facts.deterministic(block) or block.find(exp.TableSample) is not None or facts.correlated_columns(block):
        return None
    counted = all(_aggregated(projection) for projection in block.expressions)
    return GlobalAggregate(place, block) if counted else None


def _aggregated(projection: exp.Expr) -> bool:
    if projection.find(exp.Query, exp.Window, exp.Order, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls) is not None:
        return False
    calls = list(projection.find_all(exp.AggFunc))
    inside = {id(node) for call in aggregate_calls(projection) for node in call.walk()}
    if any(id(column) not in inside for column in projection.find_all(exp.Column)):
        return False
    return bool(calls) and all(isinstance(call, _NULL_IGNORING) and len(_arguments(call)) == 1 for call in calls)


def _arguments(call: exp.Expr) -> list[exp.Expr]:
    inner = call.this
    extra = list(call.expressions)
    return [*inner.expressions, *extra] if isinstance(inner, exp.Distinct) else [inner, *extra]


def plain(call: exp.Expr) -> bool:
    """Whether the arguments of an aggregate call are columns or constants, which cannot fail on any row."""
    bare = call.this if isinstance(call, exp.Filter) else call
    return not isinstance(call, exp.Filter) and all(
        isinstance(unwrap(part), (exp.Column, exp.Star, exp.Literal)) for part in _arguments(bare)
    )


def filtered(call: exp.Expr, conditions: list[exp.Expr], with_filter: bool) -> exp.Expr:
    """A copy of an aggregate call that sees only rows that meet all ``conditions``.

    ``with_filter`` writes a FILTER clause where the arguments cannot fail on other rows; everything else guards the argument by CASE.
    """
    copied = call.copy()
    condition = conjunction([*(part.copy() for part in conditions), *(_own_filter(copied))])
    aggregate = copied.this if isinstance(copied, exp.Filter) else copied
    if condition is None:
        return copied
    if with_filter and plain(aggregate):
        return exp.Filter(this=aggregate, expression=exp.Where(this=condition))
    argument = _arguments(aggregate)[0]
    guarded = exp.Literal.number(1) if isinstance(argument, exp.Star) else argument.copy()
    argument.replace(exp.Case(ifs=[exp.If(this=condition, true=guarded)]))
    return aggregate


def _own_filter(call: exp.Expr) -> list[exp.Expr]:
    return [call.expression.this.copy()] if isinstance(call, exp.Filter) else []


# ---------------------------------------------------------------------- disjointness

Point = tuple[float | str, int]
"""A constant and -1, 0 or 1 for just below it, at it, just above it."""
_LOWEST, _HIGHEST = (float("-inf"), 0), (float("inf"), 0)


def disjoint(conditions: list[list[exp.Expr]]) -> bool:
    """Whether some column has a range in each of the conjunctions such that no value lies in two of the ranges."""
    ranges = [_ranges(parts) for parts in conditions]
    shared = set(ranges[0]).intersection(*ranges[1:])
    return any(_apart([found[column] for found in ranges]) for column in shared)


def _apart(intervals: list[tuple[Point, Point]]) -> bool:
    kinds = {type(point[0]) for interval in intervals for point in interval}
    if str in kinds:  # equalities with text
        return kinds == {str} and len({low for low, _ in intervals}) == len(intervals)
    return all(before[1] < after[0] for before, after in pairwise(sorted(intervals)))


def _ranges(parts: list[exp.Expr]) -> dict[str, tuple[Point, Point]]:
    """Closed intervals of points by the text of the column."""
    found: dict[str, tuple[Point, Point]] = {}
    for part in map(unwrap, parts):
        column = unwrap(part.this) if isinstance(part.this, exp.Expr) else part
        if not isinstance(column, exp.Column):
            continue
        name = column.sql()
        interval = _interval(part, column)
        if interval is not None:
            known = found.get(name)
            numeric = known is not None and isinstance(known[0][0], float) and isinstance(interval[0][0], float)
            found[name] = (max(known[0], interval[0]), min(known[1], interval[1])) if known and numeric else interval
    return found


def _interval(part: exp.Expr, column: exp.Column) -> tuple[Point, Point] | None:
    if isinstance(part, exp.Between) and not part.args.get("symmetric"):
        low, high = _value(part.args["low"], column), _value(part.args["high"], column)
        return ((low, 0), (high, 0)) if isinstance(low, float) and isinstance(high, float) else None
    if not isinstance(part, (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE)):
        return None
    value = _value(part.expression, column)
    if value is None or (isinstance(value, str) and not isinstance(part, exp.EQ)):
        return None
    if isinstance(part, exp.EQ):
        return (value, 0), (value, 0)
    if isinstance(part, (exp.LT, exp.LTE)):
        return _LOWEST, (value, 0 if isinstance(part, exp.LTE) else -1)
    return (value, 0 if isinstance(part, exp.GTE) else 1), _HIGHEST


def _value(node: exp.Expr, column: exp.Column) -> float | str | None:
    """A constant in the order of the column's values: numbers and dates as floats, ASCII text so that only text of another collation key differs."""
    bare = unwrap(node)
    if isinstance(bare, exp.Neg):
        value = _value(bare.this, column)
        return -value if isinstance(value, float) else None
    if isinstance(bare, exp.Cast) and bare.to.is_type(exp.DataType.Type.DATE):
        bare = unwrap(bare.this)
    if not isinstance(bare, exp.Literal):
        return None
    if not bare.is_string:
        exact = bare.name.isdigit() and len(bare.name) <= 15
        return float(bare.name) if exact and column.is_type(*exp.DataType.NUMERIC_TYPES) else None
    if column.is_type(exp.DataType.Type.DATE):
        try:
            return float(date.fromisoformat(bare.name).toordinal())
        except ValueError:  # no date in the usual form: nothing is known about its place in the order
            return None
    known = column.is_type(*exp.DataType.TEXT_TYPES) and bare.name.isascii()
    return bare.name.casefold().rstrip() if known else None
