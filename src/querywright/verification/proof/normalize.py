"""Brings the branches of bags closer to a common form: fewer rows, the rest as EXISTS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from querywright.values import Premise
from querywright.verification.proof.catalog import Catalog
from querywright.verification.proof.simplify import call, conjuncts, existence, negation, never
from querywright.verification.proof.terms import (
    Atom,
    Bag,
    Branch,
    Call,
    Column,
    Constant,
    Distinct,
    Single,
    Stored,
    Term,
    Window,
    bag_rows,
    free_rows,
    null,
    opened,
    replaced,
    walk,
    with_outputs,
)

_MOST_BRANCHES = 64


class TooLarge(Exception):
    """A bag has more branches than are worth looking at."""


@lru_cache(maxsize=4096)
def inlined(bag: Bag) -> Bag:
    """A bag with the same tuples, though not as often each: `Distinct` rows are replaced by the rows they come from."""
    finished: list[Branch] = []
    pending = list(bag.branches)
    while pending:
        branch = pending.pop()
        found = next((atom for atom in branch.atoms if isinstance(atom.relation, Distinct)), None)
        if found is None:
            finished.append(branch)
            continue
        pending += spliced(branch, found)
        if len(pending) + len(finished) > _MOST_BRANCHES:
            raise TooLarge
    return Bag(tuple(one for one in map(folded, reversed(finished)) if not never(one.conditions)))


def spliced(branch: Branch, atom: Atom) -> list[Branch]:
    """``branch`` once per branch of a `Distinct` atom, whose rows take the atom's place."""
    assert isinstance(atom.relation, Distinct)
    others = tuple(one for one in branch.atoms if one != atom)
    result = []
    for part in atom.relation.bag.branches:
        rows = opened(part)
        values: dict[Column, Term] = {}
        for position, output in enumerate(rows.outputs):
            values |= {column: output for column in columns_of(atom.row, str(position))}
        filled = replaced(Branch(others, branch.conditions, branch.outputs), values)
        result.append(Branch((*filled.atoms, *rows.atoms), (*filled.conditions, *rows.conditions), filled.outputs))
    return result


_KINDS = ("integer", "decimal", "floating", "text", "date", "timestamp", "boolean", "null", "other")


def columns_of(row: int, name: str) -> list[Column]:
    """A column of a row under every kind that it may be mentioned with."""
    return [Column(row, name, kind) for kind in _KINDS]  # type: ignore[arg-type]


def folded(branch: Branch) -> Branch:
    """``branch`` with its terms simplified again after a substitution, duplicates and TRUE left out."""
    conditions = [part for condition in branch.conditions for part in conjuncts(refolded(condition))]
    return Branch(branch.atoms, tuple(dict.fromkeys(conditions)), tuple(refolded(output) for output in branch.outputs))


def exchanged(branch: Branch, old: Term, new: Term) -> Branch:
    """``branch`` with a term replaced where it occurs outside of bags."""

    def change(term: Term) -> Term:
        if term == old:
            return new
        return call(term.operator, map(change, term.arguments), term.kind) if isinstance(term, Call) else term

    return Branch(branch.atoms, tuple(map(change, branch.conditions)), tuple(map(change, branch.outputs)))


def refolded(term: Term) -> Term:
    """``term`` rebuilt, so that what has become constant folds."""
    if isinstance(term, Call):
        return call(term.operator, [refolded(argument) for argument in term.arguments], term.kind)
    return term


# ------------------------------------------------------------------ equalities


