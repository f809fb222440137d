"""Computes window functions over all rows and filters whole partitions away afterwards.

Cost: the whole table is sorted or hashed for the windows, although few partitions are kept; hardly any engine moves this filter.
Why: the window function needs a derived table, and the filters came with the outer query.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._late_filters import filter_late, late_filters
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("push_predicate_down",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Conjuncts of WHERE on columns by which every window of the derived table partitions, or that those determine by a key."""
    for late in late_filters(facts, windowed=True):
        text = " AND ".join(predicate.sql(facts.dialect) for predicate in late.predicates)
        yield Occurrence(late.predicates[0], f"{text} drops partitions of {late.source.alias} after its windows were computed")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A filter outside for one inside."""
    return query if filter_late(facts, windowed=True) else None
