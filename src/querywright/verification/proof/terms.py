"""The language of proofs: a query as a sum of branches over row variables, after the U-semiring of Chu et al. (VLDB 2018).

A `Bag` gives every tuple a multiplicity: the sum over its branches of the number of ways to choose one row per atom such that all
conditions are TRUE and the outputs equal the tuple. Grouping is a `Distinct` atom for the keys plus `Aggregate` terms over
the rows of the group; EXISTS, scalar subqueries and windows are terms that hold a bag. A row is a number, bound once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from itertools import count
from typing import Literal, TypeVar

from querywright.verification.proof.deadline import check_time

Kind = Literal["integer", "decimal", "floating", "text", "date", "timestamp", "boolean", "null", "other"]
"""What a value is. ``floating`` arithmetic rounds, so that no law of arithmetic is applied to it."""

NUMERIC: frozenset[Kind] = frozenset({"integer", "decimal", "floating"})
_numbers = count(1)


def fresh_row() -> int:
    """A row number that was never used."""
    return next(_numbers)


Class = TypeVar("Class", bound=type)


def _hash_once(cls: Class) -> Class:
    """Terms are deep and compared often: keep the hash."""
    names = [field.name for field in fields(cls)]

    def hashed(self: object) -> int:
        kept: int | None = self.__dict__.get("_hash")
        if kept is None:
            kept = self.__dict__["_hash"] = hash((cls.__name__, *(getattr(self, name) for name in names)))
        return kept

    setattr(cls, "__hash__", hashed)  # noqa: B010
    return cls


@_hash_once
@dataclass(frozen=True)
class Column:
    """A column of a row variable; ``name`` is lower case, or the position of an output for rows of `Distinct`."""

    row: int
    name: str
    kind: Kind


@_hash_once
@dataclass(frozen=True)
class Constant:
    """A literal; numbers and dates (days since year 1) are exact fractions, NULL is None."""

    value: bool | Fraction | str | None
    kind: Kind


@_hash_once
@dataclass(frozen=True)
class Call:
    """An operator or function: interpreted if `logic` knows ``operator``, else any function of its arguments."""

    operator: str
    arguments: tuple[Term, ...]
    kind: Kind


@_hash_once
@dataclass(frozen=True)
class Exists:
    """Whether a bag has a row; never NULL."""

    bag: Bag

    @property
    def kind(self) -> Kind:
        """Boolean."""
        return "boolean"


@_hash_once
@dataclass(frozen=True)
class Aggregate:
    """An aggregate function over the outputs of a bag that holds no NULLs; ``distinct`` looks at each value once."""

    function: str
    distinct: bool
    bag: Bag
    kind: Kind


@_hash_once
@dataclass(frozen=True)
class Single:
    """The value of a scalar subquery: NULL for no row, an error or any row for several."""

    bag: Bag
    kind: Kind


@_hash_once
@dataclass(frozen=True)
class Window:
    """A value that depends on the current row among the rows of a bag: window functions, and the choice of a LIMIT (boolean).

    The current row is branch ``position`` with its rows bound to ``current``. ``instance`` tells apart the
    places where the engine may choose among ties: 0 where it may not, positive in the original, negative in the candidate.
    """

    function: str
    bag: Bag
    position: int
    current: tuple[int, ...]
    instance: int
    kind: Kind


Term = Column | Constant | Call | Exists | Aggregate | Single | Window


@_hash_once
@dataclass(frozen=True)
class Stored:
    """A base table, by its lower-case name."""

    table: str


@_hash_once
@dataclass(frozen=True)
class Distinct:
    """Every different output of a bag once, NULLs equal; its rows have columns "0", "1", …"""

    bag: Bag


Relation = Stored | Distinct


@_hash_once
@dataclass(frozen=True)
class Atom:
    """A row variable and the relation it ranges over."""

    row: int
    relation: Relation


@_hash_once
@dataclass(frozen=True)
class Branch:
    """One summand of a bag; see the module."""

    atoms: tuple[Atom, ...]
    conditions: tuple[Term, ...]
    outputs: tuple[Term, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows that this branch binds."""
        return tuple(atom.row for atom in self.atoms)


@_hash_once
@dataclass(frozen=True)
class Bag:
    """A sum of branches with equally many outputs; no branches: empty."""

    branches: tuple[Branch, ...]


Mapping = Callable[[Column], Term]


def null(kind: Kind = "null") -> Constant:
    """NULL of a kind."""
    return Constant(None, kind)


TRUE = Constant(True, "boolean")
FALSE = Constant(False, "boolean")
UNKNOWN = Constant(None, "boolean")


# ------------------------------------------------------------------ traversal


def bag_of(term: Term) -> Bag | None:
    """The bag inside a term."""
    return term.bag if isinstance(term, (Exists, Aggregate, Single, Window)) else None


