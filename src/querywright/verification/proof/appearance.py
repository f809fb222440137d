"""What functions can tell apart in values that compare as equal: types, digits of decimals, whole numbers among floating ones.

``1.5`` and ``1.50``, a day and its midnight, labels of two enumerations are equal, but not as texts. An uninterpreted function is
one of arguments that look alike: its operator names their `appearance`.
"""

from __future__ import annotations

from sqlglot import exp

from querywright.verification.proof.kinds import Unsupported
from querywright.verification.proof.terms import Call, Column, Constant, Kind, Term, walk

_OF_TWO_LOOKS = (exp.DataType.Type.INTERVAL, exp.DataType.Type.TIMETZ)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)
_KEEPING = (exp.Sum, exp.Min, exp.Max, exp.Paren, exp.Neg, exp.Alias)
_ZERO_IS_ZERO = (
    exp.Abs, exp.Floor, exp.Ceil, exp.Round, exp.Sqrt, exp.Neg, exp.Sign, exp.Mod, exp.IsNan, exp.IsInf,
)  # fmt: skip


def of_two_looks(declared: exp.DataType | None) -> bool:
    """Whether values of one type may be equal and differ all the same, as a month and thirty days do."""
    return declared is not None and declared.is_type(*_OF_TWO_LOOKS)


def appearance(term: Term, node: exp.Expr, dialect: str, result: Kind | None = None) -> str:
    """A word for what a function that gives a ``result`` sees of an argument beside its value. Raises `Unsupported`."""
    if term.kind == "other":
        return node.type.sql() if node.type is not None else "unknown"
    if term.kind == "floating" and dialect == "sqlite":
        return "real" if surely_real(node, term) else _dynamic(term)
    if term.kind != "decimal" or result != "text":
        return _type_of(node, term.kind)
    stored = isinstance(term, Column) and not term.name.isdigit() and isinstance(node, exp.Column)
    sizes = node.type.expressions if node.type is not None and (stored or isinstance(node, exp.Cast)) else []
    if len(sizes) != 2:
        raise Unsupported("a calculated decimal number as a text")
    return f"decimal {sizes[1].name}"


def surely_real(node: exp.Expr, term: Term | None = None) -> bool:
    """Whether SQLite holds a number as a floating one even if it is whole; ``term`` is what ``node`` was translated to."""
    if isinstance(node, exp.Literal):
        return not node.is_string and not node.name.isdigit()
    if isinstance(node, exp.Avg):
        return True
    if isinstance(node, _ARITHMETIC):
        return surely_real(node.this) or surely_real(node.expression)
    if isinstance(node, _KEEPING):
        return isinstance(node.this, exp.Expr) and surely_real(node.this)
    floating = node.type is not None and node.type.is_type(*exp.DataType.FLOAT_TYPES)
    if isinstance(node, exp.Cast):
        return floating
    stored = isinstance(term, Column) and not term.name.isdigit()
    return floating and stored and isinstance(node, exp.Column)


def tells_zeros_apart(node: exp.Expr, result: Kind) -> bool:
    """Whether a function of a floating number may see the sign of a zero."""
    return not isinstance(node, _ZERO_IS_ZERO) and not (isinstance(node, exp.Cast) and result != "text")


def _dynamic(term: Term) -> str:
    for part in walk(term):
        if isinstance(part, Call) and part.operator == "case":
            kinds = {value.kind for value in (*part.arguments[1::2], part.arguments[-1]) if value != Constant(None, value.kind)}
            converted = any(isinstance(value, Call) and value.operator == "strict:to_floating" for value in part.arguments)
            if converted or kinds >= {"integer", "floating"}:
                raise Unsupported("whole and floating numbers in one expression, which SQLite keeps apart")
    return "numeric"


def _type_of(node: exp.Expr, kind: Kind) -> str:
    """The kind that a value has and the one that its expression has, which differ where only one of several branches is left."""
    declared = node.type
    if kind in ("integer", "date") and declared is not None:
        for name, types in _FAMILIES.items():
            if declared.is_type(*types):
                return kind if kind == name else f"{kind} as {name}"
    return kind


_FAMILIES = {
    "integer": tuple(exp.DataType.INTEGER_TYPES),
    "decimal": (exp.DataType.Type.DECIMAL,),
    "floating": tuple(exp.DataType.FLOAT_TYPES),
    "date": (exp.DataType.Type.DATE,),
    "timestamp": (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.DATETIME, exp.DataType.Type.TIMESTAMPNTZ),
}
