"""Converts the filtered column to the constant's type instead of the constant to the column's.

Cost: every row is converted before it is compared, and neither an index nor the minimum and maximum of a block can be used.
Why: ``CAST(created_at AS DATE) = …`` reads like the question, and a text comparison hides that the column holds numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlglot import exp

from querywright.antipatterns._filters import TIMESTAMPS, day_ranges, filters, replace_conjuncts
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("sargable_predicate",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Comparisons of CAST(column) with constants, where the cast changes the type."""
    for select in facts.selects():
        for found in filters(select, facts):
            cast = found.operand
            if isinstance(cast, exp.Cast) and cast.this is found.column and cast.to != found.column.type:
                column = found.column.sql(facts.dialect)
                yield Occurrence(found.predicate, f"{column} is converted to {cast.to.sql(facts.dialect)} for every row")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``CAST(ts AS DATE) = d`` for the range of a day, ``CAST(x AS TEXT) = '5'`` for ``x = 5``."""
    for select in facts.selects():
        for days in day_ranges(select):
            one = days.upper - days.lower == timedelta(days=1)
            if one and facts.dialect != "sqlite" and days.column.is_type(*TIMESTAMPS):
                day = exp.cast(exp.Literal.string(days.lower.isoformat()), "date")
                replace_conjuncts(select, days.predicates, exp.EQ(this=exp.cast(days.column.copy(), "date"), expression=day))
                return query
        for predicate in where_conjuncts(select):
            column, literal = predicate.this, predicate.expression
            if not isinstance(predicate, exp.EQ) or not isinstance(column, exp.Column) or not isinstance(literal, exp.Literal):
                continue
            whole = literal.is_int and not literal.is_string and str(int(literal.name)) == literal.name
            known = any(found.predicate is predicate for found in filters(select, facts))
            if whole and known and column.is_type(*exp.DataType.INTEGER_TYPES):
                predicate.set("this", exp.cast(column.copy(), "text"))
                predicate.set("expression", exp.Literal.string(literal.name))
                return query
    return None
