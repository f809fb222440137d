"""Reads the rows of a database out of a model that the solver found."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import z3
from sqlglot import exp

from querywright.verification.bounded.evaluation import Evaluation
from querywright.verification.proof.kinds import kind_of_type
from querywright.verification.proof.logic import Formula
from querywright.verification.proof.terms import Column, Constant, Kind
from querywright.verification.terms import Value


def cells_of(
    model: Formula, evaluation: Evaluation, types: Mapping[tuple[str, str], exp.DataType | None], dialect: str
) -> dict[str, tuple[Mapping[str, Value], ...]]:
    """The rows that are there, by table, with a value for each column; texts keep what is equal, not their order."""
    texts = _Texts(model, evaluation)

    def value(row: int, name: str, kind: Kind) -> Value:
        found = evaluation.value(Column(row, name, kind))
        if z3.is_true(model.eval(found.null, model_completion=True)):
            return None
        number = model.eval(found.number, model_completion=True)
        if not z3.is_rational_value(number):
            return None
        return texts.text(number.as_fraction()) if kind == "text" else _converted(number.as_fraction(), kind)

    return {
        table: tuple(
            {
                name: value(row, name, kind_of_type(declared, dialect))
                for (owner, name), declared in types.items()
                if owner == table
            }
            for row in rows
            if z3.is_true(model.eval(evaluation.present[row], model_completion=True))
        )
        for table, rows in evaluation.tables.items()
    }


class _Texts:
    """Texts for numbers: the query's own where the model says so, others that are all different."""

    def __init__(self, model: Formula, evaluation: Evaluation) -> None:
        self._known: dict[Fraction, str] = {}
        for text in evaluation.texts:
            number = model.eval(evaluation.value(Constant(text, "text")).number, model_completion=True)
            if z3.is_rational_value(number):
                self._known.setdefault(number.as_fraction(), text)

    def text(self, number: Fraction) -> str:
        return self._known.setdefault(number, f"text {len(self._known)}")


def _converted(number: Fraction, kind: Kind) -> Value:
    if kind == "boolean":
        return bool(number)
    if kind == "integer":
        return int(number)
    if kind == "decimal":
        return Decimal(number.numerator) / Decimal(number.denominator)
    if kind == "floating":
        return float(number)
    with suppress(ValueError, OverflowError):  # no such day
        if kind == "date":
            return datetime.date.fromordinal(int(number))
        if kind == "timestamp":
            return datetime.datetime.fromordinal(int(number)) + datetime.timedelta(days=float(number - int(number)))
    return None
