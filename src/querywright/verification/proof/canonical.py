"""Terms with bound rows renumbered, so that bags which differ in nothing else are the same value."""

from __future__ import annotations

from querywright.verification.proof.terms import (
    Aggregate,
    Atom,
    Bag,
    Branch,
    Call,
    Distinct,
    Exists,
    Single,
    Term,
    Window,
    renamed,
)

_WIDTH = 1000


def canonical_bag(bag: Bag, depth: int = 1) -> Bag:
    """``bag`` with its bound rows numbered -(1000 depth), -(1000 depth + 1), … in order."""
    kept: tuple[int, Bag] | None = bag.__dict__.get("_canonical")
    if kept is None or kept[0] != depth:
        kept = bag.__dict__["_canonical"] = (depth, Bag(tuple(canonical_branch(branch, depth) for branch in bag.branches)))
    return kept[1]


def canonical_branch(branch: Branch, depth: int) -> Branch:
    """The same for a branch."""
    if not branch.atoms:
        moved = branch
    else:
        moved = renamed(branch, {row: -(_WIDTH * depth + place) for place, row in enumerate(branch.rows)})
    atoms = tuple(
        Atom(atom.row, Distinct(canonical_bag(atom.relation.bag, depth + 1))) if isinstance(atom.relation, Distinct) else atom
        for atom in moved.atoms
    )
    return Branch(
        atoms,
        tuple(canonical(term, depth + 1) for term in moved.conditions),
        tuple(canonical(term, depth + 1) for term in moved.outputs),
    )


def canonical(term: Term, depth: int = 1) -> Term:
    """``term`` with the rows bound inside renumbered."""
    if isinstance(term, Call):
        return Call(term.operator, tuple(canonical(argument, depth) for argument in term.arguments), term.kind)
    if isinstance(term, Exists):
        return Exists(canonical_bag(term.bag, depth))
    if isinstance(term, Aggregate):
        return Aggregate(term.function, term.distinct, canonical_bag(term.bag, depth), term.kind)
    if isinstance(term, Single):
        return Single(canonical_bag(term.bag, depth), term.kind)
    if isinstance(term, Window):
        return Window(term.function, canonical_bag(term.bag, depth), term.position, term.current, term.instance, term.kind)
    return term
