"""Joins columns of different types, which the engine converts silently.

Cost: one side is converted row by row, no index on it serves the join, and rounding or formats may lose matches.
Why: two systems store the same thing differently, and no error tells.
Uncured: the remedy is in the tables, to give both columns one type.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, equated_columns, unwrap

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ()

_FAMILIES: dict[str, set[object]] = {
    "whole number": set(exp.DataType.INTEGER_TYPES),
    "floating-point number": set(exp.DataType.FLOAT_TYPES),
    "decimal number": {exp.DataType.Type.DECIMAL},
    "text": set(exp.DataType.TEXT_TYPES),
    "date": {exp.DataType.Type.DATE},
    "timestamp": {exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ, exp.DataType.Type.DATETIME},
}


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Equalities of columns of two tables whose types are of different families."""
    for select in facts.selects():
        for predicate in (part for condition in conditions_of(select) for part in conjuncts(condition)):
            pair = equated_columns(predicate)
            if pair is None or pair[0].table == pair[1].table:
                continue
            families = [_family(column) for column in pair]
            if None not in families and families[0] != families[1]:
                yield Occurrence(predicate, f"compares a {families[0]} with a {families[1]}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``ts = d`` for ``ts = CAST(d AS TIMESTAMP)``, and likewise for floating-point and whole numbers."""
    if facts.dialect == "sqlite":
        return None  # it compares values, not types, and a cast may change them
    for select in facts.selects():
        for predicate in (part for condition in conditions_of(select) for part in conjuncts(condition)):
            bare = unwrap(predicate)
            for own, cast in ((bare.this, bare.expression), (bare.expression, bare.this)) if isinstance(bare, exp.EQ) else ():
                column = cast.this if isinstance(cast, exp.Cast) else None
                if not isinstance(own, exp.Column) or not isinstance(column, exp.Column) or own.table == column.table:
                    continue
                silent = (_family(own), _family(column)) in {("timestamp", "date"), ("floating-point number", "whole number")}
                if silent and cast.to == own.type:
                    cast.replace(column.copy())
                    return query
    return None


def _family(column: exp.Column) -> str | None:
    kind = column.type.this if column.type is not None else None
    return next((family for family, kinds in _FAMILIES.items() if kind in kinds), None)
