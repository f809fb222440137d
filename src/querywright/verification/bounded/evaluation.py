"""Evaluates bags over tables of a fixed number of symbolic rows, as formulas of z3.

Each table has k rows that may be there or not, with cells of any value. A bag becomes a list of rows, each with the formula
that says when it is there; aggregates, subqueries and windows are evaluated over such lists, so that nothing but functions
of values is left open. What stays open makes two queries look different, never equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import z3

from querywright.verification.proof.canonical import canonical_bag
from querywright.verification.proof.deadline import check_time
from querywright.verification.proof.kinds import Unsupported
from querywright.verification.proof.logic import Encoder, Formula, Truth, Value
from querywright.verification.proof.normalize import TooLarge
from querywright.verification.proof.terms import (
    Aggregate,
    Bag,
    Branch,
    Column,
    Distinct,
    Exists,
    Relation,
    Single,
    Stored,
    Term,
    Window,
    bag_rows,
    fresh_row,
    renamed,
)

_MOST_ROWS = 2_000
"""Symbolic rows of all bags together."""

_FOLDED = ("count", "sum", "avg", "min", "max")
_UP_TO_PEERS = ("", "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW")
"""What a frame is where there is an ORDER BY and nothing else is said."""

_WHOLE_NUMBERS = ("integer", "date")


@dataclass(frozen=True, eq=False)
class SymbolicRow:
    """A row of an evaluated bag: when it is there, what it puts out, and which rows of which relations it was made from."""

    present: Formula
    outputs: tuple[Term, ...]
    branch: int
    made_from: tuple[int, ...]


class Evaluation(Encoder):
    """Evaluates terms and bags. ``tables`` holds the numbers of the rows of each table."""

    def __init__(self, tables: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        self.tables = tables
        self.present: dict[int, Formula] = {row: z3.Bool(f"present{row}") for rows in tables.values() for row in rows}
        self._outputs: dict[int, tuple[Term, ...]] = {}
        self._distinct: dict[Bag, tuple[int, ...]] = {}
        self._bags: dict[Bag, tuple[SymbolicRow, ...]] = {}
        self._size = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """The text constants that were met."""
        return tuple(self._texts)

    # ------------------------------------------------------------------ bags

    def rows(self, bag: Bag) -> tuple[SymbolicRow, ...]:
        """The rows that ``bag`` may have. Raises `TooLarge` and `Unsupported`."""
        known = self._bags.get(bag)
        if known is None:
            known = self._bags[bag] = tuple(
                row for place, branch in enumerate(bag.branches) for row in self._branch(branch, place, branch.rows, {})
            )
        return known

    def differ(self, left: Bag, right: Bag) -> Formula:
        """The formula "the bags are not equal": some row occurs more often in one of them."""
        both = (self.rows(left), self.rows(right))
        return z3.Or(
            [z3.And(row.present, self._occurrences(row, both[0]) != self._occurrences(row, both[1])) for row in both[0] + both[1]]
        )

    def _occurrences(self, row: SymbolicRow, among: Sequence[SymbolicRow]) -> Formula:
        return _count(z3.And(other.present, self._equal(row.outputs, other.outputs)) for other in among)

    def _equal(self, left: Sequence[Term], right: Sequence[Term]) -> Formula:
        check_time()
        return z3.And([self.same(*pair) for pair in zip(left, right, strict=True)])

    def _branch(self, branch: Branch, place: int, order: Sequence[int], bound: Mapping[int, int]) -> Iterator[SymbolicRow]:
        """The rows of the branch at ``place`` of its bag, whose rows, in ``order``, are ``bound`` to those chosen so far."""
        open_rows = set(branch.rows)
        ready = [a for a in branch.atoms if not (isinstance(a.relation, Distinct) and bag_rows(a.relation.bag) & open_rows)]
        rest = tuple(atom for atom in branch.atoms if atom not in ready)
        if rest and not ready:
            raise Unsupported("relations that depend on each other")
        for chosen in product(*(self._members(atom.relation) for atom in ready)):
            mapping = {atom.row: row for atom, row in zip(ready, chosen, strict=True)}
            moved = renamed(Branch(rest, branch.conditions, branch.outputs), mapping)
            if rest:
                yield from self._branch(moved, place, order, {**bound, **mapping})
                continue
            self._size += 1
            if self._size > _MOST_ROWS:
                raise TooLarge
            rows = tuple({**bound, **mapping}[row] for row in order)
            held = [*(self.present[row] for row in rows), *(self.true(term) for term in moved.conditions)]
            present = z3.simplify(z3.And(held))
            if not z3.is_false(present):
                yield SymbolicRow(present, moved.outputs, place, rows)

    def _members(self, relation: Relation) -> Sequence[int]:
        """The numbers of the rows of a relation."""
        if isinstance(relation, Stored):
            return self.tables[relation.table]
        key = canonical_bag(relation.bag)
        if key not in self._distinct:
            rows = self.rows(relation.bag)
            numbers = tuple(fresh_row() for _ in rows)
            for place, (number, row) in enumerate(zip(numbers, rows, strict=True)):
                earlier = [z3.And(one.present, self._equal(one.outputs, row.outputs)) for one in rows[:place]]
                self._outputs[number] = row.outputs
                self.present[number] = z3.And(row.present, z3.Not(z3.Or(earlier)))
            self._distinct[key] = numbers
        return self._distinct[key]

    # ------------------------------------------------------------------ terms

    def _truth(self, term: Term) -> Truth:
        if isinstance(term, Exists):
            return self.certain(z3.Or([row.present for row in self.rows(term.bag)]))
        if isinstance(term, Column) and term.row in self._outputs:
            return self.truth(self._outputs[term.row][int(term.name)])
        if isinstance(term, Window) and term.kind == "boolean":
            return self._kept(term)
        return super()._truth(term)

    def _value(self, term: Term) -> Value:
        if isinstance(term, Column) and term.row in self._outputs:
            return self.value(self._outputs[term.row][int(term.name)])
        return super()._value(term)

    def _atom(self, term: Term) -> Value:
        if isinstance(term, Column) and term.kind in _WHOLE_NUMBERS:
            name = self.name(term)
            return Value(z3.Bool(name + "?"), z3.ToReal(z3.Int(name)))
        if isinstance(term, Aggregate):
            return self._aggregate(term)
        if isinstance(term, Single):
            return self._single(term)
        if isinstance(term, Window):
            return self._windowed(term)
        return super()._atom(term)

    def _aggregate(self, term: Aggregate) -> Value:
        rows = self.rows(term.bag)
        present = [row.present for row in rows]
        if term.distinct:
            present = [
                z3.And(
                    row.present, z3.Not(z3.Or([z3.And(one.present, self._equal(one.outputs, row.outputs)) for one in rows[:n]]))
                )
                for n, row in enumerate(rows)
            ]
        return self._folded(term.function, present, [row.outputs[0] if row.outputs else None for row in rows])

    def _folded(self, function: str, present: Sequence[Formula], terms: Sequence[Term | None]) -> Value:
        """An aggregate over the terms that are ``present``, none of which is NULL then."""
        if function == "count":
            return Value(z3.BoolVal(False), z3.ToReal(_count(present)))
        if function not in _FOLDED:
            raise Unsupported(f"aggregate {function.partition(':')[0]}")
        none = z3.Not(z3.Or(list(present)))
        cells = [(held, self.value(term).number) for held, term in zip(present, terms, strict=True) if term is not None]
        if function in ("sum", "avg"):
            total = z3.Sum([z3.RealVal(0), *(z3.If(held, number, 0) for held, number in cells)])
            mean, size = total, _count(present)
            for divisor in range(2, len(cells) + 1):
                mean = z3.If(size == divisor, total / divisor, mean)
            return Value(none, total if function == "sum" else mean)
        found, extreme = z3.BoolVal(False), z3.RealVal(0)
        for held, number in cells:
            better = number < extreme if function == "min" else number > extreme
            extreme = z3.If(z3.And(held, z3.Or(z3.Not(found), better)), number, extreme)
            found = z3.Or(found, held)
        return Value(none, extreme)

    def _single(self, term: Single) -> Value:
        """Several rows are an error, or any of them: an unknown of its own."""
        rows = self.rows(term.bag)
        several = z3.Or([z3.And(one.present, other.present) for n, one in enumerate(rows) for other in rows[:n]])
        unknown = super()._atom(term)
        null, number = z3.BoolVal(True), z3.RealVal(0)
        for row in rows:
            value = self.value(row.outputs[0])
            null, number = z3.If(row.present, value.null, null), z3.If(row.present, value.number, number)
        return Value(z3.If(several, unknown.null, null), z3.If(several, unknown.number, number))

    # ------------------------------------------------------------------ windows

    def _kept(self, term: Window) -> Truth:
        """Whether a LIMIT keeps the current row."""
        _, limit, offset, directions = term.function.split("|")
        if limit != "None" and int(limit) + int(offset) >= len(self.rows(term.bag)):
            raise Unsupported("a LIMIT that so few rows never reach")
        place = self._before(term, 0, directions, ties=True)
        kept = [place >= int(offset)]
        if limit != "None":
            kept.append(place < int(limit) + int(offset))
        return self.certain(z3.And(kept))

    def _windowed(self, term: Window) -> Value:
        """A rank, or an aggregate over the rows of the partition up to the current one and its peers."""
        name, _, partition, directions, frame = term.function.split("|")
        if name in ("rownumber", "rank") and not frame:
            place = self._before(term, int(partition), directions, ties=name == "rownumber")
            return Value(z3.BoolVal(False), z3.ToReal(place + 1))
        if name not in _FOLDED or frame not in _UP_TO_PEERS:
            raise Unsupported(f"window function {name.partition(':')[0]}{' over ' + frame if frame else ''}")
        rows = self.rows(term.bag)
        own = self._current(term)
        if own is None:
            return super()._atom(term)
        argument = int(partition) + len(_ways(directions))
        terms = [row.outputs[argument] if len(row.outputs) > argument else None for row in rows]
        present = [
            z3.And(
                row.present,
                self._equal(row.outputs[: int(partition)], own.outputs[: int(partition)]),
                z3.Not(self._precedes(own, row, int(partition), directions, z3.BoolVal(False))),
                z3.BoolVal(True) if value is None else z3.Not(self.nullness(value)),
            )
            for row, value in zip(rows, terms, strict=True)
        ]
        return self._folded(name, present, terms)

    def _before(self, term: Window, partition: int, directions: str, *, ties: bool) -> Formula:
        """How many rows of the current row's partition sort before it; ``ties`` are broken by position, where none matters."""
        rows = self.rows(term.bag)
        own = self._current(term)
        if own is None:  # the row is never there
            return z3.IntVal(0)
        mine = rows.index(own)
        return _count(
            z3.And(
                row.present,
                self._equal(row.outputs[:partition], own.outputs[:partition]),
                self._precedes(row, own, partition, directions, z3.BoolVal(ties and place < mine)),
            )
            for place, row in enumerate(rows)
            if place != mine
        )

    def _current(self, term: Window) -> SymbolicRow | None:
        if term.instance:
            raise Unsupported("a choice among ties")
        return next((one for one in self.rows(term.bag) if (one.branch, one.made_from) == (term.position, term.current)), None)

    def _precedes(self, row: SymbolicRow, other: SymbolicRow, partition: int, directions: str, tied: Formula) -> Formula:
        """Whether a row sorts before another one; ``tied`` is the answer for equal sort keys."""
        ways = _ways(directions)
        keys = zip(row.outputs[partition:], other.outputs[partition:], ways, strict=False)
        for left, right, way in reversed(list(keys)):
            tied = z3.Or(self._sorts_before(left, right, way), z3.And(self.same(left, right), tied))
        return tied

    def _sorts_before(self, left: Term, right: Term, way: str) -> Formula:
        a, b = self.value(left), self.value(right)
        smaller = a.number > b.number if way.startswith("desc") else a.number < b.number
        nulls = z3.And(a.null, z3.Not(b.null)) if way.endswith("first") else z3.And(z3.Not(a.null), b.null)
        return z3.Or(nulls, z3.And(z3.Not(a.null), z3.Not(b.null), smaller))


def _count(formulas: Iterable[Formula]) -> Formula:
    return z3.Sum([z3.IntVal(0), *(z3.If(formula, 1, 0) for formula in formulas)])


def _ways(directions: str) -> list[str]:
    return [way for way in directions.split(",") if way]
