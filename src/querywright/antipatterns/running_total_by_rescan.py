"""Computes a running total by rereading all earlier rows for each row.

Cost: the work grows with the square of a group; a window function passes over the rows once.
Why: "the sum of everything up to here" translates word for word into a condition on an earlier date or a smaller number.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import reread
from querywright.antipatterns._self_comparison import RUNNING, compared_with_itself, counts_ahead, ordered_windows
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.correlation import scalar_subqueries
from querywright.sql.facts import Facts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("running_sum_to_window", "count_to_rank")


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Correlated aggregates up to the value of the current row in one column, but for counts of the rows ahead of it."""
    for subquery, body in scalar_subqueries(facts):
        for column in compared_with_itself(body, facts) if body.expressions[0].find(*RUNNING) else ():
            if not counts_ahead(column, body):
                yield Occurrence(subquery, f"rereads all rows up to {column.outer.sql(facts.dialect)} for each row")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A correlated aggregate for a window function with ORDER BY over one table."""
    for total in ordered_windows(facts, *RUNNING):
        again = reread(total.table, total.select, total.window.this, total.links(), facts)
        total.window.replace(exp.Subquery(this=again))
        return query
    return None
