"""Aggregates DISTINCT values where values cannot repeat or repeating changes nothing.

Cost: each group keeps a set of all its values, and many engines give up parallel or vectorized aggregation for it.
Why: COUNT(DISTINCT id) was needed in another query, where a join repeated the rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import column_keys

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("remove_redundant_distinct",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """COUNT, SUM and AVG of DISTINCT values of a key; MIN and MAX of DISTINCT values of anything."""
    for select in facts.selects():
        for call in select.find_all(exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, bfs=False):
            argument = call.this
            if call.parent_select is not select or not isinstance(argument, exp.Distinct) or len(argument.expressions) != 1:
                continue
            if isinstance(call, (exp.Min, exp.Max)):
                yield Occurrence(call, "the largest and the smallest value stay the same when values repeat")
            elif _repeats_never(argument.expressions[0], select, facts):
                yield Occurrence(call, f"no two rows of a group have the same {argument.expressions[0].sql(facts.dialect)}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """COUNT(DISTINCT key) for COUNT(key)."""
    for select in facts.selects():
        for call in select.find_all(exp.Count, bfs=False):
            column = call.this
            whole = call.parent_select is select and isinstance(column, exp.Column) and not call.expressions
            if whole and not isinstance(call.parent, (exp.Window, exp.Filter)) and _repeats_never(column, select, facts):
                call.set("this", exp.Distinct(expressions=[column.copy()]))
                return query
    return None


def _repeats_never(column: exp.Expr, select: exp.Select, facts: Facts) -> bool:
    """Whether two rows of one group always differ in ``column``."""
    group = select.args.get("group")
    if not isinstance(column, exp.Column) or facts.home(column) is not select:
        return False
    grouped = [] if group is None or has_grouping_sets(select) else group.expressions
    keys = [key for key in grouped if isinstance(key, exp.Column)]
    return facts.identifying(select, frozenset().union(*map(column_keys, [column, *keys]))) is not None
