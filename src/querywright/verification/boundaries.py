"""Cells around which the value of an expression changes: the edges of comparisons, texts that text functions tell apart, and
days and moments at the ends of calendar periods.

Boundary-value analysis (Myers, "The art of software testing", 1979), with the bounds carried back through arithmetic and
functions to the columns below them.
"""

from __future__ import annotations

import datetime
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import cast

from sqlglot import exp

from querywright.verification.evaluate import Months, evaluate
from querywright.verification.patterns import REGULAR, over_lines, texts_matching
from querywright.verification.terms import (
    Environment,
    NotEvaluable,
    Value,
    Variable,
    as_kind,
    moment_of,
    resolve,
    variables,
)
from querywright.verification.values import plain_values, shifted

_MOST_LITERALS = 8
_LONGEST_TEXT = 2000
_DEEPEST = 12
_SECOND = datetime.timedelta(seconds=1)
_NOTHING = datetime.timedelta()
_TICK = datetime.timedelta(microseconds=1)
_DAY = datetime.timedelta(days=1)

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_ROUNDING = (exp.Round, exp.Floor, exp.Ceil, exp.Trunc, exp.Cast, exp.Abs)
_ARITHMETIC = (*_ROUNDING, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Pow)
_CALENDAR = (
    *(exp.Extract, exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.DayOfWeek, exp.DayOfMonth, exp.DayOfYear),
    *(exp.TimestampTrunc, exp.DateTrunc, exp.TimeToStr, exp.Date, exp.TsOrDsToDate, exp.TsOrDsToTimestamp, exp.LastDay),
    *(exp.DateDiff, exp.DateAdd, exp.DateSub, exp.TimestampAdd, exp.TimestampDiff, exp.Interval, exp.Cast),
)
_CALENDAR_NAMES = ("date", "time", "datetime", "julianday", "unixepoch", "strftime", "date_part", "datepart", "epoch")

_TEXTS: tuple[Value, ...] = ("", " ", "a", "A", " a", "a ", " a b ", "B", "10", "9", "é", "É", "\ta\n")
_INTEGERS: tuple[Value, ...] = (-7, -3, -1, 0, 1, 2, 3, 4, 5, 7)
_FRACTIONS = ("-1.5", "-1", "-0.5", "0", "0.005", "0.5", "1", "1.25", "1.5", "2.5", "2.675", "3")
_PARTS: dict[type[exp.Expr], str] = {
    exp.Year: "year",
    exp.Quarter: "quarter",
    exp.Month: "month",
    exp.Week: "week",
    exp.Day: "day",
    exp.DayOfMonth: "day",
    exp.Hour: "hour",
    exp.Minute: "minute",
    exp.Second: "second",
    exp.DayOfWeek: "dow",
    exp.DayOfYear: "doy",
}
_BEYOND = {exp.DataType.Type.TINYINT: 128, exp.DataType.Type.SMALLINT: 32768, exp.DataType.Type.INT: 2147483648}
"""The least number that is too large for a type."""

_DAYS = ((2023, 12, 31), (2024, 1, 1), (2024, 2, 29), (2024, 3, 1), (2024, 3, 31), (2024, 4, 1), (2024, 6, 5), (2024, 12, 30))
"""Ends and starts of years, quarters, months and weeks; a leap day, and a day that ISO counts to the next year."""


def boundaries(expression: exp.Expr, environment: Environment) -> Iterator[tuple[Variable, Value]]:
    """The variables below ``expression``, each with values that it is worth to try."""
    nodes = [node for node in expression.walk(prune=_nested) if not _nested(node)]
    for node in nodes:
        for side, bound in _bounds(node, environment):
            yield from _reached(side, bound, environment, 0)
    literals = [node for node in nodes if isinstance(node, exp.Literal)][:_MOST_LITERALS]
    texts = [part for node in literals if node.is_string for part in _patterns(node)]
    numbers = [number for node in literals if (number := _whole(node))]
    numbers += [sum(map(_whole, parts)) for parts in _operand_numbers(nodes) if len(parts) > 1]
    calendar = any(map(is_calendar, nodes))
    arithmetic = any(isinstance(node, _ARITHMETIC) for node in nodes)
    for variable in variables(expression, environment, windows=True):
        if variable.identifies and not (texts or calendar or arithmetic):
            continue
        for value in _surroundings(variable.kind, texts, numbers, calendar=calendar, arithmetic=arithmetic):
            yield variable, value


