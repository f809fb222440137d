"""Builds calls of interpreted operators, folding what is constant: branches that can never hold fall away early."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from fractions import Fraction

from querywright.verification.proof.terms import (
    FALSE,
    TRUE,
    UNKNOWN,
    Aggregate,
    Bag,
    Call,
    Constant,
    Exists,
    Kind,
    Term,
    null,
)
from querywright.verification.proof.texts import folded

ARITHMETIC: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
}
COMPARISONS: dict[str, Callable[[Fraction, Fraction], bool]] = {"eq": operator.eq, "lt": operator.lt, "le": operator.le}


def call(name: str, arguments: Iterable[Term], kind: Kind = "boolean") -> Term:
    """``name`` applied to ``arguments``, simplified."""
    given = tuple(arguments)
    if name in ("and", "or"):
        return _connected(name, given)
    if name == "not":
        return negation(given[0])
    if name in COMPARISONS:
        return _compared(name, given[0], given[1])
    if name == "same":
        return _same(given[0], given[1])
    if name == "is_null":
        return _is_null(given[0])
    if name == "case":
        return _case(given, kind)
    if name in ARITHMETIC:
        return _calculated(name, given, kind)
    if name == "neg" and isinstance(given[0], Constant) and isinstance(given[0].value, Fraction):
        return Constant(-given[0].value, kind)
    values = [one.value for one in given if isinstance(one, Constant)]
    if kind == "text" and len(values) == len(given) and (text := folded(name, values)) is not None:
        return Constant(text, kind)
    return Call(name, given, kind)


def conjunction(terms: Iterable[Term]) -> Term:
    """AND of ``terms``."""
    return call("and", terms)


def conjuncts(term: Term) -> tuple[Term, ...]:
    """The operands of an AND; nothing for TRUE."""
    if term == TRUE:
        return ()
    return term.arguments if isinstance(term, Call) and term.operator == "and" else (term,)


def negation(term: Term) -> Term:
    """NOT ``term``."""
    if isinstance(term, Constant):
        return {True: FALSE, False: TRUE}.get(term.value, UNKNOWN) if isinstance(term.value, bool) else UNKNOWN
    if isinstance(term, Call) and term.operator == "not":
        return term.arguments[0]
    return Call("not", (term,), "boolean")


def holds(term: Term) -> Term:
    """Whether ``term`` is TRUE, as a term that is never NULL."""
    if isinstance(term, Exists) or (isinstance(term, Call) and term.operator in ("is_null", "same", "holds")):
        return term
    if isinstance(term, Constant):
        return TRUE if term.value is True else FALSE
    return Call("holds", (term,), "boolean")


def never(conditions: Iterable[Term]) -> bool:
    """Whether one of the conditions is FALSE or NULL whatever the rows."""
    return any(isinstance(term, Constant) and term.value is not True for term in conditions)


def existence(bag: Bag) -> Term:
    """EXISTS of a bag, folded where it surely has a row or none."""
    if not bag.branches:
        return FALSE
    if any(not branch.atoms and not branch.conditions for branch in bag.branches):
        return TRUE
    if all(not branch.atoms for branch in bag.branches):
        return call("or", [call("case", (conjunction(branch.conditions), TRUE, FALSE)) for branch in bag.branches])
    return Exists(bag)


def _connected(name: str, given: tuple[Term, ...]) -> Term:
    absorbing, neutral = (FALSE, TRUE) if name == "and" else (TRUE, FALSE)
    operands: dict[Term, None] = {}
    for term in given:
        parts = term.arguments if isinstance(term, Call) and term.operator == name else (term,)
        for part in parts:
            if part == absorbing:
                return absorbing
            if part != neutral:
                operands[part] = None
    if not operands:
        return neutral
    return next(iter(operands)) if len(operands) == 1 else Call(name, tuple(operands), "boolean")


def _compared(name: str, left: Term, right: Term) -> Term:
    if _is_constant_null(left) or _is_constant_null(right):
        return UNKNOWN
    if isinstance(left, Constant) and isinstance(right, Constant):
        if isinstance(left.value, Fraction) and isinstance(right.value, Fraction):
            return TRUE if COMPARISONS[name](left.value, right.value) else FALSE
        if left == right:
            return FALSE if name == "lt" else TRUE
    return Call(name, (left, right), "boolean")


def _same(left: Term, right: Term) -> Term:
    if left == right:
        return TRUE
    if _is_constant_null(left):
        return _is_null(right)
    if _is_constant_null(right):
        return _is_null(left)
    if (
        isinstance(left, Constant)
        and isinstance(right, Constant)
        and isinstance(left.value, Fraction)
        and isinstance(right.value, Fraction)
    ):
        return TRUE if left.value == right.value else FALSE
    return Call("same", (left, right), "boolean")


def _is_null(term: Term) -> Term:
    if isinstance(term, Constant):
        return TRUE if term.value is None else FALSE
    if isinstance(term, Exists) or (isinstance(term, Aggregate) and term.function == "count"):
        return FALSE
    if isinstance(term, Call) and term.operator in ("is_null", "same", "holds"):
        return FALSE
    return Call("is_null", (term,), "boolean")


def _case(given: tuple[Term, ...], kind: Kind) -> Term:
    """CASE with arguments condition, value, condition, value, …, default."""
    kept: list[Term] = []
    for condition, value in zip(given[:-1:2], given[1:-1:2], strict=True):
        if condition == TRUE:
            kept.append(value)
            break
        if isinstance(condition, Constant):
            continue
        kept += [condition, value]
    else:
        kept.append(given[-1])
    values = {*kept[1::2], kept[-1]}
    return kept[-1] if len(values) == 1 else Call("case", tuple(kept), kind)


def _calculated(name: str, given: tuple[Term, ...], kind: Kind) -> Term:
    if any(_is_constant_null(term) for term in given):
        return null(kind)
    values = [term.value for term in given if isinstance(term, Constant) and isinstance(term.value, Fraction)]
    return Constant(ARITHMETIC[name](*values), kind) if len(values) == 2 else Call(name, given, kind)


def _is_constant_null(term: Term) -> bool:
    return isinstance(term, Constant) and term.value is None
