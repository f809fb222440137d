"""Groups by a key and by columns that the key determines.

Cost: each row carries and hashes or compares all of these columns, often wide text, though the key alone makes the groups.
Why: SQL demands that every plain column of the SELECT list is grouped by.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import column_key

SEVERITY: Severity = "low"
CURES: tuple[str, ...] = ("group_by_key",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """GROUP BY of columns that other grouping columns determine by a key, once a block."""
    for select in facts.selects():
        keys = _grouping_columns(select)
        dependent: list[exp.Column] = []
        for column in reversed(keys):
            others = [key for key in keys if key is not column and not any(key is gone for gone in dependent)]
            if others and _determined(column, others, select, facts):
                dependent.append(column)
        if dependent:
            columns = ", ".join(column.sql(facts.dialect) for column in reversed(dependent))
            yield Occurrence(select.args["group"], f"the other grouping columns determine {columns}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A grouping column for MAX or MIN of a column that the grouping columns determine."""
    for select in facts.selects():
        keys = _grouping_columns(select)
        for call in select.find_all(exp.Max, exp.Min) if keys else ():
            column, place = call.this, call.parent
            shown = place is select or (isinstance(place, exp.Alias) and place.parent is select)
            if shown and call.arg_key != "order" and isinstance(column, exp.Column) and _determined(column, keys, select, facts):
                call.replace(column.copy())
                select.args["group"].append("expressions", column.copy())
                return query
    return None


def _grouping_columns(select: exp.Select) -> list[exp.Column]:
    group = select.args.get("group")
    if group is None or has_grouping_sets(select):
        return []
    return [expression for expression in group.expressions if isinstance(expression, exp.Column)]


def _determined(column: exp.Column, keys: list[exp.Column], select: exp.Select, facts: Facts) -> bool:
    known, premises = facts.determined(select, [column_key(key) for key in keys])
    return facts.home(column) is select and column_key(column) in known and bool(premises)
