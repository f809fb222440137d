"""Computes the rank of a row by counting, for each row, the rows ahead of it.

Cost: the work grows with the square of a group; a window function sorts the rows once.
Why: "at most two earn more" is how the best three were found before there were window functions, and how many still learn it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._ranked_rows import ranked_rows
from querywright.antipatterns._self_comparison import compared_with_itself, counts_ahead
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.correlation import scalar_subqueries
from querywright.sql.facts import Facts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("count_to_rank", "running_sum_to_window")


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Correlated counts of rows, or of values, of the same table that lie strictly beyond the current row in one column."""
    for subquery, body in scalar_subqueries(facts):
        for comparison in compared_with_itself(body, facts):
            if counts_ahead(comparison, body):
                yield Occurrence(subquery, f"counts what lies beyond {comparison.outer.sql(facts.dialect)} for each row")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A correlated count for ``RANK() OVER (PARTITION BY … ORDER BY …) = 1``."""
    for rows in ranked_rows(facts):
        again = rows.reread(exp.Count(this=exp.Star()), facts, ahead=True)
        rows.keep(exp.EQ(this=exp.Subquery(this=again), expression=exp.Literal.number(0)))
        return query
    return None
