"""Comparisons of a column's calendar year, quarter, month or day with a constant, and the days that they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlglot import exp

from querywright.sql.predicates import unwrap

Comparison = type[exp.EQ] | type[exp.LT] | type[exp.LTE] | type[exp.GT] | type[exp.GTE]
Unit = Literal["YEAR", "QUARTER", "MONTH", "DAY"]

FLIPPED: dict[type[exp.Expr], Comparison] = {
    exp.EQ: exp.EQ,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
}
_MONTHS: dict[Unit, int] = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
_FORMATS: dict[str, tuple[Unit, str]] = {
    "%Y": ("YEAR", r"\d{4}"),
    "%Y-%m": ("MONTH", r"\d{4}-\d\d"),
    "%Y-%m-%d": ("DAY", r"\d{4}-\d\d-\d\d"),
}
TIMESTAMPS = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ, exp.DataType.Type.DATETIME)
INTEGER_RANGE = range(-(2**63) + 1, 2**63)


@dataclass(frozen=True)
class Period:
    """A function that maps ``column`` to the calendar unit it lies in, and how the result is written."""

    column: exp.Column
    unit: Unit
    written: Literal["number", "date", "text"]


def comparisons_with_constants(node: exp.Expr) -> list[tuple[exp.Expr, Comparison, exp.Expr]]:
    """(term, comparison, constant) triples whose conjunction is ``node``."""
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        term = unwrap(node.this)
        return [(term, exp.GTE, unwrap(node.args["low"])), (term, exp.LTE, unwrap(node.args["high"]))]
    flipped = FLIPPED.get(type(node))
    if flipped is None:
        return []
    left, right = unwrap(node.this), unwrap(node.expression)
    if left.find(exp.Column) is None:
        return [(right, flipped, left)]
    return [(left, FLIPPED[flipped], right)]


def integer(node: exp.Expr) -> int | None:
    if isinstance(node, exp.Neg):
        inner = integer(unwrap(node.this))
        return None if inner is None else -inner
    if not isinstance(node, exp.Literal) or node.is_string or not node.name.isdigit():
        return None
    return int(node.name) if int(node.name) in INTEGER_RANGE else None


def period_of(term: exp.Expr) -> Period | None:
    """The calendar function that ``term`` applies to a column."""
    unit: str = "DAY"
    written: Literal["number", "date", "text"] = "date"
    inner: exp.Expr = term
    if isinstance(term, exp.Cast):
        if isinstance(term, exp.TryCast) or not term.to.is_type(exp.DataType.Type.DATE):
            return None
        inner = term.this
    elif isinstance(term, exp.Date) and not term.args.get("zone") and not term.expressions:
        inner = term.this
    elif isinstance(term, exp.Year):
        unit, written, inner = "YEAR", "number", term.this
    elif isinstance(term, exp.Extract):
        unit, written, inner = term.name.upper(), "number", term.expression
    elif isinstance(term, exp.Anonymous) and term.name.lower() in ("date_part", "datepart") and len(term.expressions) == 2:
        unit, written, inner = term.expressions[0].name.upper(), "number", term.expressions[1]
    elif isinstance(term, (exp.TimestampTrunc, exp.DateTrunc)) and not term.args.get("zone"):
        unit, inner = term.text("unit").upper(), term.this
    elif isinstance(term, exp.TimeToStr) and (known := _FORMATS.get(term.text("format"))):
        unit, written, inner = known[0], "text", term.this
    elif not isinstance(term, exp.TsOrDsToDate):
        return None
    while isinstance(inner, (exp.TsOrDsToDate, exp.TsOrDsToTimestamp, exp.Paren)):
        inner = inner.this
    if not isinstance(inner, exp.Column) or unit not in ("YEAR", *([] if written == "number" else ["QUARTER", "MONTH", "DAY"])):
        return None
    return Period(inner, unit, written)  # type: ignore[arg-type]


def first_day(period: Period, value: exp.Expr) -> date | None:
    """First day of the unit that a constant names; None where it names none exactly."""
    if period.written == "number":
        year = integer(value)
        return date(year, 1, 1) if year is not None and 1 <= year < 9999 else None
    literal = value
    if period.written == "date" and isinstance(value, exp.Cast) and value.to.is_type(exp.DataType.Type.DATE, *TIMESTAMPS):
        literal = unwrap(value.this)
    if not isinstance(literal, exp.Literal) or not literal.is_string:
        return None
    text = literal.name
    if period.written == "text":
        pattern = next(pattern for unit, pattern in _FORMATS.values() if unit == period.unit)
        if not re.fullmatch(pattern, text, re.ASCII):
            return None
        text += "-01-01"[: 10 - len(text)] if period.unit == "YEAR" else "-01"[: 10 - len(text)]
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return None
    try:
        start = date.fromisoformat(text)
    except ValueError:  # no day of the calendar: the comparison keeps what the engine makes of it
        return None
    aligned = period.unit == "DAY" or (start.day == 1 and (start.month - 1) % _MONTHS[period.unit] == 0)
    return start if aligned and start.year < 9999 else None


def first_day_after(start: date, unit: Unit) -> date:
    if unit == "DAY":
        return start + timedelta(days=1)
    months = start.month - 1 + _MONTHS[unit]
    return date(start.year + months // 12, months % 12 + 1, 1)
