"""Small questions about branches, asked when they are matched."""

from __future__ import annotations

from querywright.verification.proof.terms import (
    NUMERIC,
    Atom,
    Bag,
    Branch,
    Column,
    Exists,
    Stored,
    Term,
    Window,
    bag_of,
    renamed,
    replaced,
    walk,
    with_outputs,
)


def at_most_one(condition: Term, branch: Branch) -> bool:
    """Whether a condition is a LIMIT 1 over all rows of a branch."""
    return at_most(1, condition, branch)


def at_most(rows: int, condition: Term, branch: Branch) -> bool:
    """Whether a condition is a LIMIT of so many rows or fewer over all rows of a branch."""
    if not isinstance(condition, Window) or not set(branch.rows) <= set(condition.current):
        return False
    name, _, rest = condition.function.partition("|")
    limit = rest.partition("|")[0]
    return name == "limit" and limit.isdigit() and int(limit) <= rows


def valued(branch: Branch) -> bool:
    """Whether a branch has an aggregate, scalar subquery or window anywhere in its terms."""
    for term in (*branch.conditions, *branch.outputs):
        for part in walk(term):
            bag = bag_of(part)
            if bag is not None and (not isinstance(part, Exists) or any(map(valued, bag.branches))):
                return True
    return False


def counted(bag: Bag) -> Bag:
    """What COUNT sees: rows, whatever they put out."""
    return with_outputs(bag, lambda _: (), lambda _: ())


def moved(branch: Branch, rows: dict[int, int], columns: dict[Column, Term]) -> Branch:
    """``branch`` over other rows."""
    if columns:
        kept = {row: target for row, target in rows.items() if not any(column.row == row for column in columns)}
        branch = replaced(
            Branch(branch.atoms, branch.conditions, branch.outputs), columns, {r: t for r, t in rows.items() if r not in kept}
        )
        rows = kept
    return renamed(Branch((), branch.conditions, branch.outputs), rows)


def relation(atom: Atom) -> str:
    """A name that atoms of the same relation share."""
    return atom.relation.table if isinstance(atom.relation, Stored) else f"({len(atom.relation.bag.branches[0].outputs)})"


def family(kind: str) -> str:
    """Kinds whose values are compared with each other."""
    return "number" if kind in NUMERIC else kind
