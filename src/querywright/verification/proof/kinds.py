"""What kind of value an expression has, and literals as exact values."""

from __future__ import annotations

import re
from fractions import Fraction
from math import floor

from sqlglot import exp

from querywright.verification.proof.moments import moment
from querywright.verification.proof.simplify import call
from querywright.verification.proof.terms import NUMERIC, Call, Constant, Kind, Term, null

TIMES: frozenset[Kind] = frozenset({"date", "timestamp"})
_NO_EXACT_DECIMALS = {"sqlite"}
_TEXTS = {exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR}
_WITHOUT_ZONE = {
    exp.DataType.Type.TIMESTAMP,
    exp.DataType.Type.DATETIME,
    exp.DataType.Type.TIMESTAMPNTZ,
    exp.DataType.Type.TIMESTAMP_S,
    exp.DataType.Type.TIMESTAMP_MS,
    exp.DataType.Type.TIMESTAMP_NS,
}
"""How a moment with a time zone compares with others depends on the session."""

_IGNORES_CASE = {"mysql", "tsql", "doris", "starrocks", "singlestore"}


class Unsupported(Exception):
    """The query uses something that the calculus does not cover; the text says what."""


def kind_of_type(declared: exp.DataType | None, dialect: str) -> Kind:
    """The kind of values of a SQL type."""
    if declared is None:
        return "other"
    this = declared.this
    if dialect == "sqlite" and (this in exp.DataType.TEMPORAL_TYPES or this is exp.DataType.Type.BOOLEAN):
        # SQLite has neither: dates are texts (or what else was stored), truth values are numbers.
        return "integer" if this is exp.DataType.Type.BOOLEAN else "text"
    if this in exp.DataType.INTEGER_TYPES:
        return "integer"
    if this is exp.DataType.Type.FLOAT and dialect == "duckdb":
        return "other"  # of single precision: what it is compared with is rounded to another value than for a DOUBLE
    if this in exp.DataType.FLOAT_TYPES:
        return "floating"
    if this in exp.DataType.REAL_TYPES:
        return "floating" if dialect in _NO_EXACT_DECIMALS else "decimal"
    if this in exp.DataType.TEXT_TYPES:
        return "text"
    if this in (exp.DataType.Type.DATE, exp.DataType.Type.DATE32):
        return "date"
    if this in _WITHOUT_ZONE:
        return "timestamp"
    if this is exp.DataType.Type.BOOLEAN:
        return "boolean"
    return "null" if this is exp.DataType.Type.NULL else "other"


def common_kind(kinds: list[Kind]) -> Kind:
    """The kind of a value that is one of several, ``other`` where they do not fit together."""
    known = {kind for kind in kinds if kind != "null"}
    if not known:
        return "null"
    if len(known) == 1:
        return known.pop()
    if known <= NUMERIC:
        return "floating" if "floating" in known else "decimal"
    return "timestamp" if known == {"date", "timestamp"} else "other"


def brought_to(term: Term, kind: Kind) -> Term:
    """``term`` as one of several values that are brought to a common kind: exact numbers become floating ones and round."""
    if kind == "floating" and term.kind in ("integer", "decimal") and not isinstance(term, Constant):
        return Call("strict:to_floating", (term,), "floating")
    return null(kind) if isinstance(term, Constant) and term.value is None else term


def check_identity(kind: Kind, dialect: str) -> None:
    """Raise `Unsupported` where values that compare as equal may still be told apart."""
    if kind == "text" and dialect in _IGNORES_CASE:
        raise Unsupported("texts, which this dialect compares without regard to case")


def literal(node: exp.Literal, dialect: str) -> Constant:
    """A literal as a constant."""
    if node.is_string:
        return Constant(node.name, "text")
    if re.fullmatch(r"\d+", node.name):
        return Constant(Fraction(node.name), "integer")
    if dialect in _NO_EXACT_DECIMALS or "e" in node.name.lower():
        return rounded(Constant(Fraction(node.name), "floating"))
    return Constant(Fraction(node.name), "decimal")


def rounded(number: Constant) -> Constant:
    """A number as the nearest floating one. Raises `Unsupported` for what is too large."""
    assert isinstance(number.value, Fraction)
    try:
        return Constant(Fraction(float(number.value)), "floating")
    except OverflowError as error:
        raise Unsupported("a number beyond the floating ones") from error


def converted(term: Term, target: exp.DataType, source: exp.DataType | None, dialect: str, look: str = "") -> Term:
    """CAST of ``term``: the term itself where no value changes. ``look`` is its appearance, where that matters."""
    kind = kind_of_type(target, dialect)
    if dialect == "sqlite" and target.is_type(*exp.DataType.TEMPORAL_TYPES):
        kind = "other"  # a number
    if isinstance(term, Constant) and term.value is None:
        return null(kind)
    if kind in ("date", "timestamp"):
        if isinstance(term, Constant) and isinstance(term.value, str):
            return moment(term.value, kind, dialect) or Call(f"cast:{target.sql()}", (term,), kind)
        if isinstance(term, Constant) and isinstance(term.value, Fraction) and (term.kind, kind) == ("timestamp", "date"):
            return Constant(Fraction(floor(term.value)), kind)
        if term.kind == kind or (term.kind == "date" and kind == "timestamp"):
            return term
    if kind == "integer":
        if term.kind == "integer":
            return term
        if term.kind == "boolean":
            one, zero = (Constant(Fraction(value), "integer") for value in (1, 0))
            return call("case", (term, one, call("not", (term,)), zero, null("integer")), "integer")
    if kind == "decimal" and term.kind in ("integer", "decimal") and _keeps(target, source, term.kind):
        return term
    if kind == "boolean" and term.kind == "boolean":
        return term
    if kind == "floating" and term.kind == "floating":
        return term if source is not None and source.this is target.this else Call(f"cast:{target.sql()}", (term,), kind)
    if kind == "text" and term.kind == "text" and not target.expressions and target.this in _TEXTS:
        return term
    return Call(f"cast:{target.sql()}" + (f" of {look}" if look else ""), (term,), kind)


def _keeps(target: exp.DataType, source: exp.DataType | None, kind: Kind) -> bool:
    if kind == "integer":
        return True
    scales = [_scale(one) if one is not None else None for one in (source, target)]
    return scales[0] is not None and scales[1] is not None and scales[0] <= scales[1]


def _scale(kind: exp.DataType) -> int | None:
    sizes = [int(part.name) for part in kind.expressions if part.name.isdigit()]
    return sizes[1] if len(sizes) == 2 else None


def number_in(text: str, *, whole: bool) -> Constant | None:
    """The number that a text spells; ``whole``: if it is one without a fraction, which no type rounds."""
    if re.fullmatch(r"[+-]?\d+" if whole else r"[+-]?\d+(\.\d+)?", text.strip()):
        return Constant(Fraction(text.strip()), "decimal")
    return None
