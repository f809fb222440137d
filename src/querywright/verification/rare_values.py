"""Values that tables seldom hold and queries forget: NaN and infinities, days on which the calendar is irregular, and numbers or
days that meet what a query asks of their remainder or their place in the calendar, but lie far from where it looks.

Given in batches: the values of one batch stand side by side in a database.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from typing import cast

from sqlglot import exp

from querywright.verification.boundaries import date_part, is_calendar
from querywright.verification.evaluate import evaluate
from querywright.verification.terms import Environment, NotEvaluable, Value, Variable, as_kind, moment_of, variables

Batch = tuple[Value, ...]
Asked = Sequence[tuple[exp.Expr, Environment]]
"""Predicates."""

_FLOATS: tuple[Batch, ...] = ((math.nan, math.nan), (math.inf, -math.inf))
_FLOATS_OF_SQLITE: tuple[Batch, ...] = ((math.inf, math.inf), (-math.inf,))
"""Not both side by side: SQLite has no NaN, so that their sum is NULL there, and vanishes in a sum of sums."""

_LEAP_YEARS = (
    (1900, 2, 28),
    (1900, 3, 1),
    (2000, 2, 28),
    (2000, 2, 29),
    (2100, 2, 28),
    (2100, 3, 1),
    (2020, 2, 29),
    (2021, 2, 28),
)
_YEAR_ENDS = (
    *((2020, 12, 31), (2021, 1, 3), (2021, 1, 4), (2019, 12, 30), (2023, 1, 1), (2016, 1, 3), (2026, 12, 31), (1970, 1, 1)),
    *((1969, 12, 31), (2024, 1, 31), (2023, 8, 31), (2024, 12, 31)),
)
"""Days that ISO counts to the year before or after, a year of 53 weeks, both sides of the epoch, ends of long months."""

_FAR = (1_000_000, 1_000_000_000, -1_000_000)
_FAR_DAYS = (datetime.date(1899, 12, 31), datetime.date(2101, 1, 1))
_MOST_BOUNDS = 8
_MOST_TRIED = 200

_PLAIN_FUNCTIONS = (
    *(exp.Connector, exp.Case, exp.If, exp.Cast, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.AggFunc, exp.Exists),
)


def dated(expression: exp.Expr, environment: Environment) -> Iterator[Variable]:
    """The variables whose day ``expression`` takes apart or computes with, more than it compares and converts them."""
    for node in expression.walk(prune=lambda part: isinstance(part, exp.Query)):
        computes = isinstance(node, (exp.Func, exp.Add, exp.Sub)) and not isinstance(node, _PLAIN_FUNCTIONS)
        if computes or (is_calendar(node) and not isinstance(node, exp.Cast)):
            for variable in variables(node, environment):
                if variable.kind in ("date", "timestamp") or (variable.kind == "text" and is_calendar(node)):
                    yield variable


def rare_values(variable: Variable, dialect: str, members: Sequence[Batch]) -> tuple[Batch, ...]:
    """The batches for one variable; ``members`` are those that `members_of` found for it."""
    batches: list[Batch] = [batch for batch in members if batch]
    if variable.kind == "float" and not variable.identifies:
        batches += _FLOATS_OF_SQLITE if dialect == "sqlite" else _FLOATS
    if variable.dated:
        batches += [tuple(_spelled(days, variable.kind)) for days in (_LEAP_YEARS, _YEAR_ENDS)]
    return tuple(batches)


def _spelled(days: Sequence[tuple[int, int, int]], kind: str) -> Iterator[Value]:
    for year, month, day in days:
        date = datetime.date(year, month, day)
        if kind == "date":
            yield date
        elif kind == "timestamp":
            yield from (moment_of(date), datetime.datetime(year, month, day, 23, 59, 59, 999999))
        else:
            yield str(date)


def members_of(variable: Variable, asked: Asked) -> tuple[Batch, Batch]:
    """Values beside the constants that ``variable`` is compared with, and far away, for which its periodic predicates hold.

    ``asked`` are all predicates that it occurs in; nothing is found where none of them is periodic.
    """
    whole = variable.kind == "integer"
    periodic = [(predicate, environment) for predicate, environment in asked if _repeats(predicate, whole)]
    if not periodic or variable.kind not in ("integer", "date", "timestamp"):
        return (), ()
    before = variable.value
    try:
        period = math.lcm(*(period for predicate, _ in periodic for period in _periods(predicate))) if whole else 0
        first = _first(variable, periodic, period)
        if first is None:
            return (), ()
        bounds = list(dict.fromkeys(variable.constants))[:_MOST_BOUNDS]
        near = [value for bound in bounds for value in _beside(first, bound, period) if _all_hold(variable, value, periodic)]
        far = [
            value
            for place in (_FAR if whole else _FAR_DAYS)
            for value in _beside(first, place, period)
            if _all_hold(variable, value, periodic)
        ]
        return tuple(dict.fromkeys(near)), tuple(dict.fromkeys(far))
    finally:
        variable.value = before


def _repeats(predicate: exp.Expr, whole: bool) -> bool:
    return (
        bool(_periods(predicate))
        if whole
        else any(date_part(node) or isinstance(node, exp.TimeToStr) for node in predicate.walk())
    )


def _periods(predicate: exp.Expr) -> list[int]:
    """The numbers after which remainders and lowest bits repeat."""
    found = []
    for node in predicate.find_all(exp.Mod, exp.BitwiseAnd):
        number = node.expression
        if isinstance(number, exp.Literal) and not number.is_string and number.name.isdigit() and int(number.name):
            found.append(int(number.name) if isinstance(node, exp.Mod) else 1 << int(number.name).bit_length())
    return found


def _first(variable: Variable, periodic: Asked, period: int) -> Value:
    """Some value for which all periodic predicates hold, None where none is found."""
    known = [variable.value, *variable.hints, *variable.boundaries][:_MOST_TRIED]
    for value in (*known, *range(min(period, _MOST_TRIED))):
        if value is not None and _all_hold(variable, value, periodic):
            return variable.value
    return None


def _all_hold(variable: Variable, value: Value, periodic: Asked) -> bool:
    """Whether the predicates hold for ``value``, which becomes the variable's."""
    try:
        variable.value = as_kind(value, variable.kind)
        return all(evaluate(predicate, environment) is True for predicate, environment in periodic)
    except NotEvaluable:
        return False


def _beside(first: Value, place: Value, period: int) -> Iterator[Value]:
    """Values alike to ``first`` just below and above ``place``."""
    if isinstance(first, int):
        steps = (cast(int, place) - first) // period
        yield from (first + turn * period for turn in (steps, steps + 1))
    elif isinstance(first, datetime.date) and isinstance(place, datetime.date):
        weeks = (moment_of(place) - moment_of(first)).days // 7
        yield from (first + datetime.timedelta(weeks=turn) for turn in (weeks, weeks + 1))
        yield from _months_beside(first, place)


def _months_beside(first: datetime.date, place: datetime.date) -> Iterator[datetime.date]:
    """The same day of the same month in years around ``place``, and of months around it."""
    turns = [(year, first.month) for year in (place.year - 1, place.year, place.year + 1)]
    months = 12 * place.year + place.month - 1
    turns += [(month // 12, month % 12 + 1) for month in (months - 1, months + 1)]
    yield from (first.replace(year=year, month=month, day=min(first.day, 28)) for year, month in turns if 0 < year < 9999)
