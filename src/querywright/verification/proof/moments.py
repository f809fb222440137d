"""Dates and timestamps as exact values."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from fractions import Fraction

from querywright.verification.proof.terms import Constant, Kind

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})$")
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?$")
_ANYTHING_AFTER_DATE = re.compile(r"(\d{4}-\d\d-\d\d) .*")
_ZONE_AFTER_DATE = re.compile(r"(\d{4}-\d\d-\d\d) [+-]\d\d(?::?\d\d)?")
_DATES_WITH_MORE = {dialect: _ANYTHING_AFTER_DATE for dialect in ("spark", "mysql", "")} | {"duckdb": _ZONE_AFTER_DATE}
"""Texts that convert to the date which they start with. DuckDB 1.x reads no further than the day, but for "(BC)", so that a zone
changes nothing; 2.0 refuses such a text, whatever the rows."""


def refused_elsewhere(text: str, dialect: str) -> bool:
    """Whether some version of the engine refuses a text that `moment` takes for a date."""
    return dialect == "duckdb" and _ZONE_AFTER_DATE.fullmatch(text) is not None


def moment(text: str, kind: Kind, dialect: str) -> Constant | None:
    """A text as a date or timestamp, None where it is not plainly one."""
    longer = _DATES_WITH_MORE.get(dialect)
    if longer is not None and kind == "date" and (found := longer.fullmatch(text)):
        text = found[1]
    try:
        if found := _DATE.fullmatch(text):
            return Constant(Fraction(date(*map(int, found.groups())).toordinal()), kind)
        if kind == "timestamp" and (found := _MOMENT.fullmatch(text)):
            value = datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]
            seconds = value.hour * 3600 + value.minute * 60 + value.second
            return Constant(value.toordinal() + Fraction(seconds, 86400), kind)
    except ValueError:
        return None
    return None


def shifted(start: Constant, amount: int, unit: str, kind: Kind) -> Constant | None:
    """A date constant plus an interval of whole days, weeks, months or years, as a value of ``kind``."""
    unit = unit.upper().rstrip("S")
    if not isinstance(start.value, Fraction):
        return None
    if unit in ("DAY", "WEEK"):
        return Constant(start.value + amount * (7 if unit == "WEEK" else 1), kind)
    if unit not in ("MONTH", "YEAR") or start.value.denominator != 1:
        return None
    day = date.fromordinal(int(start.value))
    months = day.year * 12 + day.month - 1 + amount * (12 if unit == "YEAR" else 1)
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    moved = date(year, month + 1, 1) + timedelta(days=min(day.day, last) - 1)
    return Constant(Fraction(moved.toordinal()), kind)
