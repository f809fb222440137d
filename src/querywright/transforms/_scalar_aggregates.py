"""Correlated subqueries whose value is computed from aggregates: what three transforms start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import Correlation, correlation, place, scalar_subqueries
from querywright.sql.facts import Facts
from querywright.sql.failures import may_fail
from querywright.sql.order import order_sensitive_calls
from querywright.sql.predicates import conjunction, unwrap, where_conjuncts
from querywright.transforms.protocol import Blocked

_NULL_ON_NO_ROWS = (exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop)
_CLAUSES = ("where", "expressions", "having", "order", "qualify")
_ONLY = {"expressions", "from_", "joins", "where", "order", "limit", "with_"}


@dataclass(frozen=True)
class ScalarAggregate:
    """A subquery ``SELECT f(aggregates) FROM … WHERE …`` used as a value in ``clause`` of the block around it.

    ``within_aggregate``: it stands inside an aggregate call of that block. ``calls`` are its aggregates, FILTER included.
    """

    subquery: exp.Subquery
    body: exp.Select
    correlation: Correlation
    calls: tuple[exp.Expr, ...]
    clause: str
    within_aggregate: bool

    @property
    def outer(self) -> exp.Select:
        """The block around the subquery."""
        return self.correlation.outer

    @property
    def value(self) -> exp.Expr:
        """The projection without its alias."""
        projection: exp.Expr = self.body.expressions[0]
        return projection.unalias()

    def evaluated_by(self, replacement: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
        """The projection, moved, with each aggregate replaced by ``replacement(aggregate)``."""
        holder = exp.Paren(this=self.value)
        for call in self.calls:
            call.replace(replacement(call))
        value = unwrap(holder)
        return value if isinstance(value, (exp.Column, exp.Func)) else exp.Paren(this=value)

    def renamed(self, node: exp.Expr, names: Mapping[str, str], facts: Facts) -> exp.Expr:
        """A copy of a part of the body in which the body's sources have other aliases."""
        copy = node.copy()
        for original, twin in zip(list(node.walk()), list(copy.walk()), strict=True):
            if isinstance(original, exp.Column) and facts.home(original) is self.body:
                twin.set("table", exp.to_identifier(names[original.table]))
        return copy


def counts(call: exp.Expr) -> bool:
    """Whether the aggregate is 0, not NULL, on no rows."""
    return isinstance(call.this if isinstance(call, exp.Filter) else call, (exp.Count, exp.CountIf))


def scalar_aggregates(facts: Facts) -> Iterator[ScalarAggregate | Blocked]:
    """Correlated scalar aggregate subqueries of the tree, in the order of the text."""
    return iter(facts.once(_scalar_aggregates))


def _scalar_aggregates(facts: Facts) -> tuple[ScalarAggregate | Blocked, ...]:
    return tuple(_correlated(facts))


def _correlated(facts: Facts) -> Iterator[ScalarAggregate | Blocked]:
    for subquery, body in scalar_subqueries(facts):
        calls = _calls(body)
        if not calls or body.args.get("group"):
            continue
        related = correlation(facts, body)
        if related is None:
            continue
        if isinstance(related, str):
            yield Blocked(subquery, related)
            continue
        clause, within = place(subquery, related.outer)
        found = ScalarAggregate(subquery, body, related, calls, clause, within)
        obstacle = _obstacle(found, facts)
        yield Blocked(subquery, obstacle) if obstacle else found


def _calls(body: exp.Select) -> tuple[exp.Expr, ...]:
    calls = [call for call in body.expressions[0].find_all(exp.AggFunc, bfs=False) if call.parent_select is body]
    outermost = [call for call in calls if not any(call is not other and other in _ancestors(call) for other in calls)]
    return tuple(call.parent if isinstance(call.parent, exp.Filter) else call for call in outermost)


def _ancestors(node: exp.Expr) -> Iterator[exp.Expr]:
    while node.parent is not None:
        node = node.parent
        yield node


def _obstacle(found: ScalarAggregate, facts: Facts) -> str | None:
    body, outer = found.body, found.outer
    used = {name for name, value in body.args.items() if value}
    if used - _ONLY or not body.args.get("from_"):
        return "the subquery has clauses beyond SELECT, FROM and WHERE (HAVING, DISTINCT, OFFSET, windows, …)"
    if "limit" in used and body.args["limit"].expression != exp.Literal.number(1):
        return "the subquery has a LIMIT other than 1"
    if body.find(exp.Window) or any(not _known(call) for call in found.calls):
        return "the subquery uses an aggregate whose value on no rows or on reordered rows is not known, or a window"
    inside = {id(node) for call in found.calls for node in call.walk()}
    bare = [column for column in facts.local_columns(found.value, body) if id(column) not in inside]
    if bare or found.value.find(exp.Query):
        return "the subquery selects a column outside of its aggregates or a nested query"
    if any(facts.local_columns(call, outer) for call in found.calls):
        return "an aggregate's argument mentions outer columns"
    if not facts.deterministic(body) or order_sensitive_calls(body):
        return "the subquery is not deterministic"
    evaluated = [*found.calls, *where_conjuncts(body), *(body.args.get("joins") or [])]
    if any(may_fail(node, facts.dialect) for node in evaluated):
        return "the aggregate would be evaluated for rows it was not evaluated for before, and may fail on them"
    if outer.args.get("laterals") or found.clause not in _CLAUSES:
        return "the subquery stands in a join condition or a GROUP BY"
    return None


def _known(call: exp.Expr) -> bool:
    bare = call.this if isinstance(call, exp.Filter) else call
    return isinstance(bare, (*_NULL_ON_NO_ROWS, exp.Count, exp.CountIf)) and not (
        isinstance(bare, (exp.Min, exp.Max)) and bare.expressions
    )


def conditional(call: exp.Expr, conditions: Sequence[exp.Expr]) -> exp.Expr:
    """The aggregate, moved, over only the rows that satisfy all ``conditions`` (copied); COUNT(*) counts a constant."""
    condition = conjunction([condition.copy() for condition in conditions])
    if condition is None:
        return call
    argument = exp.Literal.number(1) if isinstance(call.this, exp.Star) or call.this is None else call.this
    return type(call)(this=exp.Case(ifs=[exp.If(this=condition, true=argument)]))


def call_stem(call: exp.Expr) -> str:
    """A name for a column that holds the aggregate, such as ``sum_total``."""
    bare = call.this if isinstance(call, exp.Filter) else call
    column = bare.find(exp.Column)
    return f"{bare.key}_{column.name if column is not None else 'rows'}"
