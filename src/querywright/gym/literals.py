"""Literals of a rewrite that do not come from the original query.

A query may recognize the data by a fingerprint, or hold answers as constants; honest rewrites rarely need a literal that the
original does not have, or that does not follow from one: 2024 in ``year(d) = 2024`` gives '2024-01-01' and '2025-01-01'.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from sqlglot import exp

_ALWAYS = frozenset(map(Decimal, (-1, 0, 1, 2)))
_WORD = re.compile(r"\w+")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T]([\d:.]+))?")
_MIDNIGHT = re.compile(r"00:00(?::00(?:\.0+)?)?|23:59(?::59(?:\.9+)?)?")
_LAST_DAYS = (28, 29, 30, 31)
_UNITS = frozenset({"year", "quarter", "month", "week", "day", "hour", "minute", "second"})


def novel_literals(original: exp.Expr, candidate: exp.Expr) -> tuple[str, ...]:
    """Literals of ``candidate`` that neither occur in ``original`` nor follow from its literals, in order of appearance."""
    known = [_text(node) for node in original.find_all(exp.Literal)]
    numbers = {number for text in known for number in _numbers(text)}
    dates = [date for text in known for date in _dates(text)]
    found = dict.fromkeys(_text(node) for node in candidate.find_all(exp.Literal))
    return tuple(text for text in found if not _follows(text, known, numbers, dates))


def _follows(text: str, known: list[str], numbers: set[Decimal], dates: list[datetime.date]) -> bool:
    if not text or text in known or text.lower().removesuffix("s") in _UNITS:
        return True
    number = _number(text)
    if number is not None:
        return number in _ALWAYS or any(abs(number - other) <= 1 for other in numbers) or _computed(number, numbers)
    date = _DATE.fullmatch(text)
    if date is not None:
        return _is_bound(date, numbers, dates)
    lowered = text.lower()
    return any(lowered in other.lower() or _without_wildcards(other).lower() == lowered for other in known)


def _computed(number: Decimal, numbers: set[Decimal]) -> bool:
    """Whether the number is a sum, difference, product or quotient of two known ones."""
    pairs = [(one, other) for one in numbers for other in numbers]
    return any(number in (one + other, one - other, one * other) or (other and number * other == one) for one, other in pairs)


def _is_bound(match: re.Match[str], numbers: set[Decimal], dates: list[datetime.date]) -> bool:
    """Whether a date is a known one, the day beside it, or the boundary of a period that known numbers or dates name."""
    year, month, day = (int(match[part]) for part in (1, 2, 3))
    if match[4] is not None and not _MIDNIGHT.fullmatch(match[4]):
        return False
    if any(abs((_day(year, month, day) - other).days) <= 1 for other in dates):
        return True
    years = {int(number) for number in numbers if number == int(number)} | {date.year for date in dates}
    months = {1, 12} | {int(number) + step for number in numbers for step in (0, 1) if 1 <= number <= 12}
    months |= {(date.month - 1 + step) % 12 + 1 for date in dates for step in (-1, 0, 1)}
    return any(abs(year - other) <= 1 for other in years) and month in months and day in (1, *_LAST_DAYS)


def _day(year: int, month: int, day: int) -> datetime.date:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return datetime.date.min


def _text(node: exp.Literal) -> str:
    return str(node.this)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _numbers(text: str) -> Iterator[Decimal]:
    """The number that a literal is, or the numbers in it."""
    number = _number(text)
    if number is not None:
        yield number
    elif not _DATE.fullmatch(text):
        yield from (Decimal(word) for word in _WORD.findall(text) if word.isascii() and word.isdigit())


def _dates(text: str) -> Iterator[datetime.date]:
    for match in _DATE.finditer(text):
        date = _day(*(int(match[part]) for part in (1, 2, 3)))
        if date != datetime.date.min:
            yield date


def _without_wildcards(text: str) -> str:
    return text.strip("%")
