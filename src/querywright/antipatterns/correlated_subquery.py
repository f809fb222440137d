"""Looks up a value by a subquery that runs for each row.

Cost: an engine that does not rewrite it scans or probes the inner table once per outer row; two such columns do it twice.
Why: it reads like the sentence "and for each order, the name of its customer", and it cannot multiply rows as a join may.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._lookups import look_up_by_subqueries
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = (
    "decorrelate_scalar_aggregate",
    "decorrelate_key_lookup",
    "decorrelate_top_row",
    "decorrelate_nearest_row",
    "aggregate_subquery_to_window",
    "running_sum_to_window",
    "running_sum_lookup_to_window",
)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Scalar subqueries that use columns of an enclosing query; EXISTS and IN stop at the first match and are left out."""
    for subquery in facts.tree.find_all(exp.Subquery, bfs=False):
        body = subquery.unnest()
        if not isinstance(body, exp.Query) or isinstance(
            subquery.parent, (exp.From, exp.Join, exp.In, exp.Lateral, exp.SetOperation)
        ):
            continue
        if isinstance(subquery.parent, (exp.Subquery, exp.Exists, exp.Any, exp.All)):
            continue
        outer = dict.fromkeys(column.sql(facts.dialect) for column in facts.correlated_columns(body))
        if outer:
            yield Occurrence(subquery, f"runs for each value of {', '.join(outer)}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A scalar subquery for each column of a LEFT JOIN that finds one row at most."""
    return look_up_by_subqueries(facts, fewest=1)