def is_calendar(node: exp.Expr) -> bool:
    """Whether ``node`` takes dates apart, computes with them or converts to them."""
    return isinstance(node, _CALENDAR) or _name(node) in _CALENDAR_NAMES


def around(value: Value, kind: str) -> Iterator[Value]:
    """``value`` as a cell of ``kind`` and its neighbors on both sides; raises `NotEvaluable` where it is none."""
    if value is None:
        yield None
    elif kind == "text":
        yield from text_boundaries([str(as_kind(value, kind))], [])
    elif kind == "integer":
        exact = as_kind(value, "decimal")
        yield from (math.floor(cast(Decimal, exact)) + step for step in (-1, 0, 1, 2))
    elif kind in ("decimal", "float"):
        exact = cast(Decimal, as_kind(value, "decimal"))
        yield from (as_kind(exact + Decimal(step), kind) for step in ("-1", "-0.01", "0", "0.01", "0.5", "1"))
    elif kind in ("date", "timestamp"):
        moment = cast(datetime.datetime, as_kind(value, "timestamp"))
        yield from _days(moment) if kind == "date" else _moments(moment)


def text_boundaries(texts: Iterable[str], lengths: Iterable[int]) -> Iterator[Value]:
    """Texts that hold each of ``texts`` in each place and case, and texts just below, at and above each length."""
    for text in texts:
        yield from (text, text.upper(), text.lower(), text.swapcase(), text[:-1], text + "x", "x" + text)
        yield from (f"x{text}y{text}z", text + text, f" {text}", f"{text} ")
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            continue
        yield from (str(day) for day in _days(moment))
        yield from (f"{moment.date()} 00:00:00", f"{moment.date()} 23:59:59")
    for length in lengths:
        for exact in (length - 1, length, length + 1):
            if 0 < exact <= _LONGEST_TEXT:
                yield ("abcdefghij" * (exact // 10 + 1))[:exact]
        if 0 < length <= _LONGEST_TEXT:
            yield "é" * length  # as many characters, but more bytes


def moments_written(pattern: str, target: str | int | Decimal) -> Iterator[datetime.datetime]:
    """Moments that strftime writes as ``target``, a text or the number in it; none where it never writes that."""
    try:
        first = datetime.datetime.strptime(target if isinstance(target, str) else f"{int(target):02}", pattern)
    except ValueError:
        return
    if "%Y" not in pattern:
        first = first.replace(year=2024)
    yield first
    if "%m" not in pattern:
        yield from (first.replace(month=month, day=30) for month in (6, 7, 12))
    elif "%d" not in pattern:
        yield from (first.replace(day=28), first.replace(day=15, hour=23))


def _surroundings(
    kind: str, texts: Iterable[str], numbers: Iterable[int], *, calendar: bool, arithmetic: bool
) -> Iterator[Value]:
    if kind == "text":
        yield from text_boundaries(texts, numbers)
        yield from _TEXTS
        if calendar:
            yield from (str(day) for day in _period_ends("timestamp"))
    elif kind in ("date", "timestamp") and (calendar or kind == "timestamp"):
        yield from _period_ends(kind)
    elif kind == "integer":
        yield from (nearby for number in numbers if number for nearby in (number - 1, number, number + 1, 2 * number, -number))
        yield from _INTEGERS if arithmetic else _INTEGERS[2:6]
    elif kind in ("decimal", "float"):
        yield from (as_kind(nearby, kind) for number in numbers for nearby in (number, -number, number + 1))
        yield from (as_kind(text, kind) for text in (_FRACTIONS if arithmetic else _FRACTIONS[1:6:2]))


def _period_ends(kind: str) -> Iterator[Value]:
    for year, month, day in _DAYS:
        date = datetime.date(year, month, day)
        if kind == "date":
            yield date
        else:
            yield moment_of(date)
            yield moment_of(date) + _DAY - _SECOND
    if kind == "timestamp":
        yield from (datetime.datetime(2024, 6, 5, 12, 59, 59, 999999), datetime.datetime(2024, 6, 5, 13, 1))


def _days(moment: datetime.datetime) -> Iterator[Value]:
    yield from (around.date() for around in shifted(moment, (-_DAY, _NOTHING, _DAY)))


def _moments(moment: datetime.datetime) -> Iterator[Value]:
    """Around a moment, and around the day that begins with it."""
    half_past_noon = datetime.timedelta(hours=12, minutes=30)
    yield from shifted(moment, (-_SECOND, _NOTHING, _TICK, _SECOND / 2, _SECOND, half_past_noon))
    yield from shifted(moment, (_DAY - _SECOND, _DAY - _TICK, _DAY, _DAY + _SECOND))


def _bounds(node: exp.Expr, environment: Environment) -> Iterator[tuple[exp.Expr, Value]]:
    """The sides of a comparison, each with a constant that it is compared with."""
    pairs: list[tuple[exp.Expr, exp.Expr]] = []
    if isinstance(node, _COMPARISONS):
        pairs = [(node.this, node.expression), (node.expression, node.this)]
    elif isinstance(node, exp.Between):
        pairs = [(node.this, node.args["low"]), (node.this, node.args["high"])]
    elif isinstance(node, exp.In):
        pairs = [(node.this, item) for item in node.expressions[:_MOST_LITERALS]]
    elif isinstance(node, (exp.Coalesce, exp.Nullif)):
        others = node.expressions if isinstance(node, exp.Coalesce) else [node.expression]
        pairs = [(node.this, other) for other in others]
    elif isinstance(node, exp.TryCast) and node.to.this in _BEYOND:
        yield node.this, _BEYOND[node.to.this]
    for side, other in pairs:
        if not any(other.find_all(exp.Column, exp.Query)):
            constant = _constant(other, environment)
            if constant is not None:
                yield side, constant


def _constant(node: exp.Expr, environment: Environment) -> Value:
    try:
        return evaluate(node, environment)
    except NotEvaluable:
        return None


def _reached(node: exp.Expr, target: Value, environment: Environment, depth: int) -> Iterator[tuple[Variable, Value]]:
    """Cells with which ``node`` is near ``target``."""
    try:
        term = resolve(node, environment)
        if isinstance(term, Variable):
            yield from ((term, value) for value in around(target, term.kind))
        elif depth < _DEEPEST:
            for inner, wanted in _inverted(term.node, target, term.environment):
                yield from _reached(inner, wanted, term.environment, depth + 1)
    except (NotEvaluable, ArithmeticError, ValueError, TypeError):
        return  # a bound that has no counterpart in the column: nothing is worth trying


def _inverted(node: exp.Expr, target: Value, environment: Environment) -> Iterator[tuple[exp.Expr, Value]]:
    """Operands of ``node``, each with values that make ``node`` about ``target``."""
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DateDiff)):
        for right in _known(node.expression, environment):
            yield from ((node.this, value) for value in _left_operands(node, target, right))
        if isinstance(node, (exp.Add, exp.Mul)):
            for left in _known(node.this, environment):
                yield from ((node.expression, value) for value in _left_operands(node, target, left))
        elif isinstance(node, exp.Sub):
            yield from ((node.expression, _decimal(left) - _decimal(target)) for left in _known(node.this, environment))
    elif isinstance(node, exp.Neg):
        yield node.this, -_decimal(target)
    elif isinstance(node, exp.Length) and isinstance(target, (int, Decimal)):
        yield from ((node.this, text) for text in text_boundaries([], [int(target)]))
    elif isinstance(node, (exp.Substring, exp.Left)) and isinstance(target, str):
        start = _constant(node.args["start"], environment) if isinstance(node, exp.Substring) else 1
        yield node.this, "x" * (cast(int, start) - 1) + target
    elif date_part(node) and isinstance(target, int):
        inner = node.expression if isinstance(node, exp.Extract) else node.this
        if isinstance(node, exp.Anonymous):
            inner = node.expressions[-1]
        yield from ((inner, moment) for near in (target - 1, target, target + 1) for moment in _moments_of(date_part(node), near))
    elif isinstance(node, exp.TimeToStr) and isinstance(target, (str, int, Decimal)):
        yield from ((node.this, moment) for moment in moments_written(node.text("format"), target))
    elif isinstance(node, _ROUNDING) and isinstance(target, (int, float, Decimal)):
        exact = _decimal(target)
        yield from ((node.this, value) for value in (exact, exact + Decimal("0.5"), exact - Decimal("0.5"), -exact))
    elif isinstance(node, exp.Anonymous):
        yield from ((argument, target) for argument in node.expressions if argument.find(exp.Column) is not None)
    elif isinstance(node, (exp.Func, exp.Paren, exp.Cast)) and isinstance(node.this, exp.Expression):
        yield node.this, target


