"""Removes duplicates where there are none.

Cost: the whole result is hashed or sorted to find nothing, and the engine can pass on no row before it has seen the last.
Why: a join once multiplied rows and DISTINCT made them go away; since then it is written "to be safe".
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import sorts_by_output
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.duplicates import output_is_a_set
from querywright.sql.facts import Facts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("remove_redundant_distinct",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """SELECT DISTINCT over rows that differ by a key, or whose reader takes them as a set."""
    for select in facts.selects():
        distinct = select.args.get("distinct")
        if distinct is None or distinct.args.get("on") is not None:
            continue
        if output_is_a_set(select):
            yield Occurrence(distinct, "whoever reads these rows ignores repeated ones anyway")
        elif facts.duplicate_free_before_distinct(select) is not None:
            yield Occurrence(distinct, "the columns hold a key of every table read, so that no two rows are equal")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """DISTINCT for a block whose rows differ anyway."""
    for select in facts.selects():
        if select.args.get("distinct") is None and sorts_by_output(select) and _distinct_anyway(select, facts):
            select.set("distinct", exp.Distinct())
            return query
    return None


def _distinct_anyway(select: exp.Select, facts: Facts) -> bool:
    if isinstance(select.parent, exp.Exists):
        return False  # nobody writes that
    return output_is_a_set(select) or facts.duplicate_free_before_distinct(select) is not None
