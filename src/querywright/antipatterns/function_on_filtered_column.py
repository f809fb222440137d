"""Wraps the filtered column in a function or in arithmetic.

Cost: no index on the column and no minimum and maximum of a block can decide the filter, so every row is read and computed.
Why: it says what is meant (``year(d) = 2024``), and an expression that guards against NULLs or formats feels safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._filters import TIMESTAMPS, day_ranges, filters, replace_conjuncts
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("sargable_predicate",)

_TRANSPARENT = (exp.Cast, exp.Case, exp.Collate, exp.JSONExtract, exp.JSONExtractScalar)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Comparisons of a function of one column with constants."""
    for select in facts.selects():
        for found in filters(select, facts):
            if _computed(found.operand, found.column):
                text = found.operand.sql(facts.dialect)
                yield Occurrence(
                    found.predicate, f"{text} hides {found.column.sql(facts.dialect)} from indexes and block statistics"
                )


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``year(d) = 2024`` for the range of a year, ``coalesce(x, 0) = 5`` for ``x = 5``."""
    for select in facts.selects():
        for days in day_ranges(select):
            year = days.lower.year
            whole = (days.lower.month, days.lower.day) == (1, 1) and days.upper == days.lower.replace(year=year + 1)
            if whole and facts.dialect != "sqlite" and days.column.is_type("date", *TIMESTAMPS):
                call = exp.EQ(this=exp.Year(this=days.column.copy()), expression=exp.Literal.number(year))
                replace_conjuncts(select, days.predicates, call)
                return query
        for predicate in where_conjuncts(select):
            column = predicate.this
            if not isinstance(predicate, (exp.EQ, exp.GT, exp.GTE)) or not isinstance(column, exp.Column):
                continue
            default = _failing(predicate.expression, column, facts)
            if default is not None and any(found.predicate is predicate for found in filters(select, facts)):
                column.replace(exp.Coalesce(this=column.copy(), expressions=[default]))
                return query
    return None


def _computed(operand: exp.Expr, column: exp.Column) -> bool:
    node: exp.Expr | None = column.parent if operand is not column else None
    while node is not None:
        if isinstance(node, (exp.Func, exp.Binary, exp.Neg)) and not isinstance(node, _TRANSPARENT):
            return True
        node = node.parent if node is not operand else None
    return False


def _failing(literal: exp.Expr, column: exp.Column, facts: Facts) -> exp.Expr | None:
    """A value of the column's type that is less than ``literal``; None where there is none to write."""
    if not isinstance(literal, exp.Literal):
        return None
    if not literal.is_string and column.is_type(*exp.DataType.INTEGER_TYPES):
        return exp.Literal.number(0) if literal.is_int and int(literal.name) > 0 else None
    # SQLite's comparison of text follows the column's collation, which an expression around the column would lose.
    if literal.is_string and literal.name and facts.dialect != "sqlite" and column.is_type(*exp.DataType.TEXT_TYPES):
        return exp.Literal.string("")
    return None
