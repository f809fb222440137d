"""Finds the row before, or after, each row by searching all earlier ones for the last.

Cost: without a good index the rows of the group are read and sorted once for each of them; a window function sorts them once.
Why: "the last order before this one" is a query of its own in one's head; LAG is learned late.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import only_source, plain, reread
from querywright.antipatterns._lookups import first_values
from querywright.antipatterns._self_comparison import compared_with_itself
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import unwrap, where_conjuncts

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
    for select in facts.selects():
        source = only_source(select, facts)
        windows = [node for node in select.find_all(exp.Window) if node.parent_select is select]
        if source is None or source.table is None or any(part.find(exp.Query) for part in where_conjuncts(select)):
            continue
        bare = select.copy()
        bare.set("expressions", [])
        for window in windows if plain(bare, "order", "limit") else ():
            neighbor = _neighbor(window, select, source, facts)
            if neighbor is not None:
                window.replace(exp.Subquery(this=neighbor))
                return query
    return None


def _neighbor(window: exp.Window, select: exp.Select, source: Source, facts: Facts) -> exp.Select | None:
    """The subquery that finds what LAG or LEAD looks at; None for another window, or where rows may tie or hold NULLs."""
    call, order, groups = window.this, window.args.get("order"), window.args.get("partition_by") or []
    keys = order.expressions if order is not None else []
    if not isinstance(call, (exp.Lag, exp.Lead)) or call.args.get("offset") or call.args.get("default") or len(keys) != 1:
        return None
    columns = [keys[0].this, *groups]
    if not all(isinstance(column, exp.Column) and facts.not_null(column, select) is not None for column in columns):
        return None
    if facts.unique_source(source, [column.name for column in columns]) is None:
        return None
    before = isinstance(call, exp.Lag) is not bool(keys[0].args.get("desc"))
    links: list[exp.Expr] = [exp.EQ(this=exp.column(group.name), expression=group.copy()) for group in groups]
    links.append((exp.LT if before else exp.GT)(this=exp.column(columns[0].name), expression=columns[0].copy()))
    again = reread(source, select, call.this, links, facts)
    nearest = exp.column(columns[0].name, again.args["from_"].this.alias)
    return again.order_by(exp.Ordered(this=nearest, desc=before), copy=False).limit(1, copy=False)
