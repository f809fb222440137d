"""Filters the groups of a derived table or common table expression outside of it.

Cost: an engine that does not move the filter inside aggregates or compares rows that are thrown away afterwards.
Why: the inner query is written once for all, and each reader picks what it needs.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._late_filters import filter_late, late_filters
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("push_predicate_down", "push_filters_into_cte")


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Conjuncts of WHERE on the grouping columns, or on any columns under DISTINCT, of what all readers filter."""
    for late in late_filters(facts, windowed=False):
        text = " AND ".join(predicate.sql(facts.dialect) for predicate in late.predicates)
        yield Occurrence(late.predicates[0], f"{text} filters {late.source.alias} after its rows were grouped")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A filter outside for one inside."""
    return query if filter_late(facts, windowed=False) else None
