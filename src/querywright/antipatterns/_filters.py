"""Filters of base-table columns against constants: what the habits around filtered columns look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import ColumnKey, column_key, column_keys, constant, set_where, unwrap, where_conjuncts

_COMPARISONS = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)
TIMESTAMPS = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ, exp.DataType.Type.DATETIME)
_OPERANDS = ("this", "expression", "low", "high")


@dataclass(frozen=True)
class Filter:
    """``predicate`` compares ``operand``, an expression over one ``column`` of a base table, with constants."""

    predicate: exp.Expr
    operand: exp.Expr
    column: exp.Column


@dataclass(frozen=True)
class DayRange:
    """``column >= lower AND column < upper``, as two ``predicates`` of a WHERE."""

    column: exp.Column
    lower: date
    upper: date
    predicates: tuple[exp.Expr, exp.Expr]


def filters(select: exp.Select, facts: Facts) -> Iterator[Filter]:
    """Filters in WHERE and in the conditions of joins, inside OR and NOT too."""
    conditions = [select.args.get("where"), *(join.args.get("on") for join in select.args.get("joins") or [])]
    for condition in conditions:
        for node in condition.find_all(*_COMPARISONS, bfs=False) if condition is not None else ():
            if node.parent_select is not select or node.args.get("query") is not None:
                continue
            parts = [node.args[slot] for slot in _OPERANDS if isinstance(node.args.get(slot), exp.Expr)]
            varying = [unwrap(part) for part in (*parts, *node.expressions) if not constant(part)]
            if len(varying) == 1 and len(column_keys(varying[0])) == 1:
                column = next(varying[0].find_all(exp.Column))
                source = facts.sources(select).get(column.table)
                if facts.home(column) is select and source is not None and source.table is not None:
                    yield Filter(node, varying[0], column)


def day_ranges(select: exp.Select) -> Iterator[DayRange]:
    """Half-open ranges of days that two conjuncts of the WHERE give a column."""
    lowest: dict[ColumnKey, tuple[date, exp.Expr]] = {}
    for predicate in where_conjuncts(select):
        if isinstance(predicate, exp.GTE) and isinstance(predicate.this, exp.Column) and (day := _day(predicate.expression)):
            lowest.setdefault(column_key(predicate.this), (day, predicate))
    for predicate in where_conjuncts(select):
        if isinstance(predicate, exp.LT) and isinstance(predicate.this, exp.Column) and (day := _day(predicate.expression)):
            column = predicate.this
            if column_key(column) in lowest:
                lower, first = lowest[column_key(column)]
                yield DayRange(column, lower, day, (first, predicate))


def replace_conjuncts(select: exp.Select, removed: Sequence[exp.Expr], added: exp.Expr) -> None:
    """Put ``added`` where the first of the ``removed`` conjuncts of the WHERE stands."""
    gone = {id(predicate) for predicate in removed}
    set_where(
        select,
        [added if p is removed[0] else p for p in where_conjuncts(select) if p is removed[0] or id(p) not in gone],
    )


def _day(node: exp.Expr) -> date | None:
    literal = node.this if isinstance(node, exp.Cast) else node
    if isinstance(literal, exp.Literal) and re.fullmatch(r"\d{4}-\d\d-\d\d( 00:00:00)?", literal.name):
        try:
            return date.fromisoformat(literal.name[:10])
        except ValueError:
            return None  # the engine's own error to report, such as for February 30
    return None
