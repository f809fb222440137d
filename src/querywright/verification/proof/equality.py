"""Whether two bags are equal: their branches are matched one to one, and where that fails compared row by row or as sets."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from itertools import islice, permutations, product
from typing import TypeVar

from querywright.verification.proof.canonical import canonical_bag
from querywright.verification.proof.catalog import Catalog
from querywright.verification.proof.kinds import common_kind
from querywright.verification.proof.normalize import Reducer, columns_of, inlined
from querywright.verification.proof.reasoner import Alternative, Reasoner, Valued
from querywright.verification.proof.shapes import at_most_one, counted, family, moved, relation, valued
from querywright.verification.proof.simplify import call, existence
from querywright.verification.proof.terms import (
    NUMERIC,
    TRUE,
    Aggregate,
    Bag,
    Branch,
    Column,
    Distinct,
    Single,
    Stored,
    Term,
    Window,
    fresh_row,
    opened,
    with_outputs,
)

_MOST_BIJECTIONS = 150
Answer = TypeVar("Answer")


class Equality:
    """Proves bags equal under the assumptions of a `Reasoner`."""

    def __init__(self, catalog: Catalog, reasoner: Reasoner) -> None:
        self.catalog = catalog
        self.reasoner = reasoner
        reasoner.merge = self.merge
        reasoner.is_set = self.is_set

    @property
    def _reducer(self) -> Reducer:
        return Reducer(self.catalog, self.is_set, self.reasoner.used)

    # ------------------------------------------------------------------ terms

    def merge(self, left: Valued, right: Valued) -> bool:
        """Whether two aggregates, scalar subqueries or windows are surely the same value under the assumptions."""
        with self.reasoner.attempt() as outcome:
            if self._same_value(left, right):
                outcome.append(True)
        return bool(outcome)

    def _same_value(self, left: Valued, right: Valued) -> bool:
        if isinstance(left, Window) and isinstance(right, Window):
            return self._same_window(left, right)
        if isinstance(left, Single) and isinstance(right, Single):
            return self.bags(left.bag, right.bag)
        if not (isinstance(left, Aggregate) and isinstance(right, Aggregate)) or left.function != right.function:
            return False
        if left.distinct and right.distinct:
            return self.sets(left.bag, right.bag)
        if not left.distinct and not right.distinct:
            return self.bags(*(counted(one) if left.function == "count" else one for one in (left.bag, right.bag)))
        plain = right if left.distinct else left
        return self.is_set(plain.bag) and self.sets(left.bag, right.bag)

    def _same_window(self, left: Window, right: Window) -> bool:
        if left.function != right.function or len(left.bag.branches) != len(right.bag.branches):
            return False
        if left.instance != right.instance and left.instance * right.instance >= 0:
            return False  # one place is not another, unless one belongs to the original and one to the candidate
        mine, theirs = opened(left.bag.branches[left.position]), opened(right.bag.branches[right.position])
        if len(left.current) != len(mine.rows) or sorted(left.current) != sorted(right.current):
            return False
        if len(set(left.current)) != len(left.current):
            return False
        place = dict(zip(left.current, mine.rows, strict=True))
        bijection = {row: place[current] for row, current in zip(theirs.rows, right.current, strict=True)}
        if not self._matches(mine, theirs, bijection):
            return False
        rest = [[branch for index, branch in enumerate(one.bag.branches) if index != one.position] for one in (left, right)]
        return not any(rest) or self._all_matched([opened(one) for one in rest[0]], [opened(one) for one in rest[1]]) == ([], [])

    # ------------------------------------------------------------------ bags and sets

    def sets(self, left: Bag, right: Bag) -> bool:
        """Whether two bags have the same tuples, however often."""
        if canonical_bag(left) == canonical_bag(right):
            return True
        widths = {len(branch.outputs) for branch in (*left.branches, *right.branches)}
        if len(widths) > 1:
            return False
        with self.reasoner.attempt() as outcome:
            mine, theirs = ([opened(branch) for branch in inlined(bag).branches] for bag in (left, right))
            if self._all_matched(mine, theirs) == ([], []):
                outcome.append(True)
        if outcome:
            return True
        row = fresh_row()
        both = (left, right)
        columns = []
        for position in range(widths.pop() if widths else 0):
            kinds = [branch.outputs[position].kind for bag in both for branch in bag.branches]
            if "boolean" in kinds and set(kinds) & NUMERIC:
                return False
            columns.append(Column(row, str(position), common_kind(kinds)))
        members = [
            existence(
                with_outputs(
                    bag,
                    lambda _: (),
                    lambda branch: [call("same", pair) for pair in zip(branch.outputs, columns, strict=True)],
                )
            )
            for bag in both
        ]
        return all(self._implied(one, other) for one, other in (members, members[::-1]))

    def _implied(self, left: Term, right: Term) -> bool:
        with self.reasoner.level():
            self.reasoner.assume([left])
            return self.reasoner.proves([right])

    def bags(self, left: Bag, right: Bag) -> bool:
        """Whether two bags have the same tuples equally often."""
        if canonical_bag(left) == canonical_bag(right):
            return True
        with self.reasoner.attempt() as outcome:
            # First without keys: a proof that needs no premise is worth more.
            if self._all_matched(self.reduced(left, keys=False), self.reduced(right, keys=False)) == ([], []):
                outcome.append(True)
        if outcome:
            return True
        mine, theirs = self.reduced(left), self.reduced(right)
        if len(mine) == len(theirs) == 1 and self._isomorphic(mine[0], theirs[0]):
            return True
        mine, theirs = ([branch for branch in side if not self._empty(branch)] for side in (mine, theirs))
        left_over, right_over = self._all_matched(mine, theirs)
        if not left_over and not right_over:
            return True
        if len(left_over) + len(right_over) > 2 and self._pointwise(left_over, right_over):
            return True
        rests = Bag(tuple(left_over)), Bag(tuple(right_over))
        return all(self.is_set(one) for one in rests) and self.sets(*rests)

    def reduced(self, bag: Bag, *, keys: bool = True) -> list[Branch]:
        """The branches of a bag, reduced; without ``keys`` only by what holds without premises."""
        rows = self.reasoner.rows()
        return [one for branch in bag.branches for one in self._reducer.reduced(opened(branch), rows, keys=keys)]

    def simplified(self, branch: Branch) -> list[Branch]:
        """A branch reduced by rules that need no premise."""
        return self._reducer.reduced(branch, {}, keys=False)

    def _empty(self, branch: Branch) -> bool:
        with self.reasoner.attempt() as outcome, self.reasoner.level():
            self.reasoner.add_rows(branch.atoms)
            self.reasoner.assume(branch.conditions)
            if self.reasoner.contradictory(counting=True):
                outcome.append(True)
        return bool(outcome)

    def is_set(self, bag: Bag) -> bool:
        """Whether no tuple occurs twice in a bag."""
        return bool(self._remembered(("set", bag), lambda: self._no_duplicates(bag)))

    def _remembered(self, question: Hashable, answer: Callable[[], Answer]) -> Answer | None:
        """The answer to a question, None while it is being answered; what was found holds under further assumptions too."""
        known = self.reasoner.known
        if question in known:
            found, premises = known[question]
            self.reasoner.used |= premises
            return found  # type: ignore[return-value]
        known[question] = (None, frozenset())
        outside = set(self.reasoner.used)
        self.reasoner.used.clear()
        result = answer()
        known[question] = (result, frozenset(self.reasoner.used) if result else frozenset())
        self.reasoner.used.clear()
        self.reasoner.used |= outside | known[question][1]
        return result

    def _no_duplicates(self, bag: Bag) -> bool:
        branches = self.reduced(bag)
        for position, branch in enumerate(branches):
            for other_position in range(position, len(branches)):
                if position == other_position and (branch.rows == () or any(at_most_one(c, branch) for c in branch.conditions)):
                    continue
                other = opened(branches[other_position])
                goal = self._identical(branch, other) if position == other_position else None
                with self.reasoner.level():
                    self.reasoner.add_rows((*branch.atoms, *other.atoms))
                    self.reasoner.assume((*branch.conditions, *other.conditions))
                    self.reasoner.assume(call("same", pair) for pair in zip(branch.outputs, other.outputs, strict=True))
                    if not (self.reasoner.contradictory() if goal is None else self.reasoner.chooses(goal)):
                        return False
        return True

    def _identical(self, branch: Branch, other: Branch) -> list[list[Alternative]]:
        """What makes two copies of a branch have the same rows: for each row the keys by which they may agree."""
        found: list[list[Alternative]] = []
        for one, two in zip(branch.atoms, other.atoms, strict=True):
            if isinstance(one.relation, Distinct):
                outputs = one.relation.bag.branches[0].outputs
                columns = [(Column(one.row, str(p), o.kind), Column(two.row, str(p), o.kind)) for p, o in enumerate(outputs)]
                found.append([(None, [call("same", pair) for pair in columns])])
                continue
            options: list[Alternative] = []
            for key in self.catalog.keys[one.relation.table]:
                pairs = [(Column(one.row, name, "other"), Column(two.row, name, "other")) for name in key.columns]
                options.append((key.premise, [call("eq", pair) for pair in pairs]))
            found.append(options)
        return found

    # ------------------------------------------------------------------ matching

    def _all_matched(self, left: list[Branch], right: list[Branch]) -> tuple[list[Branch], list[Branch]]:
        """The branches of both sides that have no partner."""
        unmatched: list[Branch] = []
        rest = list(right)
        for branch in left:
            partner = next((one for one in rest if self._isomorphic(branch, one)), None)
            if partner is None:
                unmatched.append(branch)
            else:
                rest.remove(partner)
        return unmatched, rest

    def _isomorphic(self, left: Branch, right: Branch) -> bool:
        if len(left.atoms) != len(right.atoms) or len(left.outputs) != len(right.outputs):
            return False
        mappings = list(islice(self._bijections(left, right), _MOST_BIJECTIONS))
        for merging in (False, True) if valued(left) or valued(right) else (False,):
            for bijection in mappings:
                with self.reasoner.attempt() as outcome:
                    if self._matches(left, right, bijection, merging=merging):
                        outcome.append(True)
                if outcome:
                    return True
        return False

    def _bijections(self, left: Branch, right: Branch) -> Iterator[dict[int, int]]:
        """Ways to identify the rows of ``right`` with rows of the same table of ``left``."""
        tables = sorted({relation(atom) for atom in (*left.atoms, *right.atoms)})
        groups = []
        for table in tables:
            mine, theirs = ([atom.row for atom in one.atoms if relation(atom) == table] for one in (left, right))
            if len(mine) != len(theirs):
                return
            groups.append([dict(zip(theirs, order, strict=True)) for order in permutations(mine)])
        for chosen in product(*groups):
            yield {row: target for part in chosen for row, target in part.items()}

    def _matches(self, left: Branch, right: Branch, bijection: dict[int, int], *, merging: bool = True) -> bool:
        """Whether both branches are the same if their rows are identified this way."""
        atoms = {atom.row: atom for atom in left.atoms}
        order: dict[Column, Term] = {}
        for atom in right.atoms:
            partner = atoms[bijection[atom.row]]
            if isinstance(atom.relation, Stored):
                if atom.relation != partner.relation:
                    return False
                continue
            assert isinstance(partner.relation, Distinct)
            pair = (partner.relation.bag, atom.relation.bag)
            places = self._remembered(("columns", *pair), lambda pair=pair: self._same_distinct(*pair))  # type: ignore[misc]
            if places is None:
                return False
            for position, place in enumerate(places):
                target = Column(partner.row, str(place), pair[0].branches[0].outputs[place].kind)
                order |= {column: target for column in columns_of(atom.row, str(position))}
        other = moved(right, bijection, order)
        if set(other.conditions) == set(left.conditions) and other.outputs == left.outputs:
            return True
        with self.reasoner.level():
            self.reasoner.add_rows(left.atoms)
            self.reasoner.assume(left.conditions)
            outputs = list(zip(left.outputs, other.outputs, strict=True))
            if not self.reasoner.proves(other.conditions, outputs, merging=merging):
                return False
        with self.reasoner.level():
            self.reasoner.add_rows(left.atoms)
            self.reasoner.assume(other.conditions)
            return self.reasoner.proves(left.conditions, merging=merging)

    def _same_distinct(self, left: Bag, right: Bag) -> tuple[int, ...] | None:
        """The output of ``left`` that each output of ``right`` corresponds to if both have the same tuples; None if not."""
        widths = {len(branch.outputs) for branch in (*left.branches, *right.branches)}
        if len(widths) != 1:
            return None
        width = widths.pop()
        mine, theirs = ([family(output.kind) for output in bag.branches[0].outputs] for bag in (left, right))
        for order in islice(permutations(range(width)), 24):
            if any(mine[order[place]] != theirs[place] for place in range(width)):
                continue
            shuffled = with_outputs(left, lambda branch, order=order: [branch.outputs[p] for p in order], lambda _: ())  # type: ignore[misc]
            if self.sets(shuffled, right):
                return order
        return None

    # ------------------------------------------------------------------ row by row

    def _pointwise(self, left: list[Branch], right: list[Branch]) -> bool:
        """Whether, whatever rows are chosen, both sides put out the same tuples equally often."""
        groups: dict[tuple[str, ...], tuple[list[Branch], list[Branch]]] = {}
        for side, branches in enumerate((left, right)):
            for branch in branches:
                if any(isinstance(atom.relation, Distinct) for atom in branch.atoms):
                    return False
                key = tuple(sorted(relation(atom) for atom in branch.atoms))
                groups.setdefault(key, ([], []))[side].append(branch)
        return all(self._same_counts(*group) for group in groups.values())

    def _same_counts(self, left: list[Branch], right: list[Branch]) -> bool:
        if len(left) + len(right) < 2 or len(left) + len(right) > 24:
            return False
        first = (left or right)[0]
        sides = [[self._aligned(first, branch) for branch in side] for side in (left, right)]
        for branch in (*sides[0], *sides[1]):
            with self.reasoner.level():
                self.reasoner.add_rows(first.atoms)
                self.reasoner.assume(branch.conditions)
                counts = [
                    self.reasoner.counted([(one.conditions, list(zip(one.outputs, branch.outputs, strict=True))) for one in side])
                    for side in sides
                ]
                if not self.reasoner.follows(counts[0] == counts[1]):
                    return False
        return True

    def _aligned(self, first: Branch, branch: Branch) -> Branch:
        """``branch`` over the rows of ``first``, if possible such that their outputs agree."""
        if branch is first:
            return branch
        options = [moved(branch, one, {}) for one in islice(self._bijections(first, branch), 24)]
        if len(options) == 1:
            return options[0]
        for option in options:
            if option.outputs == first.outputs:
                return option
        for option in options:
            with self.reasoner.level():
                self.reasoner.add_rows(first.atoms)
                self.reasoner.assume((*first.conditions, *option.conditions))
                if self.reasoner.proves([TRUE], list(zip(first.outputs, option.outputs, strict=True)), merging=False):
                    return option
        return options[0]