def _left_operands(node: exp.Expr, target: Value, right: Value) -> Iterator[Value]:
    """Left operands with which an operation gives about ``target``; the operands of + and * may stand either way."""
    if isinstance(right, (datetime.timedelta, Months)):
        moment = cast(datetime.datetime, as_kind(target, "timestamp"))
        yield operator.sub(moment, right) if isinstance(node, exp.Add) else operator.add(moment, right)
        return
    if isinstance(node, exp.DateDiff):
        yield cast(datetime.datetime, as_kind(right, "timestamp")) + int(_decimal(target)) * _DAY
        return
    if isinstance(node, exp.Sub) and isinstance(right, datetime.date):  # of two days, as numbers
        yield moment_of(right) + int(_decimal(target)) * _DAY
        return
    wanted, known = _decimal(target), _decimal(right)
    if isinstance(node, exp.Add):
        yield wanted - known
    elif isinstance(node, exp.Sub):
        yield wanted + known
    elif isinstance(node, exp.Mul) and known:
        yield wanted / known
    elif isinstance(node, (exp.Div, exp.IntDiv)):
        yield from (wanted * known, wanted * known + known - 1)
    elif isinstance(node, exp.Mod):
        yield from (wanted + turns * known for turns in (-1, 0, 1, 2))


def _known(node: exp.Expr, environment: Environment) -> Sequence[Value]:
    """The value of an operand, or those that its column is likely to have."""
    constant = _constant(node, environment) if not any(node.find_all(exp.Column)) else None
    if constant is not None:
        return [constant]
    columns = list(node.find_all(exp.Column))
    term = resolve(columns[0] if len(columns) == 1 and isinstance(node, exp.Func) else node, environment)
    return [value for value in plain_values(term.kind) if value is not None] if isinstance(term, Variable) else []


