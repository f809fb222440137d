"""Values that bring out mistakes: neighbors of constants, texts that match patterns, and a few plain ones per type."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TypeVar
from zlib import crc32

from querywright.verification.terms import Value, as_kind

Day = TypeVar("Day", bound=datetime.date)

_PLAIN: dict[str, tuple[Value, ...]] = {
    "integer": (0, 1, 2, 3, 7, 10, 100),
    "decimal": (Decimal("0"), Decimal("1"), Decimal("2.5"), Decimal("10"), Decimal("99"), Decimal("1000"), Decimal("-1")),
    "float": (0.0, 1.0, 2.5, 10.0, 100.0, -1.0),
    "text": ("a", "b", "c", "A", "ab", ""),
    "boolean": (True, False),
    "date": tuple(datetime.date(year, month, 15) for year in (1998, 2000, 2001) for month in (1, 6)),
    "timestamp": tuple(datetime.datetime(2000, month, 15, 12) for month in (1, 2, 6)),
    "time": (datetime.time(0), datetime.time(12, 30)),
}

_LABEL = re.compile(r"'((?:[^']|'')*)'")

_EPOCH = datetime.datetime(1990, 1, 1)
_APART = 40
"""Days between two dates that identify something, so that they differ in week and month as well."""


def plain_values(kind: str) -> Sequence[Value]:
    """A small domain, so that values coincide by chance."""
    return _PLAIN.get(kind, (None,))


def identifying_value(number: int, kind: str) -> Value:
    """A value of its own for each number; raises `NotEvaluable` for kinds without that many values."""
    if kind in ("date", "timestamp"):
        return as_kind(_EPOCH + datetime.timedelta(days=_APART * number % 2_000_000), kind)
    return as_kind(number, kind)


def neighbors(value: Value, kind: str) -> list[Value]:
    """Values right beside ``value`` as cells of type ``kind`` hold them."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, datetime.date):
        day = datetime.timedelta(days=1)
        return list(shifted(value, (-day, day)))
    if isinstance(value, int):
        return [value - 1, value + 1]
    if isinstance(value, Decimal):
        step = Decimal(1) if kind == "integer" else Decimal("0.01")
        return [value - step, value + step]
    if isinstance(value, float):
        return [value - 1.0, value + 1.0]
    if isinstance(value, str) and kind in ("date", "timestamp"):
        try:
            return neighbors(datetime.datetime.fromisoformat(value), kind)
        except ValueError:
            return []
    if isinstance(value, str) and kind == "text":
        return [value + "a"]
    return []


def shifted(day: Day, steps: Iterable[datetime.timedelta]) -> Iterator[Day]:
    """``day`` moved by each step; without what lies beyond the calendar, since many schemas write 9999-12-31 for "never"."""
    for step in steps:
        with suppress(OverflowError):
            yield day + step


def fits(value: Value, spelled_type: str) -> Value:
    """``value`` cut to the length, rounded to the scale or made a label of a column's type, None where it is out of range."""
    name, _, arguments = spelled_type.upper().partition("(")
    if isinstance(value, str) and name == "ENUM":
        labels = [label.replace("''", "'") for label in _LABEL.findall(spelled_type)]
        return value if value in labels else labels[crc32(value.encode()) % len(labels)] if labels else None
    sizes = [int(part) for part in arguments.rstrip(")").split(",") if part.strip().isdigit()]
    if isinstance(value, str) and sizes and "CHAR" in name:
        return value[: sizes[0]]
    if isinstance(value, Decimal):
        width, scale = (sizes[0], sizes[1] if len(sizes) > 1 else 0) if sizes else (18, 3)
        rounded = value.quantize(Decimal(1).scaleb(-scale))
        return rounded if len(rounded.as_tuple().digits) <= width else None
    if isinstance(value, int) and not isinstance(value, bool):
        bits = {"TINYINT": 7, "SMALLINT": 15, "INT2": 15, "BIGINT": 63, "INT8": 63, "HUGEINT": 100}.get(name.strip(), 31)
        return value if -(2**bits) <= value < 2**bits else None
    return value
