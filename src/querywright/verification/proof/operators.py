"""Terms of operators that several kinds of expressions share."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from sqlglot import exp

from querywright.verification.proof.kinds import Unsupported
from querywright.verification.proof.simplify import call, conjuncts, existence, negation
from querywright.verification.proof.terms import (
    FALSE,
    NUMERIC,
    TRUE,
    UNKNOWN,
    Bag,
    Branch,
    Call,
    Constant,
    Term,
    null,
    with_outputs,
)

COMPARISONS: dict[type[exp.Expr], tuple[str, bool, bool]] = {
    exp.EQ: ("eq", False, False),
    exp.NEQ: ("eq", False, True),
    exp.LT: ("lt", False, False),
    exp.LTE: ("le", False, False),
    exp.GT: ("lt", True, False),
    exp.GTE: ("le", True, False),
}
"""Operator, operands swapped, result negated."""


def quotient(left: Term, right: Term, *, whole: bool = False) -> Term:
    """Division: exact constants are folded where no rounding can occur."""
    if any(isinstance(one, Constant) and one.value is None for one in (left, right)):
        return null("floating")
    values = [one.value for one in (left, right) if isinstance(one, Constant) and isinstance(one.value, Fraction)]
    if len(values) == 2 and values[1] and not whole:
        value = values[0] / values[1]
        if value.denominator == 1 and abs(value) < 2**50:
            return Constant(value, "floating")
    return Call("integer_division" if whole else "division", (left, right), "integer" if whole else "floating")


def flat_concatenation(node: exp.Expr) -> exp.Expr:
    """CONCAT of CONCATs of the same NULL behavior as one."""
    if not isinstance(node, exp.Concat):
        return node
    same = {name: value for name, value in node.args.items() if name != "expressions"}
    parts: list[exp.Expr] = []
    for part in map(flat_concatenation, node.expressions):
        nested = isinstance(part, exp.Concat) and {n: v for n, v in part.args.items() if n != "expressions"} == same
        parts += part.expressions if nested else [part]
    flat = node.copy()
    flat.set("expressions", [part.copy() for part in parts])
    return flat


def date_part(node: exp.Expr) -> tuple[str, exp.Expr] | None:
    """YEAR(x) and EXTRACT(YEAR FROM x) in one form."""
    if isinstance(node, (exp.Year, exp.Month)):
        return node.key, node.this
    if isinstance(node, exp.Extract) and node.name.lower() in ("year", "month"):
        return node.name.lower(), node.expression
    return None


def member(bag: Bag, compared: Callable[[Branch], Term]) -> Term:
    """Whether some row compares TRUE; NULL if none does and some compares NULL."""
    found = existence(with_outputs(bag, lambda _: (), lambda branch: conjuncts(compared(branch))))
    open_ = existence(with_outputs(bag, lambda _: (), lambda branch: [call("is_null", (compared(branch),))]))
    return call("case", (found, TRUE, open_, UNKNOWN, FALSE))


def as_truth(term: Term) -> Term:
    """``term`` as a condition."""
    if term.kind == "boolean":
        return term
    if isinstance(term, Constant) and term.value is None:
        return UNKNOWN
    if term.kind in NUMERIC:
        return negation(call("eq", (term, Constant(Fraction(0), "integer"))))
    raise Unsupported("a condition that is neither boolean nor a number")


def asserted(term: Term) -> Term:
    """A simpler term that is TRUE for the same rows: ``CASE WHEN c THEN TRUE … ELSE FALSE END`` is TRUE where c is."""
    if isinstance(term, Call) and term.operator == "case" and term.arguments[1] == TRUE:
        rest = (*term.arguments[3::2], term.arguments[-1])
        if all(isinstance(value, Constant) and value.value is not True for value in rest):
            return term.arguments[0]
    return term