def date_part(node: exp.Expr) -> str:
    """The part that a function takes out of a date, empty for other functions."""
    if isinstance(node, exp.Extract):
        return str(node.this.name).lower()
    if isinstance(node, exp.Anonymous) and node.name.lower() in ("date_part", "datepart") and node.expressions:
        return str(node.expressions[0].name).lower()
    return _PARTS.get(type(node), "")


def _moments_of(part: str, number: int) -> Iterator[datetime.datetime]:
    """The start of the period ``number`` of its kind, and of the last day or second in it."""
    try:
        match part:
            case "year":
                yield from (datetime.datetime(number, 1, 1), datetime.datetime(number, 12, 31))
            case "quarter" | "month":
                first = number if part == "month" else 3 * number - 2
                start = datetime.datetime(2024, first, 1)
                yield from (
                    start,
                    start.replace(year=2023),
                    (start + (31 if part == "month" else 92) * _DAY).replace(day=1) - _DAY,
                )
            case "week":
                yield from (moment_of(datetime.date.fromisocalendar(2024, number, day)) for day in (1, 7))
            case "day":
                yield from (datetime.datetime(2024, 1, number), datetime.datetime(2023, 5, number))
            case "hour":
                yield from (datetime.datetime(2024, 6, 5, number), datetime.datetime(2024, 6, 5, number, 59, 59, 999999))
            case "minute" | "second":
                yield datetime.datetime(2024, 6, 5, 12).replace(**{part: number})  # type: ignore[arg-type]
            case _:  # days of the week or year
                yield datetime.datetime(2023, 12, 31) + number * _DAY
    except (ValueError, OverflowError):
        return


def _decimal(value: Value) -> Decimal:
    return cast(Decimal, as_kind(value, "decimal"))


def _patterns(literal: exp.Literal) -> list[str]:
    """A text, what a regular expression matches, or the parts of a LIKE pattern, in their order and the other way round."""
    if isinstance(literal.parent, REGULAR):
        return [*texts_matching(literal), over_lines(literal.name)]
    if isinstance(literal.parent, (exp.Like, exp.ILike, exp.Glob)):
        parts = literal.name.replace("*", "%").replace("_", "x").split("%")
        return list(dict.fromkeys(("".join(parts), "".join(reversed(parts)))))
    return [literal.name]


def _name(node: exp.Expr) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def _operand_numbers(nodes: Iterable[exp.Expr]) -> Iterator[list[exp.Literal]]:
    """The numbers among the operands of each function: where a text ends that starts somewhere and has some length."""
    for node in nodes:
        if isinstance(node, exp.Func):
            yield [part for part in node.iter_expressions() if isinstance(part, exp.Literal) and _whole(part)]


def _whole(literal: exp.Literal) -> int:
    """The number of a literal, 0 for texts and fractions."""
    return int(literal.name) if not literal.is_string and literal.name.isdigit() else 0


def _nested(node: exp.Expr) -> bool:
    return isinstance(node, exp.Query)
