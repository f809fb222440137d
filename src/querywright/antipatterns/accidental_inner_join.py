"""Keeps rows without a match by LEFT JOIN and then drops them in WHERE.

Cost: where the optimizer does not see it, the join can neither be reordered nor start from the smaller side.
Why: LEFT JOIN feels safe, and the filter on the joined table came later.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import fills_earlier_sources, inner
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import null_rejected_columns, where_conjuncts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("left_join_to_inner",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """LEFT JOINs whose columns a conjunct of WHERE demands not to be NULL."""
    for select in facts.selects():
        if fills_earlier_sources(select):
            continue
        for source in facts.sources(select).values():
            if source.join is not None and source.join.side == "LEFT" and (filtering := _rejecting(select, source.alias)):
                text = filtering.sql(facts.dialect)
                yield Occurrence(source.join, f"{text} drops the rows that LEFT JOIN keeps for want of a match in {source.alias}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """LEFT JOIN for an inner join with a table that WHERE filters."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if fills_earlier_sources(select) or any(join.args.get("using") for join in joins):
            continue
        for join in joins:
            if inner(join) and join.args.get("on") is not None and _rejecting(select, join.alias_or_name):
                join.set("kind", None)
                join.set("side", "LEFT")
                return query
    return None


def _rejecting(select: exp.Select, alias: str) -> exp.Expr | None:
    """A conjunct of WHERE that is not true where the columns of ``alias`` are NULL."""
    conjuncts = where_conjuncts(select)
    return next((part for part in conjuncts if alias in {table for table, _ in null_rejected_columns(part)}), None)