class Equalities:
    """Classes of terms that the conditions of a branch make equal, and whether they are known not to be NULL."""

    def __init__(self, conditions: Iterable[Term]) -> None:
        self._classes: dict[Term, list[Term]] = {}
        self._present: set[int] = set()
        for condition in conditions:
            if not isinstance(condition, Call):
                continue
            if condition.operator in ("eq", "same"):
                self._join(*condition.arguments)
                if condition.operator == "eq":
                    self._present.add(id(self._classes[condition.arguments[0]]))
            elif condition.operator == "is_null":
                self._join(condition.arguments[0], null(condition.arguments[0].kind))

    def _join(self, left: Term, right: Term) -> None:
        one, other = (self._classes.setdefault(term, [term]) for term in (left, right))
        if one is other:
            return
        one += other
        if id(other) in self._present:
            self._present.add(id(one))
        for term in other:
            self._classes[term] = one

    def equal(self, term: Term) -> list[Term]:
        """All terms equal to ``term``, itself included."""
        return self._classes.get(term, [term])

    def present(self, term: Term) -> bool:
        """Whether ``term`` is known not to be NULL."""
        known = self._classes.get(term, [])
        return id(known) in self._present or any(isinstance(one, Constant) and one.value is not None for one in known)


# ------------------------------------------------------------------ reduction


