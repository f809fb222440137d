"""First-order reasoning about rows: which facts follow from the rows, conditions and keys at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from itertools import combinations

import z3

from querywright.values import Premise
from querywright.verification.proof.axioms import Axioms, Row, member
from querywright.verification.proof.catalog import Catalog
from querywright.verification.proof.deadline import OutOfTime
from querywright.verification.proof.logic import Formula, Model
from querywright.verification.proof.simplify import existence
from querywright.verification.proof.terms import (
    Aggregate,
    Atom,
    Bag,
    Branch,
    Column,
    Single,
    Stored,
    Term,
    Window,
    free_rows,
    walk,
)

_MOST_MODELS = 40
_CHECK_S = 2.0

Valued = Aggregate | Single | Window
Alternative = tuple[Premise | None, list[Term]]
"""Terms that all have to hold, and the premise without which they say nothing."""


class Reasoner(Axioms):
    """A stack of assumptions about rows, and the question whether something follows from them.

    ``merge`` is asked whether two aggregates that a counterexample takes for different are equal after all. ``used`` collects
    the premises of what was proved.
    """

    def __init__(self, catalog: Catalog, deadline: float) -> None:
        super().__init__(catalog)
        self.deadline = deadline
        self.used: set[Premise] = set()
        self.merge: Callable[[Valued, Valued], bool] = lambda left, right: False
        self.is_set: Callable[[Bag], bool] = lambda bag: False
        self._merging = 0
        self._around: set[Term] = set()

    # ------------------------------------------------------------------ assumptions

    @contextmanager
    def level(self) -> Iterator[None]:
        """Assumptions made inside are forgotten at the end."""
        if time.monotonic() > self.deadline:
            raise OutOfTime
        frame = self._frame
        self._frame = frame.copy()
        self._solver.push()
        try:
            yield
        finally:
            self._solver.pop()
            self._frame = frame

    @contextmanager
    def attempt(self) -> Iterator[list[bool]]:
        """Premises used inside count only if the attempt succeeds: the caller appends True then."""
        before = set(self.used)
        outcome: list[bool] = []
        yield outcome
        if not any(outcome):
            self.used.clear()
            self.used |= before

    @property
    def known(self) -> dict[Hashable, tuple[object, frozenset[Premise]]]:
        """Questions answered under the current assumptions, with the answer and its premises."""
        return self._frame.known

    def add_rows(self, atoms: Iterable[Atom]) -> None:
        """Rows of their relations that exist."""
        for atom in atoms:
            if isinstance(atom.relation, Stored):
                self._frame.rows[atom.row] = Row(atom.relation.table, z3.BoolVal(True), 0)
            else:
                self.assume([member(atom)])

    def rows(self) -> dict[int, str]:
        """The rows at hand that surely exist, with their tables."""
        return {row: known.table for row, known in self._frame.rows.items() if z3.is_true(known.guard)}

    def assume(self, terms: Iterable[Term]) -> None:
        """Each term is TRUE."""
        for term in terms:
            self._note(term, 0)
            self._solver.add(self._encoder.true(term))

    # ------------------------------------------------------------------ questions

    def contradictory(self, *, counting: bool = False) -> bool:
        """Whether the assumptions cannot all hold; ``counting`` looks into COUNTs as well."""
        return self._refuted(merging=False, counting=counting)

    def proves(self, terms: Iterable[Term], same: Iterable[tuple[Term, Term]] = (), *, merging: bool = True) -> bool:
        """Whether all ``terms`` are TRUE and all pairs of ``same`` equal (or both NULL) under the assumptions."""
        goals = list(terms)
        pairs = [(left, right) for left, right in same if left != right]
        for term in (*goals, *(one for pair in pairs for one in pair)):
            self._note(term, 0)
        formulas = [self._encoder.true(term) for term in goals] + [self._encoder.same(*pair) for pair in pairs]
        if not formulas:
            return True
        return self.follows(z3.And(formulas), merging=merging)

    def chooses(self, choices: Iterable[list[Alternative]]) -> bool:
        """Whether of each choice one alternative holds under the assumptions; premises of those that are needed count as used."""
        parts = []
        for options in choices:
            for _, terms in options:
                for term in terms:
                    self._note(term, 0)
            parts.append(
                z3.Or([z3.And([*([self._premise(p)] if p is not None else []), *map(self._encoder.true, t)]) for p, t in options])
            )
        return self.follows(z3.And(parts), merging=False)

    def follows(self, formula: Formula, *, merging: bool = True) -> bool:
        """Whether ``formula`` holds under the assumptions; its terms must be noted."""
        with self.level():
            self._solver.add(z3.Not(formula))
            return self._refuted(merging=merging)

    def counted(self, branches: Iterable[tuple[Iterable[Term], Iterable[tuple[Term, Term]]]]) -> Formula:
        """How many of the (conditions, pairs to be equal) hold, as a formula."""
        numbers = []
        for conditions, pairs in branches:
            listed, both = list(conditions), list(pairs)
            for term in (*listed, *(one for pair in both for one in pair)):
                self._note(term, 0)
            held = z3.And([self._encoder.true(term) for term in listed] + [self._encoder.same(*pair) for pair in both])
            numbers.append(z3.If(held, z3.IntVal(1), z3.IntVal(0)))
        return z3.Sum(numbers) if numbers else z3.IntVal(0)

    def _refuted(self, *, merging: bool, counting: bool = False) -> bool:
        """Whether the assumptions contradict each other: look for a model, add the axioms that it breaks, look again."""
        tried: set[tuple[Term, Term]] = set()
        for _ in range(_MOST_MODELS):
            self._constrain()
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise OutOfTime
            self._solver.set("timeout", max(1, int(1000 * min(left, _CHECK_S))))
            answer = self._solver.check(*self._literals.values())
            if answer == z3.unsat:
                self.used |= self._needed()
                return True
            if answer != z3.sat:
                return False
            model = Model(self._solver.model(), self._encoder)
            if self._refined(model):
                continue
            if merging and self._merging <= 1 and self._merge_some(model, tried):
                continue
            last_resort = merging and not self._merging
            if last_resort and self._explain_extremes():
                continue
            if not ((last_resort or counting) and self._explain_counts()):
                return False
        return False

    def _explain_counts(self) -> bool:
        """COUNT over branches with at most one row each: the number of branches with a row; whether there was anything to say.

        Whether a branch has at most one row is proved under the assumptions at hand, so that the sum holds under them.
        """
        found = [
            term
            for term, depth in self._frame.opaque.items()
            if isinstance(term, Aggregate) and term.function == "count" and not term.distinct and depth == 0
            if ("count", term) not in self._frame.done
        ]
        progress = False
        for term in found:
            self._frame.done.add(("count", term))
            parts = [Bag((Branch(one.atoms, one.conditions, ()),)) for one in term.bag.branches]
            if not all(map(self.is_set, parts)):
                continue
            tests = [existence(part) for part in parts]
            for test in tests:
                self._note(test, 1)
            ones = [z3.If(self._encoder.true(test), z3.RealVal(1), z3.RealVal(0)) for test in tests]
            self._solver.add(self._encoder.value(term).number == z3.Sum(ones))
            progress = True
        return progress

    def _needed(self) -> set[Premise]:
        """A smallest set of premises without which the contradiction just found would not be one."""
        core = {str(literal) for literal in self._solver.unsat_core()}
        needed = [premise for premise, literal in self._literals.items() if str(literal) in core]
        for premise in list(needed):
            fewer = [self._literals[one] for one in needed if one != premise]
            if self._solver.check(*fewer) == z3.unsat:
                needed.remove(premise)
        return set(needed)

    def _merge_some(self, model: Model, tried: set[tuple[Term, Term]]) -> bool:
        """Prove two aggregates equal that the counterexample takes for different."""
        valued = [term for term in self._frame.opaque if isinstance(term, (Aggregate, Single, Window))]
        pairs = [
            (left, right)
            for left, right in combinations(valued, 2)
            if (left, right) not in tried and _comparable(left, right) and not (left in self._around and right in self._around)
        ]
        around = self._around
        for left, right in sorted(pairs, key=lambda pair: _unlikeness(*pair)):
            same = self._encoder.same(left, right)
            if model.holds(same):
                continue
            tried.add((left, right))
            self._around = around | set(valued)
            self._merging += 1
            try:
                merged = self.merge(left, right)
            finally:
                self._merging -= 1
                self._around = around
            if merged:
                self._solver.add(same)
                return True
        return False


def _comparable(left: Valued, right: Valued) -> bool:
    """Whether it makes sense to ask if two terms are the same."""
    if isinstance(left, Single) and isinstance(right, Single):
        return True
    return not isinstance(left, Single) and not isinstance(right, Single) and left.function == right.function


def _unlikeness(left: Valued, right: Valued) -> tuple[bool, bool, int]:
    """Likely pairs come first: those about the same rows that aggregate columns of the same names, in the same way."""
    names = [
        {
            part.name
            for branch in one.bag.branches
            for output in branch.outputs
            for part in walk(output)
            if isinstance(part, Column)
        }
        for one in (left, right)
    ]
    ways = [isinstance(one, Aggregate) and one.distinct for one in (left, right)]
    return free_rows(left) != free_rows(right), ways[0] != ways[1], len(names[0] ^ names[1])
