"""SQL expressions evaluated in Python, over rows that are still being made up.

Used to aim witness databases at the predicates of a query, never to decide whether two queries are equal: what cannot be
evaluated here raises `NotEvaluable` and is left to chance. Aggregates are evaluated as if each group came from copies of one row.
"""

from __future__ import annotations

import calendar
import datetime
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from sqlglot import exp

from querywright.verification.patterns import finds
from querywright.verification.terms import Environment, NotEvaluable, Term, Value, Variable, as_kind, kind_of, moment_of

Test = Callable[[Any, Any], bool]
Rule = Callable[[exp.Expr, Environment], Value]


def evaluate_term(term: Term) -> Value:
    """The value of a term under the current values of the variables."""
    return term.root.value if isinstance(term, Variable) else evaluate(term.node, term.environment)


def evaluate(node: exp.Expr, environment: Environment) -> Value:
    """The value of an expression under the current values of the variables, None for NULL. Raises `NotEvaluable`."""
    rule = next((_RULES[kind] for kind in type(node).__mro__ if kind in _RULES), None)
    if rule is None:
        raise NotEvaluable(node.key)
    try:
        return rule(node, environment)
    except (ArithmeticError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise NotEvaluable(str(error)) from error


def compare_values(left: Value, right: Value, test: Test) -> bool | None:
    """SQL's comparison of two values; raises `NotEvaluable` where their types do not compare."""
    if left is None or right is None:
        return None
    left, right = _aligned(left, right)
    return test(left, right)


def _aligned(left: Value, right: Value) -> tuple[Value, Value]:
    if isinstance(left, str) != isinstance(right, str):
        text, other = (left, right) if isinstance(left, str) else (right, left)
        converted = convert(cast(str, text), other)
        return (converted, other) if isinstance(left, str) else (other, converted)
    if isinstance(left, datetime.date) and isinstance(right, datetime.date):
        return moment_of(left), moment_of(right)
    if isinstance(left, (int, float, Decimal)) and isinstance(right, (int, float, Decimal)):
        if isinstance(left, float) or isinstance(right, float):
            return float(left), float(right)
        return left, right
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    raise NotEvaluable("types do not compare")


def convert(text: str, like: Value) -> Value:
    """``text`` read as a value of the type of ``like``; raises `NotEvaluable`."""
    try:
        if isinstance(like, datetime.datetime):
            return datetime.datetime.fromisoformat(text)
        if isinstance(like, datetime.date):
            return datetime.date.fromisoformat(text[:10])
        if isinstance(like, (int, Decimal)):
            return Decimal(text)
        if isinstance(like, float):
            return float(text)
    except (ValueError, ArithmeticError) as error:
        raise NotEvaluable(text) from error
    raise NotEvaluable(text)


def _number(node: exp.Expr, environment: Environment) -> int | float | Decimal | None:
    value = evaluate(node, environment)
    if isinstance(value, str):
        return Decimal(value)
    if value is None or isinstance(value, (int, float, Decimal)):
        return value
    raise NotEvaluable(node.key)


def _arithmetic(test: Callable[..., Value]) -> Rule:
    def rule(node: exp.Expr, environment: Environment) -> Value:
        left, right = evaluate(node.this, environment), evaluate(node.expression, environment)
        if left is None or right is None:
            return None
        if isinstance(right, (datetime.timedelta, Months)) and isinstance(left, str):
            left = datetime.date.fromisoformat(left[:10])
        if isinstance(right, datetime.timedelta) and right.seconds and isinstance(left, datetime.date):
            left = moment_of(left)
        if isinstance(left, float) and isinstance(right, Decimal):
            right = float(right)
        if isinstance(right, float) and isinstance(left, Decimal):
            left = float(left)
        if isinstance(left, datetime.date) and isinstance(right, int):
            right = datetime.timedelta(days=right)
        return test(left, right)

    return rule


def _divided(left: int | float | Decimal, right: int | float | Decimal) -> Value:
    return None if not right else float(left) / float(right)


def _remainder(left: int | float | Decimal, right: int | float | Decimal) -> Value:
    """The rest of a division, with the sign of the dividend."""
    rest = cast(Any, abs(left)) % abs(right) if right else None
    return rest if rest is None or left >= 0 else -rest


def _comparison(test: Test) -> Rule:
    return lambda node, environment: compare_values(
        evaluate(node.this, environment), evaluate(node.expression, environment), test
    )


def _and(node: exp.Expr, environment: Environment) -> Value:
    sides = (evaluate(node.this, environment), evaluate(node.expression, environment))
    return False if False in sides else None if None in sides else True


def _or(node: exp.Expr, environment: Environment) -> Value:
    sides = (evaluate(node.this, environment), evaluate(node.expression, environment))
    return True if True in sides else None if None in sides else False


def _not(node: exp.Expr, environment: Environment) -> Value:
    value = evaluate(node.this, environment)
    return None if value is None else not value


def _is(node: exp.Expr, environment: Environment) -> Value:
    return evaluate(node.this, environment) == evaluate(node.expression, environment)


def _between(node: exp.Expr, environment: Environment) -> Value:
    value = evaluate(node.this, environment)
    low = compare_values(value, evaluate(node.args["low"], environment), operator.ge)
    high = compare_values(value, evaluate(node.args["high"], environment), operator.le)
    return False if False in (low, high) else None if None in (low, high) else True


def _in(node: exp.Expr, environment: Environment) -> Value:
    if node.args.get("query") is not None:
        raise NotEvaluable("IN over a query")
    value = evaluate(node.this, environment)
    tests = [compare_values(value, evaluate(item, environment), operator.eq) for item in node.expressions]
    return True if True in tests else None if None in tests else False


def _like(node: exp.Expr, environment: Environment) -> Value:
    value, pattern = evaluate(node.this, environment), evaluate(node.expression, environment)
    if not isinstance(value, str) or not isinstance(pattern, str):
        return None
    expression = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in pattern)
    flags = re.DOTALL | (re.IGNORECASE if isinstance(node, exp.ILike) else 0)
    return re.fullmatch(expression, value, flags) is not None