class Reducer:
    """Reduces branches. ``is_set`` tells whether a bag surely has no duplicates; ``used`` collects premises."""

    def __init__(self, catalog: Catalog, is_set: Callable[[Bag], bool], used: set[Premise]) -> None:
        self.catalog = catalog
        self.is_set = is_set
        self.used = used

    def reduced(self, branch: Branch, outer: Mapping[int, str], *, keys: bool) -> list[Branch]:
        """``branch`` as branches with as few rows as the rules below give; ``outer`` are the stored rows around it.

        Without ``keys`` no rule that needs a premise is applied.
        """
        pending, finished = [branch], []
        while pending:
            one = folded(pending.pop())
            if never(one.conditions):
                continue
            step = self._split(one, keys)
            if step is None and keys:
                step = self._identified(one, outer)
            if step is None:
                step = self._hidden(one, keys)
            if step is None and keys:
                step = self._looked_up(one)
            if step is None:
                finished.append(one)
            else:
                pending += step
            if len(pending) + len(finished) > _MOST_BRANCHES:
                raise TooLarge
        return finished

    def _split(self, branch: Branch, keys: bool) -> list[Branch] | None:
        """A `Distinct` row without columns, one of few columns, or one over rows without duplicates."""
        for atom in branch.atoms:
            if not isinstance(atom.relation, Distinct):
                continue
            bag = atom.relation.bag
            if any(isinstance(inner.relation, Distinct) for one in bag.branches for inner in one.atoms):
                return [_with_relation(branch, atom, inlined(bag))]
            slim = self._slimmed(branch, atom)
            if slim is not None:
                return [slim]
            if not any(one.outputs for one in bag.branches):
                others = tuple(one for one in branch.atoms if one != atom)
                return [Branch(others, (*branch.conditions, existence(bag)), branch.outputs)]
            if keys:
                slim_bag = Bag(tuple(map(_without_unread_rows, bag.branches)))
                if self.is_set(slim_bag):
                    return spliced(_with_relation(branch, atom, slim_bag), Atom(atom.row, Distinct(slim_bag)))
        return None

    def _slimmed(self, branch: Branch, atom: Atom) -> Branch | None:
        """Without an output column that is constant or equal to another one."""
        assert isinstance(atom.relation, Distinct)
        bag = atom.relation.bag
        if not bag.branches:
            return Branch((), (null("boolean"),), branch.outputs)
        width = len(bag.branches[0].outputs)
        classes = [Equalities(one.conditions) for one in bag.branches]
        for position in range(width):
            options = [
                next((term for term in known.equal(one.outputs[position]) if isinstance(term, Constant)), None)
                for known, one in zip(classes, bag.branches, strict=True)
            ]
            if options[0] is not None and all(option == options[0] for option in options):
                return self._without(branch, atom, position, options[0])
            for earlier in range(position):
                pairs = zip(classes, bag.branches, strict=True)
                if all(one.outputs[earlier] in known.equal(one.outputs[position]) for known, one in pairs):
                    kind = bag.branches[0].outputs[earlier].kind
                    return self._without(branch, atom, position, Column(atom.row, str(earlier), kind))
        return None

    def _without(self, branch: Branch, atom: Atom, position: int, value: Term) -> Branch:
        assert isinstance(atom.relation, Distinct)
        parts = tuple(
            Branch(one.atoms, one.conditions, one.outputs[:position] + one.outputs[position + 1 :])
            for one in atom.relation.bag.branches
        )
        values: dict[Column, Term] = {column: value for column in columns_of(atom.row, str(position))}
        width = len(atom.relation.bag.branches[0].outputs)
        for later in range(position + 1, width):
            for column in columns_of(atom.row, str(later)):
                values[column] = Column(atom.row, str(later - 1), column.kind)
        slim = replaced(Branch(tuple(one for one in branch.atoms if one != atom), branch.conditions, branch.outputs), values)
        return Branch((*slim.atoms, Atom(atom.row, Distinct(Bag(parts)))), slim.conditions, slim.outputs)

    def _identified(self, branch: Branch, outer: Mapping[int, str]) -> list[Branch] | None:
        """Two rows of a table that agree in a key are one row."""
        equalities = Equalities(branch.conditions)
        stored = {atom.row: atom.relation.table for atom in branch.atoms if isinstance(atom.relation, Stored)}
        around = {row: table for row, table in outer.items() if row not in stored}
        for row, table in stored.items():
            for other, other_table in (*around.items(), *((one, name) for one, name in stored.items() if one < row)):
                if table != other_table:
                    continue
                for key in self.catalog.keys[table]:
                    if self._agree(equalities, row, other, key.columns, key.not_null):
                        self.used.add(key.premise)
                        return [self._merged(branch, row, other)]
        return None

    def _agree(
        self, equalities: Equalities, row: int, other: int, key: tuple[str, ...], not_null: frozenset[Premise] | None
    ) -> bool:
        pairs = [_pair(equalities, row, other, name) for name in key]
        if any(pair is None for pair in pairs):
            return False
        if all(pair is not None and equalities.present(pair) for pair in pairs):
            return True
        if not_null is None:
            return False
        self.used |= not_null
        return True

    def _merged(self, branch: Branch, row: int, other: int) -> Branch:
        atoms = tuple(atom for atom in branch.atoms if atom.row != row)
        from querywright.verification.proof.terms import renaming, substitute_branch

        rows = {row: other}
        return substitute_branch(Branch(atoms, branch.conditions, branch.outputs), renaming(rows), rows)

    def _hidden(self, branch: Branch, keys: bool) -> list[Branch] | None:
        """A row that the other rows determine, and that the outputs can do without, becomes EXISTS."""
        equalities = Equalities(branch.conditions)
        candidates = [
            (atom, found)
            for atom in sorted(branch.atoms, key=_order)
            if (keys or isinstance(atom.relation, Distinct)) and (found := self._determination(branch, atom, equalities))
        ]
        # What leads to further rows goes after them: hidden behind EXISTS it could not lead anywhere.
        leading = {row for _, (values, _) in candidates for _, value in values for row in free_rows(value)}
        for atom, (values, premises) in sorted(candidates, key=lambda pair: pair[0].row in leading):
            rest = tuple(one for one in branch.atoms if one != atom)
            known = {one: value for column, value in values for one in columns_of(atom.row, column.name)}
            filled = replaced(Branch(rest, branch.conditions, branch.outputs), known)
            inner = tuple(one for one in filled.conditions if atom.row in free_rows(one))
            if any(atom.row in free_rows(output) for output in filled.outputs) or any(_windowed(one, atom.row) for one in inner):
                continue
            if any(isinstance(one.relation, Distinct) and atom.row in bag_rows(one.relation.bag) for one in filled.atoms):
                continue
            spread = [Branch((atom,), (*(call("same", pair) for pair in values), *inner), ())]
            if isinstance(atom.relation, Distinct):
                spread = spliced(spread[0], atom)
            outside = tuple(one for one in filled.conditions if atom.row not in free_rows(one))
            self.used |= premises
            return [Branch(filled.atoms, (*outside, existence(Bag(tuple(map(opened, spread))))), filled.outputs)]
        return None

    def _looked_up(self, branch: Branch) -> list[Branch] | None:
        """A scalar subquery of at most one row is a left join with it."""
        for term in (*branch.conditions, *branch.outputs):
            for part in walk(term):
                if isinstance(part, Single) and self.is_set(with_outputs(part.bag, lambda _: (), lambda _: ())):
                    rows = existence(with_outputs(part.bag, lambda _: (), lambda _: ()))
                    missing = exchanged(branch, part, null(part.kind))
                    found = [Branch(missing.atoms, (*missing.conditions, negation(rows)), missing.outputs)]
                    for one in map(opened, part.bag.branches):
                        filled = exchanged(branch, part, one.outputs[0])
                        atoms, conditions = (*filled.atoms, *one.atoms), (*filled.conditions, *one.conditions)
                        found.append(Branch(atoms, conditions, filled.outputs))
                    return found
        return None

    def _determination(
        self, branch: Branch, atom: Atom, equalities: Equalities
    ) -> tuple[list[tuple[Column, Term]], frozenset[Premise]] | None:
        """Columns of ``atom`` with their values in terms of other rows that leave at most one row to choose."""
        if isinstance(atom.relation, Distinct):
            width = len(atom.relation.bag.branches[0].outputs)
            keys = [(tuple(str(position) for position in range(width)), frozenset[Premise](), True)]
        else:
            keys = [
                (key.columns, frozenset([key.premise]), key.not_null is not None)
                for key in self.catalog.keys[atom.relation.table]
            ]
        for names, premises, _ in keys:
            values: list[tuple[Column, Term]] = []
            needed = set(premises)
            for name in names:
                found = _value_elsewhere(equalities, atom.row, name)
                if found is None:
                    break
                column, value = found
                values.append((column, value))
                if isinstance(atom.relation, Stored) and not equalities.present(column):
                    premise = self.catalog.not_null.get((atom.relation.table, name))
                    if premise is None:
                        break
                    needed.add(premise)
            else:
                return values, frozenset(needed)
        return None


