"""Filters groups by HAVING where WHERE could filter rows.

Cost: the rows of groups that are thrown away are read, joined and aggregated first.
Why: the condition is on a column of GROUP BY, and HAVING stands where the groups are.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import conjunction, conjuncts, set_where, where_conjuncts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("push_predicate_down",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Conjuncts of HAVING that mention grouping columns only."""
    for select in facts.selects():
        having = select.args.get("having")
        for predicate in conjuncts(having.this if having else None):
            if _on_groups(predicate, select, facts):
                yield Occurrence(predicate, f"{predicate.sql(facts.dialect)} is the same for all rows of a group")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """HAVING for a conjunct of WHERE that mentions grouping columns only."""
    for select in facts.selects():
        rows = where_conjuncts(select)
        moved = next((predicate for predicate in rows if _on_groups(predicate, select, facts)), None)
        if moved is not None:
            having = select.args.get("having")
            groups = conjunction([*conjuncts(having.this if having else None), moved.copy()])
            set_where(select, [predicate for predicate in rows if predicate is not moved])
            select.set("having", exp.Having(this=groups))
            return query
    return None


def _on_groups(predicate: exp.Expr, select: exp.Select, facts: Facts) -> bool:
    group = select.args.get("group")
    if group is None or has_grouping_sets(select) or predicate.find(exp.AggFunc, exp.Window, exp.Query):
        return False
    columns = list(predicate.find_all(exp.Column))
    on_groups = all(facts.home(column) is select and column in group.expressions for column in columns)
    return bool(columns) and on_groups and facts.deterministic(predicate)
