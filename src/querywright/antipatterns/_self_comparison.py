"""Comparisons of the rows of a table with other rows of it, and the window functions that say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from querywright.antipatterns._blocks import only_source, plain
from querywright.sql.correlation import Comparison, Correlation, correlation
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import where_conjuncts

RUNNING = (exp.Sum, exp.Count, exp.Avg, exp.Min, exp.Max)
"""Aggregates that run along an order."""


@dataclass(frozen=True)
class OrderedWindow:
    """``window`` of ``select`` reads the rows of ``table`` in the order of one column, ``ordering``, within ``groups``.

    No column that orders or groups is ever NULL.
    """

    select: exp.Select
    table: Source
    window: exp.Expr
    ordering: exp.Column
    descending: bool
    groups: Sequence[exp.Column]

    def links(self) -> list[exp.Expr]:
        """What relates the rows up to a row, whose columns have no table, to the row itself."""
        earlier = exp.GTE if self.descending else exp.LTE
        return [earlier(this=exp.column(self.ordering.name), expression=self.ordering.copy()), *same_group(self.groups)]


def same_group(groups: Sequence[exp.Column]) -> list[exp.Expr]:
    """What relates the rows of a group, whose columns have no table, to a row of it."""
    return [exp.EQ(this=exp.column(group.name), expression=group.copy()) for group in groups]


def ordered_windows(facts: Facts, *functions: type[exp.Expr]) -> Iterator[OrderedWindow]:
    """Windows of ``functions`` with ORDER BY and no frame in blocks that read one table, filter it and do nothing else."""
    for select in facts.selects():
        table = only_source(select, facts)
        windows = [node for node in select.find_all(exp.Window) if node.parent_select is select]
        if table is None or table.table is None or any(part.find(exp.Query) for part in where_conjuncts(select)):
            continue
        bare = select.copy()
        bare.set("expressions", [])
        for window in windows if plain(bare, "order", "limit") else ():
            order, groups = window.args.get("order"), window.args.get("partition_by") or []
            keys = order.expressions if order is not None else []
            if not isinstance(window.this, functions) or window.args.get("spec") or len(keys) != 1:
                continue
            columns = [keys[0].this, *groups]
            if all(isinstance(column, exp.Column) and facts.not_null(column, select) is not None for column in columns):
                yield OrderedWindow(select, table, window, columns[0], bool(keys[0].args.get("desc")), groups)


def compared_with_itself(body: exp.Select, facts: Facts) -> Iterator[Comparison]:
    """Comparisons by <, <=, > or >= of a column in a correlated subquery with the same column of an outer row."""
    found = correlation(facts, body)
    for comparison in found.ranges if isinstance(found, Correlation) else ():
        if isinstance(found, Correlation) and same_column(comparison.inner, comparison.outer, body, found.outer, facts):
            yield comparison


def counts_ahead(comparison: Comparison, body: exp.Select) -> bool:
    """Whether a subquery counts the rows, or the values, that lie strictly beyond the outer row."""
    return comparison.operator in (exp.LT, exp.GT) and isinstance(body.expressions[0].unalias(), exp.Count)


def same_column(left: exp.Expr, right: exp.Expr, inside: exp.Select, outside: exp.Select, facts: Facts) -> bool:
    """Whether both are the same column of two sources that read the same base table."""
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column) or left.name != right.name:
        return False
    one, other = facts.sources(inside).get(left.table), facts.sources(outside).get(right.table)
    return one is not None and other is not None and one is not other and one.table is not None and one.table == other.table