def _regular(node: exp.Expr, environment: Environment) -> Value:
    value, pattern = evaluate(node.this, environment), evaluate(node.expression, environment)
    if isinstance(value, str) and isinstance(pattern, str):
        return finds(pattern, value, whole=not isinstance(node, exp.RegexpLike))
    return None


def _case(node: exp.Expr, environment: Environment) -> Value:
    subject = node.args.get("this")
    for branch in node.args["ifs"]:
        condition = evaluate(branch.this, environment)
        if subject is not None:
            condition = compare_values(evaluate(subject, environment), condition, operator.eq)
        if condition is True:
            return evaluate(branch.args["true"], environment)
    default = node.args.get("default")
    return evaluate(default, environment) if default is not None else None


def _coalesce(node: exp.Expr, environment: Environment) -> Value:
    values = (evaluate(item, environment) for item in (node.this, *node.expressions))
    return next((value for value in values if value is not None), None)


def _nullif(node: exp.Expr, environment: Environment) -> Value:
    value = evaluate(node.this, environment)
    return None if compare_values(value, evaluate(node.expression, environment), operator.eq) else value


def _cast(node: exp.Expr, environment: Environment) -> Value:
    return as_kind(evaluate(node.this, environment), kind_of(node.args["to"].sql()))


def _date(node: exp.Expr, environment: Environment) -> Value:
    if node.expressions:
        raise NotEvaluable("a date with modifiers")
    return as_kind(evaluate(node.this, environment), "date")


def _literal(node: exp.Expr, environment: Environment) -> Value:
    if node.args["is_string"]:
        return node.name
    return int(node.name) if node.name.isdigit() else Decimal(node.name)


@dataclass(frozen=True, slots=True)
class Months:
    """An interval of whole months, to be added to or taken from a date; the day is cut to the length of the month."""

    number: int

    def __radd__(self, day: datetime.date) -> datetime.date:
        month = 12 * day.year + day.month - 1 + self.number
        year, month = divmod(month, 12)
        return day.replace(year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1]))

    def __rsub__(self, day: datetime.date) -> datetime.date:
        return Months(-self.number).__radd__(day)


_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": 604_800}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def _interval(node: exp.Expr, environment: Environment) -> Value:
    amount, unit = node.this.name, str(node.args["unit"]).upper().rstrip("S")
    if unit in _MONTHS:
        return Months(int(amount) * _MONTHS[unit])
    if unit not in _SECONDS:
        raise NotEvaluable(unit)
    return datetime.timedelta(seconds=int(amount) * _SECONDS[unit])


def _substring(node: exp.Expr, environment: Environment) -> Value:
    text, start = evaluate(node.this, environment), evaluate(node.args["start"], environment)
    if not isinstance(text, str) or not isinstance(start, int):
        return None
    length = node.args.get("length")
    stop = evaluate(length, environment) if length is not None else len(text)
    return text[start - 1 : start - 1 + cast(int, stop)]


def _part(part: str) -> Rule:
    def rule(node: exp.Expr, environment: Environment) -> Value:
        inner = node.expression if isinstance(node, exp.Extract) else node.this
        value = evaluate(inner, environment)
        name = (node.this.name if isinstance(node, exp.Extract) else part).lower()
        if isinstance(value, str):
            value = datetime.date.fromisoformat(value[:10])
        return None if value is None else getattr(value, name)

    return rule