def _with_relation(branch: Branch, atom: Atom, bag: Bag) -> Branch:
    """``branch`` with another bag behind a `Distinct` row."""
    atoms = tuple(Atom(one.row, Distinct(bag)) if one == atom else one for one in branch.atoms)
    return Branch(atoms, branch.conditions, branch.outputs)


def _without_unread_rows(branch: Branch) -> Branch:
    """The same tuples, though not as often: rows that the outputs do not mention only have to exist."""
    read = frozenset().union(*(free_rows(output) for output in branch.outputs))
    unread = tuple(atom for atom in branch.atoms if atom.row not in read)
    rows = {atom.row for atom in unread}
    inner = tuple(condition for condition in branch.conditions if rows & free_rows(condition))
    if not unread or any(_windowed(condition, row) for condition in inner for row in rows):
        return branch
    outside = tuple(condition for condition in branch.conditions if not rows & free_rows(condition))
    kept = tuple(atom for atom in branch.atoms if atom.row in read)
    return Branch(kept, (*outside, existence(Bag((opened(Branch(unread, inner, ())),)))), branch.outputs)


def _order(atom: Atom) -> tuple[str, int]:
    return ("" if isinstance(atom.relation, Distinct) else atom.relation.table, -atom.row)


def _windowed(term: Term, row: int) -> bool:
    """Whether a window term within ``term`` has ``row`` as its current row; not looked for inside of bags."""
    return any(isinstance(part, Window) and row in part.current for part in walk(term))


def _pair(equalities: Equalities, row: int, other: int, name: str) -> Column | None:
    """The column of ``row`` if it is in one class with the same column of ``other``."""
    for kind in _KINDS:
        mine = Column(row, name, kind)  # type: ignore[arg-type]
        if any(isinstance(term, Column) and term.row == other and term.name == name for term in equalities.equal(mine)):
            return mine
    return None


def _value_elsewhere(equalities: Equalities, row: int, name: str) -> tuple[Column, Term] | None:
    """A term without ``row`` that equals one of its columns."""
    for kind in _KINDS:
        column = Column(row, name, kind)  # type: ignore[arg-type]
        options = [term for term in equalities.equal(column) if row not in free_rows(term)]
        if options:
            return column, min(options, key=lambda term: (not isinstance(term, Constant), not isinstance(term, Column)))
    return None
