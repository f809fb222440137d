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
from querywright.sql.trees import printed

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
_WITHOUT_FILTER_CLAUSE = ("mysql",)
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
        return " ".join(printed(part, "") for part in parts)

    @cached_property
    def conditions(self) -> dict[str, exp.Expr]:
        """The conjuncts of WHERE by their text."""
        return {printed(part, ""): part for part in where_conjuncts(self.block)}

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
    """The global aggregate in ``place``; None where an aggregate minds NULLs, or something is random or correlated."""
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
    return bool(calls) and all(map(ignores_nulls, calls))


def ignores_nulls(call: exp.Expr) -> bool:
    """Whether an aggregate has one argument and passes over NULLs, so that FILTER and CASE may choose its rows."""
    bare = call.this if isinstance(call, exp.Filter) else call
    return isinstance(bare, _NULL_IGNORING) and len(_arguments(bare)) == 1


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


def filtered(call: exp.Expr, conditions: list[exp.Expr], dialect: str) -> exp.Expr:
    """A copy of an aggregate call that sees only rows that meet all ``conditions``.

    By a FILTER clause where ``dialect`` has it and the argument cannot fail on other rows; else CASE guards the argument.
    """
    copied = call.copy()
    condition = conjunction([*(part.copy() for part in conditions), *(_own_filter(copied))])
    aggregate = copied.this if isinstance(copied, exp.Filter) else copied
    if condition is None:
        return copied
    if dialect not in _WITHOUT_FILTER_CLAUSE and plain(aggregate):
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


@dataclass(frozen=True)
class Partition:
    """Ranges of one column such that no value lies in two of them.

    ``hull`` are predicates that every value in a range meets; ``complete`` says that the conditions say nothing else.
    """

    hull: tuple[exp.Expr, ...]
    complete: bool


def partition(conditions: list[list[exp.Expr]]) -> Partition | None:
    """Reads off the constants of the conjunctions that no row meets two of them; None where that is not certain."""
    ranges = [_ranges(parts) for parts in conditions]
    for name in ranges[0]:
        if all(name in found for found in ranges) and _apart([found[name] for found in ranges]):
            parts = [[part for part in map(unwrap, condition) if _range_column(part) == name] for condition in conditions]
            complete = all(len(own) == len(condition) for own, condition in zip(parts, conditions, strict=True))
            return Partition(_hull([found[name] for found in ranges], parts), complete)
    return None


def _apart(intervals: list[tuple[Point, Point]]) -> bool:
    kinds = {type(point[0]) for interval in intervals for point in interval}
    if str in kinds:  # equalities with text
        return kinds == {str} and len({low for low, _ in intervals}) == len(intervals)
    return all(before[1] < after[0] for before, after in pairwise(sorted(intervals)))


def _hull(intervals: list[tuple[Point, Point]], parts: list[list[exp.Expr]]) -> tuple[exp.Expr, ...]:
    column = unwrap(parts[0][0].this)
    if isinstance(intervals[0][0][0], str):
        return (exp.In(this=column.copy(), expressions=[own[0].expression.copy() for own in parts]),)
    (low, above), (high, below) = min(low for low, _ in intervals), max(high for _, high in intervals)
    hull: list[exp.Expr] = []
    if isinstance(low, float) and low > _LOWEST[0]:
        hull.append((exp.GTE if above == 0 else exp.GT)(this=column.copy(), expression=_constant(low, column)))
    if isinstance(high, float) and high < _HIGHEST[0]:
        hull.append((exp.LTE if below == 0 else exp.LT)(this=column.copy(), expression=_constant(high, column)))
    return tuple(hull)


def _constant(value: float, column: exp.Expr) -> exp.Expr:
    if column.is_type(exp.DataType.Type.DATE):
        return exp.Literal.string(date.fromordinal(int(value)).isoformat())
    return exp.Literal.number(int(value))


def _ranges(parts: list[exp.Expr]) -> dict[str, tuple[Point, Point]]:
    """Closed intervals of points by the text of the column; predicates on text and on numbers are not mixed."""
    found: dict[str, tuple[Point, Point]] = {}
    for part in map(unwrap, parts):
        name = _range_column(part)
        if name is None:
            continue
        interval = _interval(part, unwrap(part.this))
        assert interval is not None
        known = found.get(name)
        if known is not None and isinstance(interval[0][0], float):
            interval = max(known[0], interval[0]), min(known[1], interval[1])
        found[name] = interval
    return found


def _range_column(part: exp.Expr) -> str | None:
    """Text of the column that ``part`` bounds by constants."""
    column = unwrap(part.this) if isinstance(part.this, exp.Expr) else None
    return column.sql() if isinstance(column, exp.Column) and _interval(part, column) is not None else None


def _interval(part: exp.Expr, column: exp.Expr) -> tuple[Point, Point] | None:
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


def _value(node: exp.Expr, column: exp.Expr) -> float | str | None:
    """A constant in the order of the column's values: dates as floats, text so that common collations tell it apart."""
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
