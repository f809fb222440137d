"""Computes a running total by joining each row with all rows up to it.

Cost: the join makes a pair of rows for each earlier row, and all of them are grouped; a window passes over the rows once.
Why: without window functions, "the rows up to here" is a second copy of the table with a condition on the date.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of, plain, renamed
from querywright.antipatterns._self_comparison import RUNNING, OrderedWindow, ordered_windows, same_column
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjunction, conjuncts, unwrap, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("running_sum_join_to_window",)

_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Grouped joins of a table with itself up to the value of the current row in one column."""
    for select in facts.selects():
        if select.args.get("group") is None or not any(call.parent_select is select for call in select.find_all(*RUNNING)):
            continue
        for predicate in (part for condition in conditions_of(select) for part in conjuncts(condition)):
            bare = unwrap(predicate)
            if isinstance(bare, _RANGES) and same_column(bare.this, bare.expression, select, select, facts):
                yield Occurrence(predicate, "joins each row with all rows up to it")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A join of the table with itself for a window function with ORDER BY, beside columns that hold a key."""
    for total in ordered_windows(facts, *RUNNING):
        select = total.select
        others = [projection.unalias() for projection in select.expressions if projection.unalias() is not total.window]
        columns = [value for value in others if isinstance(value, exp.Column)]
        bare = select.copy()
        bare.set("expressions", [])
        if len(others) != len(select.expressions) - 1 or len(columns) != len(others) or not plain(bare):
            continue
        if facts.unique_source(total.table, [column.name for column in columns]) is None:
            continue
        _join(total, columns, facts)
        return query
    return None


def _join(total: OrderedWindow, columns: list[exp.Column], facts: Facts) -> None:
    select, alias = total.select, total.table.alias
    name = facts.fresh_name(f"earlier_{alias}")
    rows = total.table.node.copy()
    rows.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
    filters = [renamed(part, alias, name) for part in where_conjuncts(select)]
    on = conjunction([*(renamed(link, "", name) for link in total.links()), *filters])
    value = renamed(total.window.this, alias, name)
    total.window.replace(value)
    select.set("joins", [exp.Join(this=rows, on=on)])
    select.set("group", exp.Group(expressions=[column.copy() for column in dict.fromkeys(columns)]))