def _formatted(node: exp.Expr, environment: Environment) -> Value:
    moment = as_kind(evaluate(node.this, environment), "timestamp")
    return moment.strftime(node.text("format")) if isinstance(moment, datetime.datetime) else None


def _text(change: Callable[[str], Value]) -> Rule:
    def rule(node: exp.Expr, environment: Environment) -> Value:
        value = evaluate(node.this, environment)
        return change(value) if isinstance(value, str) else None

    return rule


def _concat(node: exp.Expr, environment: Environment) -> Value:
    parts = [evaluate(part, environment) for part in (node.expressions or [node.this, node.expression])]
    return None if None in parts else "".join(map(str, parts))


def _sum(node: exp.Expr, environment: Environment) -> Value:
    value, copies = _number(node.this, environment), cast(int, environment.copies.root.value)
    return None if value is None else value * copies


def _count(node: exp.Expr, environment: Environment) -> Value:
    distinct = isinstance(node.this, exp.Distinct)
    return 1 if distinct else environment.copies.root.value


def _column(node: exp.Expr, environment: Environment) -> Value:
    return evaluate_term(environment.term(cast(exp.Column, node)))


def _subquery(node: exp.Expr, environment: Environment) -> Value:
    if id(node) not in environment.subqueries:
        raise NotEvaluable("subquery")
    return evaluate_term(environment.subqueries[id(node)])


def _parameter(node: exp.Expr, environment: Environment) -> Value:
    if node.name not in environment.parameters:
        raise NotEvaluable(node.name)
    return environment.parameters[node.name].root.value


def _inner(node: exp.Expr, environment: Environment) -> Value:
    return evaluate(node.this, environment)


def _window(node: exp.Expr, environment: Environment) -> Value:
    if isinstance(node.this, (exp.Rank, exp.DenseRank, exp.RowNumber)):
        return 1
    raise NotEvaluable("a window over several rows")


def _rounded(node: exp.Expr, environment: Environment) -> Value:
    value, digits = _number(node.this, environment), node.args.get("decimals")
    return None if value is None else round(value, cast(int, evaluate(digits, environment)) if digits is not None else 0)


def _numeric(change: Callable[[Any], Value]) -> Rule:
    def rule(node: exp.Expr, environment: Environment) -> Value:
        value = _number(node.this, environment)
        return None if value is None else change(value)

    return rule


_RULES: dict[type, Rule] = {
    exp.Literal: _literal,
    exp.Null: lambda node, environment: None,
    exp.Boolean: lambda node, environment: bool(node.this),
    exp.Column: _column,
    exp.Subquery: _subquery,
    exp.Placeholder: _parameter,
    exp.Parameter: _parameter,
    exp.Paren: _inner,
    exp.Alias: _inner,
    exp.Distinct: lambda node, environment: evaluate(node.expressions[0], environment),
    exp.Max: _inner,
    exp.Min: _inner,
    exp.Avg: _inner,
    exp.AnyValue: _inner,
    exp.Window: _window,
    exp.Sum: _sum,
    exp.Count: _count,
    exp.Rank: lambda node, environment: 1,
    exp.DenseRank: lambda node, environment: 1,
    exp.RowNumber: lambda node, environment: 1,
    exp.Neg: _numeric(operator.neg),
    exp.Add: _arithmetic(operator.add),
    exp.Sub: _arithmetic(operator.sub),
    exp.Mul: _arithmetic(operator.mul),
    exp.Div: _arithmetic(_divided),
    exp.Mod: _arithmetic(_remainder),
    exp.EQ: _comparison(operator.eq),
    exp.NEQ: _comparison(operator.ne),
    exp.LT: _comparison(operator.lt),
    exp.LTE: _comparison(operator.le),
    exp.GT: _comparison(operator.gt),
    exp.GTE: _comparison(operator.ge),
    exp.And: _and,
    exp.Or: _or,
    exp.Not: _not,
    exp.Is: _is,
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.ILike: _like,
    exp.RegexpLike: _regular,
    exp.RegexpFullMatch: _regular,
    exp.SimilarTo: _regular,
    exp.Case: _case,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Cast: _cast,
    exp.Date: _date,
    exp.TsOrDsToDate: _date,
    exp.TsOrDsToTimestamp: _inner,
    exp.TimeToStr: _formatted,
    exp.Interval: _interval,
    exp.Substring: _substring,
    exp.Extract: _part(""),
    exp.Year: _part("year"),
    exp.Month: _part("month"),
    exp.Day: _part("day"),
    exp.Upper: _text(str.upper),
    exp.Lower: _text(str.lower),
    exp.Trim: _text(str.strip),
    exp.Length: _text(len),
    exp.Concat: _concat,
    exp.DPipe: _concat,
    exp.Round: _rounded,
    exp.Abs: _numeric(abs),
}
