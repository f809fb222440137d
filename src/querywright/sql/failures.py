"""Which expressions can raise an error, so that evaluating them on more rows than before could break a query that worked."""

from __future__ import annotations

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
    if dialect in _NEVER_FAILS:
        return False
    return any(_fails(part, dialect) for part in node.walk())


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
    if source.is_type(*exp.DataType.NUMERIC_TYPES):
        return bool(target.is_type("bigint", "double", "float")) or _fits(source, target)
    return False


def _fits(source: exp.DataType, target: exp.DataType) -> bool:
    """Whether a DECIMAL has room for every exact number of another type, rounding included."""
    digits, scale = _size(target)
    integer_digits = next((n for name, n in _INTEGER_DIGITS.items() if source.is_type(name)), None)
    if integer_digits is None:
        precision, source_scale = _size(source)
        integer_digits = precision - source_scale + (source_scale > scale) if precision else None
    return bool(digits) and integer_digits is not None and digits - scale >= integer_digits


def _size(kind: exp.DataType) -> tuple[int, int]:
    """Precision and scale of a DECIMAL that states both; (0, 0) else."""
    sizes = [int(part.name) for part in kind.expressions if part.name.isdigit()] if kind.is_type("decimal") else []
    return (sizes[0], sizes[1]) if len(sizes) == 2 else (0, 0)
