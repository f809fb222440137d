"""Looks up the largest or smallest value of a key by sorting its rows and taking the first.

Cost: the rows of the key are found, and sorted or at least compared, once for each outer row, where one pass gives all extremes.
Why: ORDER BY … LIMIT 1 is how one looks for the largest value by hand, and it stays when the query moves into a column.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._derived_tables import with_derived_tables
from querywright.antipatterns._lookups import first_values, look_up_by_subqueries
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("first_value_to_extreme", "decorrelate_top_row")


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Correlated scalar subqueries ``SELECT x … ORDER BY x LIMIT 1``."""
    for subquery, body, key in first_values(facts):
        value = unwrap(body.expressions[0].unalias())
        if key == value:
            yield Occurrence(subquery, f"sorts by {value.sql(facts.dialect)} for each row, to keep one value")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``ORDER BY x LIMIT 1`` for each MAX and MIN of a LEFT JOIN with a table grouped by its key."""
    return look_up_by_subqueries(facts, fewest=1, sorting=True) or look_up_by_subqueries(
        with_derived_tables(facts), fewest=1, sorting=True
    )