def walk(term: Term) -> Iterator[Term]:
    """``term`` and its arguments; the insides of bags are left out."""
    yield term
    if isinstance(term, Call):
        for argument in term.arguments:
            yield from walk(argument)


def free_rows(term: Term) -> frozenset[int]:
    """Rows that a term mentions and does not bind."""
    kept: frozenset[int] | None = term.__dict__.get("_free")
    if kept is None:
        kept = term.__dict__["_free"] = _free(term)
    return kept


def _free(term: Term) -> frozenset[int]:
    if isinstance(term, Column):
        return frozenset([term.row])
    if isinstance(term, Call):
        return frozenset().union(*(free_rows(argument) for argument in term.arguments))
    bag = bag_of(term)
    inner = bag_rows(bag) if bag is not None else frozenset()
    return inner | frozenset(term.current) if isinstance(term, Window) else inner


def bag_rows(bag: Bag) -> frozenset[int]:
    """Rows that a bag mentions and does not bind."""
    found: frozenset[int] = frozenset()
    for branch in bag.branches:
        mentioned = frozenset().union(*(free_rows(term) for term in (*branch.conditions, *branch.outputs)))
        for atom in branch.atoms:
            if isinstance(atom.relation, Distinct):
                mentioned |= bag_rows(atom.relation.bag)
        found |= mentioned - frozenset(branch.rows)
    return found


def tables(bag: Bag) -> frozenset[str]:
    """Names of the base tables that a bag ranges over outside of its terms."""
    return frozenset().union(
        *(
            tables(atom.relation.bag) if isinstance(atom.relation, Distinct) else frozenset([atom.relation.table])
            for branch in bag.branches
            for atom in branch.atoms
        )
    )


# ------------------------------------------------------------------ substitution


def substitute(term: Term, mapping: Mapping, rows: dict[int, int]) -> Term:
    """``term`` with columns replaced by ``mapping`` and the current rows of windows by ``rows``."""
    if isinstance(term, Column):
        return mapping(term)
    if isinstance(term, Constant):
        return term
    if isinstance(term, Call):
        return Call(term.operator, tuple(substitute(argument, mapping, rows) for argument in term.arguments), term.kind)
    bag = substitute_bag(term.bag, mapping, rows)
    if isinstance(term, Exists):
        return Exists(bag)
    if isinstance(term, Aggregate):
        return Aggregate(term.function, term.distinct, bag, term.kind)
    if isinstance(term, Single):
        return Single(bag, term.kind)
    current = tuple(rows.get(row, row) for row in term.current)
    return Window(term.function, bag, term.position, current, term.instance, term.kind)


def substitute_bag(bag: Bag, mapping: Mapping, rows: dict[int, int]) -> Bag:
    """`substitute` for a bag; rows bound inside keep their numbers, which are unique."""
    return Bag(tuple(substitute_branch(branch, mapping, rows) for branch in bag.branches))


def substitute_branch(branch: Branch, mapping: Mapping, rows: dict[int, int]) -> Branch:
    """`substitute` for a branch, its atoms keep their rows."""
    check_time()
    atoms = tuple(
        Atom(atom.row, Distinct(substitute_bag(atom.relation.bag, mapping, rows)))
        if isinstance(atom.relation, Distinct)
        else atom
        for atom in branch.atoms
    )
    return Branch(
        atoms,
        tuple(substitute(term, mapping, rows) for term in branch.conditions),
        tuple(substitute(term, mapping, rows) for term in branch.outputs),
    )


def renaming(rows: dict[int, int]) -> Mapping:
    """A mapping that renames rows."""
    return lambda column: Column(rows[column.row], column.name, column.kind) if column.row in rows else column


def renamed(branch: Branch, rows: dict[int, int]) -> Branch:
    """``branch`` with its bound rows (and any others) renamed."""
    changed = substitute_branch(branch, renaming(rows), rows)
    atoms = tuple(Atom(rows.get(atom.row, atom.row), atom.relation) for atom in changed.atoms)
    return Branch(atoms, changed.conditions, changed.outputs)


def opened(branch: Branch) -> Branch:
    """``branch`` with fresh rows."""
    return renamed(branch, {row: fresh_row() for row in branch.rows})


def replaced(branch: Branch, values: dict[Column, Term], rows: dict[int, int] | None = None) -> Branch:
    """``branch`` with columns replaced by terms."""
    return substitute_branch(branch, lambda column: values.get(column, column), rows or {})


def with_outputs(bag: Bag, outputs: Callable[[Branch], Iterable[Term]], conditions: Callable[[Branch], Iterable[Term]]) -> Bag:
    """``bag`` with other outputs and further conditions for each branch."""
    return Bag(tuple(Branch(one.atoms, (*one.conditions, *conditions(one)), tuple(outputs(one))) for one in bag.branches))
