"""The axioms about rows, keys and bags that a question may need, added to z3 when a counterexample breaks them.

EXISTS is reasoned about by instantiation: where it holds, rows that witness it are added; each combination of rows at hand that
satisfies its conditions makes it hold. Only finitely many such axioms are added, so that a "no" means "not shown". Keys,
foreign keys and NOT NULLs are axioms behind a literal each, and z3's unsatisfiable core names those that a proof used.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, islice

import z3

from querywright.values import Premise
from querywright.verification.proof.catalog import Catalog, UniqueColumns
from querywright.verification.proof.logic import Encoder, Formula, Model
from querywright.verification.proof.normalize import inlined
from querywright.verification.proof.simplify import call, existence, never
from querywright.verification.proof.terms import (
    Aggregate,
    Atom,
    Branch,
    Call,
    Column,
    Constant,
    Exists,
    Single,
    Stored,
    Term,
    Window,
    free_rows,
    fresh_row,
    opened,
    renamed,
    walk,
    with_outputs,
)

_DEEPEST = 3
_MOST_COMBINATIONS = 60
_MOST_AXIOMS = 800
_PLAIN = ("eq", "same", "lt", "le")


@dataclass
class Row:
    """A row of a table, which exists where ``guard`` holds; ``depth`` counts the steps that led to it."""

    table: str
    guard: Formula
    depth: int


@dataclass
class Frame:
    """What is known at one level of assumptions."""

    rows: dict[int, Row] = field(default_factory=dict)
    columns: dict[Column, None] = field(default_factory=dict)
    opaque: dict[Term, int] = field(default_factory=dict)
    done: set[object] = field(default_factory=set)
    facts: int = 0
    known: dict[Hashable, tuple[object, frozenset[Premise]]] = field(default_factory=dict)

    def copy(self) -> Frame:
        """A level on top of this one; only answers that further assumptions cannot change are kept."""
        known = {question: answer for question, answer in self.known.items() if answer[0]}
        return Frame(dict(self.rows), dict(self.columns), dict(self.opaque), set(self.done), self.facts, known)


class Axioms:
    """A z3 solver with the rows, columns and bags that have been asserted to it, and what is known about them."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._encoder = Encoder()
        self._solver = z3.Solver()
        self._frame = Frame()
        self._literals: dict[Premise, Formula] = {}
        self._witnesses: dict[Term, list[tuple[Formula, Branch]]] = {}
        self._targets: dict[tuple[int, int], int] = {}

    def _note(self, term: Term, depth: int) -> None:
        """Take note of the columns and bags of a term that is about to be asserted."""
        for part in walk(term):
            if isinstance(part, Column):
                self._frame.columns[part] = None
            elif isinstance(part, (Exists, Aggregate, Single, Window)) and part not in self._frame.opaque:
                self._frame.opaque[part] = depth

    def _premise(self, premise: Premise) -> Formula:
        if premise not in self._literals:
            self._literals[premise] = z3.Bool(f"premise{len(self._literals)}")
        return self._literals[premise]

    def _constrain(self) -> None:
        """Axioms that are cheap enough to have them all: those of columns, of keys and of aggregates."""
        for term, depth in list(self._frame.opaque.items()):
            if isinstance(term, (Aggregate, Single)) and term not in self._frame.done:
                self._frame.done.add(term)
                self._explain_value(term, depth)
        self._constrain_columns()
        while self._frame.facts < len(self._encoder.facts):
            self._solver.add(self._encoder.facts[self._frame.facts])
            self._frame.facts += 1

    def _refined(self, model: Model) -> bool:
        """Add axioms about EXISTS that a model may break; False if it breaks none."""
        if self._follow_references() or self._identified(model):
            return True
        terms = [(depth, term) for term, depth in self._frame.opaque.items() if isinstance(term, Exists)]
        for level in range(_DEEPEST):
            progress = False
            for depth, term in terms:
                if depth != level or len(self._frame.done) > _MOST_AXIOMS:
                    continue
                if not model.holds(self._encoder.true(term)):
                    progress |= self._instantiate(term, depth, model)
                elif term not in self._frame.done:
                    self._frame.done.add(term)
                    witnesses = self._witnesses_of(term, depth)
                    self._solver.add(z3.Implies(self._encoder.true(term), z3.Or([guard for guard, _ in witnesses])))
                    progress = True
            if progress:
                return True
        return False

    def _explain_value(self, term: Aggregate | Single, depth: int) -> None:
        """When an aggregate or a scalar subquery is NULL."""
        some = existence(with_outputs(term.bag, lambda _: (), lambda _: ()))
        self._note(some, depth + 1)
        value, exists = self._encoder.value(term), self._encoder.true(some)
        if isinstance(term, Single):
            self._solver.add(z3.Implies(z3.Not(exists), value.null))
            witnesses = self._witnesses_of(term, depth) if depth < _DEEPEST else []
            for guard, branch in witnesses:
                self._solver.add(z3.Implies(guard, self._encoder.same(term, branch.outputs[0])))
            if witnesses:
                self._solver.add(z3.Implies(exists, z3.Or([guard for guard, _ in witnesses])))
        elif term.function == "count":
            self._solver.add(z3.Not(value.null), z3.If(exists, value.number >= 1, value.number == 0))
        elif term.function in ("sum", "min", "max", "avg"):
            self._solver.add(value.null == z3.Not(exists))

    def _explain_extremes(self) -> bool:
        """What the least and the greatest of some values are; whether there was anything new to say."""
        found = [
            term
            for term, depth in self._frame.opaque.items()
            if isinstance(term, Aggregate)
            and depth == 0
            and term.function in ("min", "max")
            and ("extreme", term) not in self._frame.done
        ]
        for term in found:
            self._frame.done.add(("extreme", term))
            self._explain_extreme(term)
        return bool(found)

    def _explain_extreme(self, term: Aggregate) -> None:
        """The least value is one of the values, and there is none below it."""

        def beyond(branch: Branch) -> list[Term]:
            value = branch.outputs[0]
            return [call("lt", (value, term) if term.function == "min" else (term, value))]

        further = existence(with_outputs(term.bag, lambda _: (), beyond))
        reached = existence(with_outputs(term.bag, lambda _: (), lambda one: [call("eq", (one.outputs[0], term))]))
        for some in (further, reached):
            self._note(some, 1)
        self._solver.add(z3.Not(self._encoder.true(further)))
        self._solver.add(z3.Implies(z3.Not(self._encoder.value(term).null), self._encoder.true(reached)))

    def _witnesses_of(self, term: Exists | Single, depth: int) -> list[tuple[Formula, Branch]]:
        """Rows that make the bag of ``term`` non-empty, each set behind a guard."""
        if term not in self._witnesses:
            self._witnesses[term] = [(z3.Bool(f"witness{fresh_row()}"), opened(branch)) for branch in inlined(term.bag).branches]
        for guard, branch in self._witnesses[term]:
            for atom in branch.atoms:
                assert isinstance(atom.relation, Stored)
                self._frame.rows[atom.row] = Row(atom.relation.table, guard, depth + 1)
            for condition in (*branch.conditions, *branch.outputs):
                self._note(condition, depth + 1)
            for condition in branch.conditions:
                self._solver.add(z3.Implies(guard, self._encoder.true(condition)))
        return self._witnesses[term]

    def _instantiate(self, term: Exists, depth: int, model: Model) -> bool:
        """Rows at hand that satisfy the conditions make EXISTS true; whether anything new was said."""
        progress = False
        for branch in inlined(term.bag).branches:
            for rows in islice(self._assignments(branch, model), _MOST_COMBINATIONS):
                key = (term, branch.rows, tuple(rows.values()))
                if key in self._frame.done:
                    continue
                self._frame.done.add(key)
                conditions = renamed(Branch((), branch.conditions, ()), rows).conditions
                if never(conditions):
                    continue
                for condition in conditions:
                    self._note(condition, depth + 1)
                guards = [self._frame.rows[row].guard for row in rows.values()]
                held = z3.And([*guards, *(self._encoder.true(condition) for condition in conditions)])
                self._solver.add(z3.Implies(held, self._encoder.true(term)))
                progress = True
        return progress

    def _assignments(self, branch: Branch, model: Model) -> Iterator[dict[int, int]]:
        """Rows at hand for the atoms of a branch for which no plain comparison among its conditions fails in the model."""
        choices = [(atom.row, self._rows_of(atom, model)) for atom in branch.atoms]
        bound = [row for row, _ in choices]
        tests: list[list[Call]] = [[] for _ in range(len(choices) + 1)]
        for condition in branch.conditions:
            if (
                isinstance(condition, Call)
                and condition.operator in _PLAIN
                and all(isinstance(part, (Column, Constant)) for part in condition.arguments)
            ):
                mentioned = [bound.index(row) + 1 for row in free_rows(condition) if row in bound]
                tests[max(mentioned, default=0)].append(condition)

        def extended(assigned: dict[int, int]) -> Iterator[dict[int, int]]:
            place = len(assigned)
            if not all(model.may_hold(test, assigned) for test in tests[place]):
                return
            if place == len(choices):
                yield dict(assigned)
                return
            row, options = choices[place]
            for option in options:
                yield from extended({**assigned, row: option})

        return extended({})

    def _rows_of(self, atom: Atom, model: Model) -> list[int]:
        """Rows that an atom may stand for and that exist in the model."""
        assert isinstance(atom.relation, Stored)
        rows = [(row, known) for row, known in self._frame.rows.items() if known.table == atom.relation.table]
        return [row for row, known in rows if model.holds(known.guard)]

    def _follow_references(self) -> bool:
        """The row that a foreign key points to exists; whether any was added."""
        before = len(self._frame.rows)
        wanted = {
            atom.relation.table
            for term in self._frame.opaque
            if isinstance(term, Exists)
            for branch in inlined(term.bag).branches
            for atom in branch.atoms
            if isinstance(atom.relation, Stored)
        }
        for row, known in list(self._frame.rows.items()):
            for position, reference in enumerate(self.catalog.references[known.table]):
                key = ("reference", row, position)
                if reference.table not in wanted or key in self._frame.done or known.depth >= _DEEPEST:
                    continue
                self._frame.done.add(key)
                target = self._targets.setdefault((row, position), fresh_row())
                pairs = [
                    (Column(row, mine, "other"), Column(target, theirs, "other"))
                    for mine, theirs in zip(reference.columns, reference.references, strict=True)
                ]
                present = [z3.Not(self._encoder.value(mine).null) for mine, _ in pairs]
                guard = z3.And(known.guard, self._premise(reference.premise), *present)
                self._frame.rows[target] = Row(reference.table, guard, known.depth + 1)
                for mine, theirs in pairs:
                    self._note(mine, 0)
                    self._note(theirs, 0)
                    self._solver.add(z3.Implies(guard, self._encoder.same(mine, theirs)))
        return len(self._frame.rows) > before

    def _constrain_columns(self) -> None:
        """NOT NULL of the columns that are mentioned."""
        for column in self._frame.columns:
            known = self._frame.rows.get(column.row)
            if known is None or column in self._frame.done:
                continue
            self._frame.done.add(column)
            premise = self.catalog.not_null.get((known.table, column.name))
            if premise is not None:
                empty = self._encoder.nullness(column)
                self._solver.add(z3.Implies(z3.And(self._premise(premise), known.guard), z3.Not(empty)))

    def _identified(self, model: Model) -> bool:
        """Rows that agree in a key in the model are the same row; whether anything new was said."""
        names: dict[int, dict[str, Column]] = {}
        for column in self._frame.columns:
            if column.row in self._frame.rows:
                names.setdefault(column.row, {}).setdefault(column.name, column)
        groups: dict[tuple[object, ...], list[int]] = {}
        for row, columns in sorted(names.items()):
            table = self._frame.rows[row].table
            for key in self.catalog.keys[table]:
                if all(name in columns for name in key.columns):
                    values = [self._encoder.value(columns[name]) for name in key.columns]
                    seen = [model.number(value.number) for value in values]
                    groups.setdefault((key, *seen), []).append(row)
        progress = False
        for (shared, *_), rows in groups.items():
            for left, right in combinations(rows, 2):
                assert isinstance(shared, UniqueColumns)
                progress |= self._identify(left, right, shared.columns, shared.premise, names)
        return progress

    def _identify(
        self, left: int, right: int, key: tuple[str, ...], premise: Premise, names: dict[int, dict[str, Column]]
    ) -> bool:
        shared = names[left] | names[right]
        todo = [name for name in shared if name not in key and ("key", left, right, key, name) not in self._frame.done]
        if not todo:
            return False
        self._frame.done |= {("key", left, right, key, name) for name in todo}

        def same(name: str) -> Formula:
            return self._encoder.same(*(Column(row, name, shared[name].kind) for row in (left, right)))

        present = [z3.Not(self._encoder.nullness(names[left][name])) for name in key]
        guards = [self._frame.rows[row].guard for row in (left, right)]
        held = z3.And(self._premise(premise), *guards, *map(same, key), *present)
        self._solver.add(z3.Implies(held, z3.And(*map(same, todo))))
        return True


def member(atom: Atom) -> Term:
    """That a row of `Distinct` is an output of its bag, as a term."""
    assert not isinstance(atom.relation, Stored)
    return existence(
        with_outputs(
            atom.relation.bag,
            lambda _: (),
            lambda branch: [_same_column(atom.row, position, output) for position, output in enumerate(branch.outputs)],
        )
    )


def _same_column(row: int, position: int, output: Term) -> Term:
    return call("same", (Column(row, str(position), output.kind), output))
