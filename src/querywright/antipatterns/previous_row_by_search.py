"""Finds the row before, or after, each row by searching all earlier ones for the last.

Cost: without a good index the rows of the group are read and sorted once for each of them; a window function sorts them once.
Why: "the last order before this one" is a query of its own in one's head; LAG is learned late.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import reread
from querywright.antipatterns._lookups import first_values
from querywright.antipatterns._self_comparison import OrderedWindow, compared_with_itself, ordered_windows, same_group
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap

SEVERITY: Severity = "critical"
CURES: tuple[str, ...] = ("decorrelate_nearest_row",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Scalar subqueries with ORDER BY … LIMIT 1 over the rows of the same table on one side of the current row."""
    for subquery, body, key in first_values(facts):
        for comparison in compared_with_itself(body, facts):
            if key == unwrap(comparison.inner):
                yield Occurrence(subquery, f"searches for the row next to {comparison.outer.sql(facts.dialect)} for each row")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A correlated subquery with LIMIT 1 for LAG or LEAD in the order of a column that identifies rows."""
    for along in ordered_windows(facts, exp.Lag, exp.Lead):
        neighbor = _neighbor(along, facts)
        if neighbor is not None:
            along.window.replace(exp.Subquery(this=neighbor))
            return query
    return None


def _neighbor(along: OrderedWindow, facts: Facts) -> exp.Select | None:
    """The subquery that finds what LAG or LEAD looks at; None where that is not the next row, or where rows may tie."""
    call, ordering = along.window.this, along.ordering
    if call.args.get("offset") or call.args.get("default"):
        return None
    if facts.unique_source(along.table, [column.name for column in (ordering, *along.groups)]) is None:
        return None
    before = isinstance(call, exp.Lag) is not along.descending
    beyond = (exp.LT if before else exp.GT)(this=exp.column(ordering.name), expression=ordering.copy())
    again = reread(along.table, along.select, call.this, [*same_group(along.groups), beyond], facts)
    nearest = exp.column(ordering.name, again.args["from_"].this.alias)
    return again.order_by(exp.Ordered(this=nearest, desc=before), copy=False).limit(1, copy=False)
