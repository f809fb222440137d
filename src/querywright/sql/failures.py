"""Which expressions can raise an error, so that evaluating them on more rows than before could break a query that worked."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

_DIVISIONS = (exp.Div, exp.IntDiv, exp.Mod)
_DIVISION_BY_ZERO_IS_NULL = {"duckdb", "sqlite", "mysql", "spark"}
_PARTIAL_FUNCTIONS = (exp.Ln, exp.Log, exp.Sqrt, exp.Pow)
_NEVER_FAILS = {"sqlite"}
_INTEGER_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}


def may_fail(node: exp.Expr, dialect: str) -> bool:
    """Whether evaluating ``node`` may raise an error on some row: a narrowing cast, a division by zero, a logarithm of zero.

    Arithmetic overflow does not count: it would rule out every sum.
    """
    return any(failing_parts(node, dialect))


def failing_parts(node: exp.Expr, dialect: str) -> Iterator[exp.Expr]:
    """The operators and functions in ``node`` that may raise an error themselves, as `may_fail` has it."""
    if dialect not in _NEVER_FAILS:
        yield from (part for part in node.walk() if _fails(part, dialect))


def integer_digits(kind: exp.DataType | None) -> int | None:
    """How many digits an integer type has; None for any other type."""
    return next((digits for name, digits in _INTEGER_DIGITS.items() if kind is not None and kind.is_type(name)), None)


def _fails(part: exp.Expr, dialect: str) -> bool:
    if isinstance(part, exp.Cast):
        return not isinstance(part, exp.TryCast) and not _safe_cast(part)
    if isinstance(part, _DIVISIONS) and dialect not in _DIVISION_BY_ZERO_IS_NULL:
        divisor = part.expression
        return not (isinstance(divisor, exp.Literal) and float(divisor.name) != 0)
    return isinstance(part, _PARTIAL_FUNCTIONS)


def _safe_cast(cast: exp.Cast) -> bool:
    """A constant (it fails on every row or on none), a cast to text, or one between dates and timestamps or to a wider number."""
    target, source = cast.to, cast.this.type
    if not list(cast.this.find_all(exp.Column)) or target.is_type(*exp.DataType.TEXT_TYPES):
        return True
    if source is None:
        return False
    if source.is_type(*exp.DataType.TEMPORAL_TYPES):
        return bool(target.is_type(*exp.DataType.TEMPORAL_TYPES))
    given, room = integer_digits(source), integer_digits(target)
    if isinstance(cast.this, exp.Column) and given is not None and room is not None and given <= room:
        return True
    if source.is_type(*exp.DataType.NUMERIC_TYPES):
        return bool(target.is_type("bigint", "double", "float")) or _fits(source, target)
    return False


def _fits(source: exp.DataType, target: exp.DataType) -> bool:
    """Whether a DECIMAL has room for every exact number of another type, rounding included."""
    digits, scale = _size(target)
    whole = integer_digits(source)
    if whole is None:
        precision, source_scale = _size(source)
        whole = precision - source_scale + (source_scale > scale) if precision else None
    return bool(digits) and whole is not None and digits - scale >= whole


def _size(kind: exp.DataType) -> tuple[int, int]:
    """Precision and scale of a DECIMAL that states both; (0, 0) else."""
    sizes = [int(part.name) for part in kind.expressions if part.name.isdigit()] if kind.is_type("decimal") else []
    return (sizes[0], sizes[1]) if len(sizes) == 2 else (0, 0)
