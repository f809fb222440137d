"""Computes a running total by rereading all earlier rows for each row.

Cost: the work grows with the square of a group; a window function passes over the rows once.
Why: "the sum of everything up to here" translates word for word into a condition on an earlier date or a smaller number.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of, only_source, plain, reread
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.correlation import Correlation, correlation, scalar_subqueries
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, unwrap, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("running_sum_to_window", "running_sum_join_to_window", "count_to_rank")

_RUNNING = (exp.Sum, exp.Count, exp.Avg, exp.Min, exp.Max)
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Correlated aggregates, and grouped joins of a table with itself, up to the value of the current row in one column."""
    for subquery, body in scalar_subqueries(facts):
        found = correlation(facts, body) if body.expressions[0].find(*_RUNNING) else None
        for comparison in found.ranges if isinstance(found, Correlation) else ():
            outer = comparison.outer
            if isinstance(found, Correlation) and _same_column(comparison.inner, outer, body, found.outer, facts):
                yield Occurrence(subquery, f"rereads all rows up to {outer.sql(facts.dialect)} for each row")
    for select in facts.selects():
        if select.args.get("group") is None or not any(call.parent_select is select for call in select.find_all(*_RUNNING)):
            continue
        for predicate in (part for condition in conditions_of(select) for part in conjuncts(condition)):
            bare = unwrap(predicate)
            if isinstance(bare, _RANGES) and _same_column(bare.this, bare.expression, select, select, facts):
                yield Occurrence(predicate, "joins each row with all rows up to it")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A correlated aggregate for a window function with ORDER BY over one table."""
    for select in facts.selects():
        source = only_source(select, facts)
        windows = [node for node in select.find_all(exp.Window) if node.parent_select is select]
        if source is None or source.table is None or any(part.find(exp.Query) for part in where_conjuncts(select)):
            continue
        bare = select.copy()
        bare.set("expressions", [])
        for window in windows if plain(bare, "order", "limit") else ():
            order, groups = window.args.get("order"), window.args.get("partition_by") or []
            keys = order.expressions if order is not None else []
            if not isinstance(window.this, _RUNNING) or window.args.get("spec") or len(keys) != 1:
                continue
            columns = [keys[0].this, *groups]
            if not all(isinstance(column, exp.Column) and facts.not_null(column, select) is not None for column in columns):
                continue
            earlier = exp.GTE if keys[0].args.get("desc") else exp.LTE
            links = [
                (exp.EQ if place else earlier)(this=exp.column(column.name), expression=column.copy())
                for place, column in enumerate(columns)
            ]
            window.replace(exp.Subquery(this=reread(source, select, window.this, links, facts)))
            return query
    return None


def _same_column(left: exp.Expr, right: exp.Expr, inside: exp.Select, outside: exp.Select, facts: Facts) -> bool:
    """Whether both are the same column of two sources that read the same base table."""
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column) or left.name != right.name:
        return False
    one, other = facts.sources(inside).get(left.table), facts.sources(outside).get(right.table)
    return one is not None and other is not None and one is not other and one.table is not None and one.table == other.table
