"""Writes UNION where UNION ALL gives the same rows.

Cost: all rows of both sides are hashed or sorted to remove duplicates that cannot occur.
Why: UNION is the shorter word and the one that is taught first.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.duplicates import union_is_union_all
from querywright.sql.facts import Facts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("remove_redundant_distinct",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """UNIONs whose sides are free of duplicates and have no row in common, or whose reader ignores duplicates."""
    for union in facts.tree.find_all(exp.Union, bfs=False):
        if union.args.get("distinct") and union_is_union_all(union, facts) is not None:
            yield Occurrence(union, "no row can occur twice, or nobody would see it")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """UNION for a UNION ALL that cannot give duplicates."""
    for union in facts.tree.find_all(exp.Union, bfs=False):
        if not union.args.get("distinct") and union_is_union_all(union, facts) is not None:
            union.set("distinct", True)
            return query
    return None
