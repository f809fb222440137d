"""Aggregate terms, with aggregates of aggregates flattened: the sum of the sums of groups is the sum over all their rows."""

from __future__ import annotations

from fractions import Fraction

from querywright.verification.proof.kinds import common_kind
from querywright.verification.proof.simplify import call, conjunction, existence, negation, never
from querywright.verification.proof.terms import (
    Aggregate,
    Bag,
    Branch,
    Call,
    Constant,
    Kind,
    Term,
    null,
    opened,
    with_outputs,
)

_IDEMPOTENT = {"min", "max"}


def aggregate(function: str, distinct: bool, bag: Bag, kind: Kind) -> Term:
    """An aggregate over the outputs of ``bag``, whose conditions keep NULLs out."""
    bag = Bag(tuple(branch for branch in bag.branches if not never(branch.conditions)))
    zero = Constant(Fraction(0), "integer")
    if not bag.branches:
        return zero if function == "count" else null(kind)
    if len(bag.branches) == 1 and not bag.branches[0].atoms and function in ("count", "sum", "min", "max"):
        only = bag.branches[0]
        value, none = (Constant(Fraction(1), "integer"), zero) if function == "count" else (only.outputs[0], null(kind))
        return call("case", (conjunction(only.conditions), value, none), kind)
    if function in _IDEMPOTENT:
        return Aggregate(function, True, _flattened(function, bag) or bag, kind)
    if function == "sum" and not distinct:
        bag = Bag(tuple(_product(branch) for branch in bag.branches))
        if all(_inner(branch, "count") for branch in bag.branches):
            flat = _flattened("count", bag)
            assert flat is not None
            rows = existence(Bag(tuple(Branch(one.atoms, _without_null_test(one), ()) for one in bag.branches)))
            return call("case", (rows, aggregate("count", False, flat, "integer"), null(kind)), kind)
        bag = _flattened("sum", bag) or bag
    return Aggregate(function, distinct, bag, kind)


def _inner(branch: Branch, function: str) -> Aggregate | None:
    """The aggregate that a branch puts out, if it is of that function."""
    term = branch.outputs[0] if branch.outputs else None
    fits = isinstance(term, Aggregate) and term.function == function and (function in _IDEMPOTENT or not term.distinct)
    return term if fits and isinstance(term, Aggregate) else None


def _flattened(function: str, bag: Bag) -> Bag | None:
    """The bag with the rows of inner aggregates in place of their values; None where there are none."""
    branches: list[Branch] = []
    for branch in bag.branches:
        inner = _inner(branch, function)
        if inner is None:
            branches.append(branch)
            continue
        for part in inner.bag.branches:
            rows = opened(part)
            branches.append(Branch((*branch.atoms, *rows.atoms), (*_without_null_test(branch), *rows.conditions), rows.outputs))
    return Bag(tuple(branches)) if any(_inner(branch, function) for branch in bag.branches) else None


def _without_null_test(branch: Branch) -> tuple[Term, ...]:
    """Conditions without "the output is not NULL", which holds where the inner aggregate has rows."""
    test = negation(call("is_null", (branch.outputs[0],)))
    return tuple(condition for condition in branch.conditions if condition != test)


def _product(branch: Branch) -> Branch:
    """A branch that puts out a product of aggregates: one aggregate over the product of their bags."""
    term = branch.outputs[0]
    merged = product(term)
    if merged is None:
        return branch
    test = negation(call("is_null", (term,)))
    conditions = tuple(
        negation(call("is_null", (merged,))) if condition == test else condition for condition in branch.conditions
    )
    return Branch(branch.atoms, conditions, (merged,))


def product(term: Term) -> Term | None:
    """A product of counts as the count of all pairs, and a sum times a count as a sum over all pairs; else None."""
    if not (isinstance(term, Call) and term.operator == "mul"):
        return None
    left, right = (product(one) or one for one in term.arguments)
    if _plain(left, "sum") and _plain(right, "count"):
        left, right = right, left
    if not (isinstance(left, Aggregate) and _plain(left, "count") and isinstance(right, Aggregate)):
        return None
    if _plain(right, "count"):
        return Aggregate("count", False, crossed(right.bag, left.bag), "integer")
    if not _plain(right, "sum"):
        return None
    nothing = call("case", (call("is_null", (right,)), null(term.kind), Constant(Fraction(0), "integer")), term.kind)
    pairs = Aggregate("sum", False, crossed(right.bag, left.bag), right.kind)
    some = existence(with_outputs(left.bag, lambda _: (), lambda _: ()))
    return call("case", (some, pairs, nothing), term.kind)


def _plain(term: Term, function: str) -> bool:
    return isinstance(term, Aggregate) and term.function == function and not term.distinct


def crossed(left: Bag, right: Bag) -> Bag:
    """All pairs of rows with the outputs of the left side."""
    pairs = [(one, opened(other)) for one in (opened(branch) for branch in left.branches) for other in right.branches]
    return Bag(
        tuple(Branch((*one.atoms, *other.atoms), (*one.conditions, *other.conditions), one.outputs) for one, other in pairs)
    )


def output_kind(bag: Bag) -> Kind:
    """The kind of the first output."""
    return common_kind([branch.outputs[0].kind for branch in bag.branches])
