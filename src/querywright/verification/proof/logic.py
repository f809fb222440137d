"""Terms as formulas of the SMT solver z3.

Every value is a pair (is NULL, real number): text, dates and other kinds are embedded in the real line, which keeps equality and
order and nothing else. Booleans are pairs (is TRUE, is FALSE). Functions that are not known are any function of their arguments.
z3 is imported with this module only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import z3

from querywright.verification.proof.terms import Call, Column, Constant, Exists, Term

Formula = Any
"""A z3 expression; z3 has no types."""


@dataclass(frozen=True)
class Value:
    """A value: whether it is NULL, and what it is otherwise."""

    null: Formula
    number: Formula


@dataclass(frozen=True)
class Truth:
    """A three-valued truth value; unknown where neither holds."""

    true: Formula
    false: Formula


class Encoder:
    """Encodes terms, those that hold a bag as constants; ``facts`` collects axioms that come with literals and functions."""

    def __init__(self) -> None:
        self.facts: list[Formula] = []
        self._values: dict[Term, Value] = {}
        self._truths: dict[Term, Truth] = {}
        self._names: dict[Term, str] = {}
        self._texts: dict[str, Formula] = {}
        self._functions: dict[tuple[str, int], tuple[Formula, Formula]] = {}

    # ------------------------------------------------------------------ entry points

    def true(self, term: Term) -> Formula:
        """The formula "``term`` is TRUE"."""
        return self.truth(term).true

    def same(self, left: Term, right: Term) -> Formula:
        """The formula "both are NULL or both are the same value"."""
        if left.kind == "boolean" and right.kind == "boolean":
            one, other = self.truth(left), self.truth(right)
            return z3.And(one.true == other.true, one.false == other.false)
        a, b = self.value(left), self.value(right)
        return z3.And(a.null == b.null, z3.Or(a.null, a.number == b.number))

    def truth(self, term: Term) -> Truth:
        """``term`` as a truth value."""
        known = self._truths.get(term)
        if known is None:
            known = self._truths[term] = self._truth(term)
        return known

    def value(self, term: Term) -> Value:
        """``term`` as a value."""
        known = self._values.get(term)
        if known is None:
            known = self._values[term] = self._value(term)
        return known

    # ------------------------------------------------------------------ truth

    def _truth(self, term: Term) -> Truth:
        if isinstance(term, Constant):
            return Truth(z3.BoolVal(term.value is True), z3.BoolVal(term.value is False))
        if isinstance(term, Exists):
            exists = z3.Bool(self.name(term))
            return Truth(exists, z3.Not(exists))
        if isinstance(term, Call) and term.operator in _TRUTHS:
            return _TRUTHS[term.operator](self, term.arguments)
        if term.kind != "boolean":
            raise ValueError(f"not a truth value: {term}")
        found = self._atom(term)
        return Truth(z3.And(z3.Not(found.null), found.number != 0), z3.And(z3.Not(found.null), found.number == 0))

    def conjoined(self, arguments: tuple[Term, ...]) -> Truth:
        """AND."""
        parts = [self.truth(part) for part in arguments]
        return Truth(z3.And([part.true for part in parts]), z3.Or([part.false for part in parts]))

    def disjoined(self, arguments: tuple[Term, ...]) -> Truth:
        """OR."""
        parts = [self.truth(part) for part in arguments]
        return Truth(z3.Or([part.true for part in parts]), z3.And([part.false for part in parts]))

    def negated(self, arguments: tuple[Term, ...]) -> Truth:
        """NOT."""
        part = self.truth(arguments[0])
        return Truth(part.false, part.true)

    def compared(self, arguments: tuple[Term, ...], test: Callable[[Formula, Formula], Formula]) -> Truth:
        """A comparison of two values."""
        a, b = (self.value(part) for part in arguments)
        present = z3.And(z3.Not(a.null), z3.Not(b.null))
        return Truth(z3.And(present, test(a.number, b.number)), z3.And(present, z3.Not(test(a.number, b.number))))

    def certain(self, formula: Formula) -> Truth:
        """A truth value that is never unknown."""
        return Truth(formula, z3.Not(formula))

    def nullness(self, term: Term) -> Formula:
        """The formula "``term`` is NULL"."""
        if term.kind == "boolean":
            found = self.truth(term)
            return z3.And(z3.Not(found.true), z3.Not(found.false))
        return self.value(term).null

    def chosen(self, arguments: tuple[Term, ...]) -> Truth:
        """CASE of booleans."""
        last = self.truth(arguments[-1])
        true, false = last.true, last.false
        for condition, result in reversed(list(zip(arguments[:-1:2], arguments[1::2], strict=True))):
            test, then = self.truth(condition).true, self.truth(result)
            true, false = z3.If(test, then.true, true), z3.If(test, then.false, false)
        return Truth(true, false)

    # ------------------------------------------------------------------ values

    def _value(self, term: Term) -> Value:
        if isinstance(term, Constant):
            return self._constant(term)
        if term.kind == "boolean":
            truth = self.truth(term)
            return Value(z3.And(z3.Not(truth.true), z3.Not(truth.false)), z3.If(truth.true, z3.RealVal(1), z3.RealVal(0)))
        if isinstance(term, Call):
            if term.operator == "case":
                return self._case(term.arguments)
            if term.operator in ("add", "sub", "mul"):
                return self._arithmetic(term.operator, term.arguments)
            return self._applied(term)
        return self._atom(term)

    def _constant(self, term: Constant) -> Value:
        if term.value is None:
            return Value(z3.BoolVal(True), z3.RealVal(0))
        if isinstance(term.value, bool):
            return Value(z3.BoolVal(False), z3.RealVal(int(term.value)))
        if isinstance(term.value, Fraction):
            return Value(z3.BoolVal(False), z3.RealVal(term.value))
        if term.value not in self._texts:
            fresh = z3.Real(f"text:{term.value}")
            self.facts += [fresh != other for text, other in self._texts.items() if _clearly_different(text, term.value)]
            self._texts[term.value] = fresh
        return Value(z3.BoolVal(False), self._texts[term.value])

    def _atom(self, term: Term) -> Value:
        """A column, a value from a bag, or a boolean function."""
        if isinstance(term, Call):
            return self._applied(term)
        name = self.name(term)
        return Value(z3.Bool(name + "?"), z3.Real(name))

    def name(self, term: Term) -> str:
        """The name of the z3 constant that stands for a term."""
        if isinstance(term, Column):
            return f"r{term.row}.{term.name}"
        known = self._names.get(term)
        if known is None:
            known = self._names[term] = f"{type(term).__name__.lower()}{len(self._names)}"
        return known

    def _case(self, arguments: tuple[Term, ...]) -> Value:
        last = self.value(arguments[-1])
        null, number = last.null, last.number
        for condition, result in reversed(list(zip(arguments[:-1:2], arguments[1::2], strict=True))):
            test, then = self.truth(condition).true, self.value(result)
            null, number = z3.If(test, then.null, null), z3.If(test, then.number, number)
        return Value(null, number)

    def _arithmetic(self, operator: str, arguments: tuple[Term, ...]) -> Value:
        a, b = (self.value(part) for part in arguments)
        null = z3.Or(a.null, b.null)
        if operator != "mul":
            return Value(null, a.number + b.number if operator == "add" else a.number - b.number)
        if any(isinstance(part, Constant) for part in arguments):
            return Value(null, a.number * b.number)
        # Products stay uninterpreted: nonlinear arithmetic is slow, and queries rarely rely on more than a * b = b * a.
        multiply = z3.Function("mul", z3.RealSort(), z3.RealSort(), z3.RealSort())
        self.facts.append(multiply(a.number, b.number) == multiply(b.number, a.number))
        return Value(null, multiply(a.number, b.number))

    def _applied(self, term: Call) -> Value:
        values = [self.value(part) for part in term.arguments]
        strict = term.operator.startswith("strict:")
        key = (term.operator, len(values))
        if key not in self._functions:
            sorts = [z3.RealSort()] * len(values) if strict else [z3.BoolSort(), z3.RealSort()] * len(values)
            self._functions[key] = (
                z3.Function(f"{term.operator}/{len(values)}", *sorts, z3.RealSort()),
                z3.Function(f"{term.operator}/{len(values)}?", *sorts, z3.BoolSort()),
            )
        number, null = self._functions[key]
        if strict:
            given = [one.number for one in values]
            return Value(z3.Or([one.null for one in values]), number(*given))
        # The number behind a NULL means nothing: make it the same for all NULLs.
        pairs = [part for one in values for part in (one.null, z3.If(one.null, z3.RealVal(0), one.number))]
        unknown = null(*pairs) if pairs else null()
        if term.operator in ("division", "integer_division"):
            unknown = z3.Or(*(one.null for one in values), unknown)
        return Value(unknown, number(*pairs) if pairs else number())


_TRUTHS: dict[str, Callable[[Encoder, tuple[Term, ...]], Truth]] = {
    "and": Encoder.conjoined,
    "or": Encoder.disjoined,
    "not": Encoder.negated,
    "case": Encoder.chosen,
    "eq": lambda encoder, given: encoder.compared(given, lambda a, b: a == b),
    "lt": lambda encoder, given: encoder.compared(given, lambda a, b: a < b),
    "le": lambda encoder, given: encoder.compared(given, lambda a, b: a <= b),
    "is_null": lambda encoder, given: encoder.certain(encoder.nullness(given[0])),
    "same": lambda encoder, given: encoder.certain(encoder.same(given[0], given[1])),
    "holds": lambda encoder, given: encoder.certain(encoder.true(given[0])),
}


def _clearly_different(left: str, right: str) -> bool:
    """Texts that no collation takes for equal: not only case or trailing blanks differ."""
    return left.rstrip().casefold() != right.rstrip().casefold()


class Model:
    """A counterexample that z3 found, with what was already asked of it."""

    def __init__(self, model: Formula, encoder: Encoder) -> None:
        self._model = model
        self._encoder = encoder
        self._cells: dict[Term, object] = {}

    def holds(self, formula: Formula) -> bool:
        """Whether a formula is true in the model."""
        return bool(z3.is_true(self._model.eval(formula, model_completion=True)))

    def number(self, formula: Formula) -> object:
        """The value of a number: a fraction, or a text where it is irrational."""
        found = self._model.eval(formula, model_completion=True)
        return found.as_fraction() if z3.is_rational_value(found) else str(found)

    def cell(self, term: Term) -> object:
        """The value of a column or constant, None for NULL."""
        if term not in self._cells:
            value = self._encoder.value(term)
            self._cells[term] = None if self.holds(value.null) else self.number(value.number)
        return self._cells[term]

    def may_hold(self, test: Call, rows: dict[int, int]) -> bool:
        """Whether a comparison of columns and constants, its rows replaced, can be TRUE in the model."""
        left, right = (
            self.cell(Column(rows.get(part.row, part.row), part.name, part.kind) if isinstance(part, Column) else part)
            for part in test.arguments
        )
        if test.operator == "same":
            return left == right
        if left is None or right is None:
            return False
        if test.operator == "eq":
            return left == right
        if not (isinstance(left, Fraction) and isinstance(right, Fraction)):
            return True
        return left < right if test.operator == "lt" else left <= right
