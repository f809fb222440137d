"""One attempt at a proof; needs z3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from sqlglot import exp

from querywright.sql.ambiguity import Ambiguity, ambiguities, settling_premises
from querywright.sql.facts import Facts
from querywright.sql.failures import failing_parts, integer_digits
from querywright.sql.schema import Schema
from querywright.values import Premise
from querywright.verification.proof.canonical import canonical_bag
from querywright.verification.proof.catalog import Catalog
from querywright.verification.proof.deadline import OutOfTime, until
from querywright.verification.proof.equality import Equality
from querywright.verification.proof.kinds import Unsupported
from querywright.verification.proof.moments import refused_elsewhere
from querywright.verification.proof.reasoner import Reasoner
from querywright.verification.proof.scope import Scope
from querywright.verification.proof.terms import NUMERIC, Bag, Branch, Constant, Kind
from querywright.verification.proof.translate import Result, Translation, declared

_FAMILIES: dict[Kind, str] = {kind: "number" for kind in NUMERIC}
_PREMISELESS_SHARE = 0.3
CHOICES_COVERED = frozenset({"clock", "limit", "window_ties"})
"""Kinds of choices that queries may leave to the engine and still be compared."""


def attempted(
    original: exp.Query, candidate: exp.Query, schema: Schema, dialect: str, deadline: float
) -> tuple[tuple[Premise, ...] | None, str]:
    """The premises of a proof, or None and "kind:reason". Raises `Unsupported` and `TooLarge`.

    Among the premises are the keys without which the queries would leave the engine a choice, such as among ties at a LIMIT.
    """
    trees = (original, candidate)
    facts = [Facts(tree, schema, dialect) for tree in trees]
    found = [ambiguities(one) for one in facts]
    for one in (*found[0], *found[1]):
        if one.kind not in CHOICES_COVERED:
            return None, f"choice:{one.reason}"
    failing = newly_failing(original, candidate, dialect)
    fitting = {node: premise for node in failing if (premise := _fitting(node, candidate, schema, dialect)) is not None}
    for node in failing:
        if node not in fitting:
            return None, f"failure:Only the candidate has {node.sql(dialect)}, which may fail."
    # A proof without premises is worth more, and without keys there is less to try.
    soon = time.monotonic() + _PREMISELESS_SHARE * (deadline - time.monotonic())
    premises, reason = None, ""
    with suppress(Unsupported):  # what is not covered without keys may be with them
        premises, reason = _compared(trees, found, schema, Catalog(Schema(())), dialect, soon)
    if premises is None:
        premises, reason = _compared(trees, found, schema, Catalog(schema), dialect, deadline)
    if premises is None:
        return None, reason
    return in_order(premises.union(fitting.values(), *map(settling_premises, facts))), ""


def in_order(premises: Iterable[Premise]) -> tuple[Premise, ...]:
    """Premises as they are listed."""
    return tuple(sorted(premises, key=lambda one: (one.kind, one.table, one.columns)))


def _compared(
    trees: tuple[exp.Query, exp.Query],
    found: Sequence[Sequence[Ambiguity]],
    schema: Schema,
    catalog: Catalog,
    dialect: str,
    deadline: float,
) -> tuple[frozenset[Premise] | None, str]:
    """Translate both queries and compare them, with the promises of ``catalog``."""
    original = trees[0]
    reasoner = Reasoner(catalog, deadline)
    equality = Equality(catalog, reasoner)
    try:
        with until(deadline):
            translations = [
                Translation(
                    schema, dialect, side, any(one.kind != "clock" for one in choices), equality.is_set, equality.simplified
                )
                for side, choices in zip((1, -1), found, strict=True)
            ]
            results = [
                translation.query(tree, Scope(), ordered=is_sorted(original))
                for translation, tree in zip(translations, trees, strict=True)
            ]
            mismatch = mismatched(*results)
            if mismatch:
                return None, f"columns:{mismatch}"
            if any(len(translation.instances) > 1 for translation in translations):
                # Only the same choices in the same places leave both queries the same answers: compare them choice by choice.
                again = Translation(schema, dialect, 1, True, equality.is_set, equality.simplified)
                mirrored = again.query(trees[1], Scope(), ordered=is_sorted(original))
                alike = canonical_bag(mirrored.bag) == canonical_bag(results[0].bag)
                if alike and mirrored.directions == results[0].directions:
                    return frozenset(reasoner.used), ""
                return None, "choice:Several places leave the engine a choice among ties."
            bags = with_order(lambda bag: _single_row(equality, bag), *results)
            if bags is None:
                return None, "order:The original sorts its result, the candidate may leave it in another order."
            if equality.bags(*bags):
                return frozenset(reasoner.used), ""
    except OutOfTime:
        return None, "timeout:"
    return None, "difference:The normal forms of the queries could not be matched."


def is_sorted(tree: exp.Query) -> bool:
    """Whether the answer of a query comes in an order that it asks for."""
    while isinstance(tree, exp.Subquery) and tree.args.get("order") is None and isinstance(tree.this, exp.Query):
        tree = tree.this
    return tree.args.get("order") is not None


def newly_failing(original: exp.Query, candidate: exp.Query, dialect: str) -> list[exp.Expr]:
    """Expressions of the candidate that may raise an error, of kinds that the original does not have."""
    known = set(map(_failure, _failing(original, dialect)))
    return [node for node in _failing(candidate, dialect) if _failure(node) not in known]


def _failure(node: exp.Expr) -> tuple[object, ...]:
    """Equal for expressions that fail alike: a CAST does so for a type and what it is of."""
    if not isinstance(node, exp.Cast):
        return (type(node),)
    return type(node), node.to.sql(), frozenset(column.name.lower() for column in node.find_all(exp.Column))


def _failing(tree: exp.Query, dialect: str) -> Iterator[exp.Expr]:
    yield from failing_parts(tree, dialect)
    yield from (one for one in tree.find_all(exp.Literal) if one.is_string and refused_elsewhere(one.name, dialect))


def _fitting(node: exp.Expr, tree: exp.Query, schema: Schema, dialect: str) -> Premise | None:
    """The premise under which a CAST changes nothing: that what is calculated from integers fits a type that all of them fit.

    It holds unless sums or products leave the type that an engine with narrower sums would have for them in the first place.
    A cast to a type that cannot hold every column read, such as an INT column as TINYINT, may fail on a single value
    and has no such premise, nor has one of anything but integers.
    """
    if not isinstance(node, exp.Cast) or not isinstance(node.this, exp.Expr):
        return None
    room, given = integer_digits(node.to), integer_digits(node.this.type)
    if room is None or given is None or list(node.this.find_all(exp.Query)):
        return None
    read = [schema.table(table.name) for table in tree.find_all(exp.Table)]
    types = [declared(column.type, dialect) for table in read if table is not None for column in table.columns]
    if any((integer_digits(kind) or 0) > room or _is_huge(kind) for kind in types):
        return None
    return Premise("fits", node.to.sql(), (node.this.sql(),), "assumed")


def _is_huge(kind: exp.DataType | None) -> bool:
    """Whether a type holds integers but has no known number of digits."""
    return kind is not None and kind.is_type(*exp.DataType.INTEGER_TYPES) and integer_digits(kind) is None


def mismatched(left: Result, right: Result) -> str:
    """Why the output columns of two queries cannot be equal; empty where they can."""
    if len(left.names) != len(right.names):
        return f"The original has {len(left.names)} columns, the candidate {len(right.names)}."
    for name, mine, theirs in zip(left.names, left.kinds, right.kinds, strict=True):
        families = {_FAMILIES.get(kind, kind) for kind in (mine, theirs) if kind != "null"}
        if len(families) > 1:
            return f"Column {name} has different types."
    return ""


def with_order(single_row: Callable[[Bag], bool], left: Result, right: Result) -> tuple[Bag, Bag] | None:
    """Both bags with the sort keys that the answer's order depends on as further outputs; None if the orders differ."""
    width = len(left.names)
    wanted, given = (_sort_keys(result, width) for result in (left, right))
    if [left.directions[place] for place in wanted] != [right.directions[place] for place in given][: len(wanted)]:
        if not single_row(left.bag):
            return None
        wanted, given = [], []
    return _projected(left.bag, width, wanted), _projected(right.bag, width, given[: len(wanted)])


def _sort_keys(result: Result, width: int) -> list[int]:
    """Positions of the sort keys that decide something: neither constant nor repeated."""
    kept: list[int] = []
    for place in range(len(result.directions)):
        values = [branch.outputs[width + place] for branch in result.bag.branches]
        if values and isinstance(values[0], Constant) and all(value == values[0] for value in values):
            continue
        if any(all(b.outputs[width + place] == b.outputs[width + earlier] for b in result.bag.branches) for earlier in kept):
            continue
        kept.append(place)
    return kept


def _projected(bag: Bag, width: int, places: list[int]) -> Bag:
    return Bag(
        tuple(
            Branch(one.atoms, one.conditions, (*one.outputs[:width], *(one.outputs[width + place] for place in places)))
            for one in bag.branches
        )
    )


def _single_row(equality: Equality, bag: Bag) -> bool:
    """Whether a bag has at most one row."""
    return equality.is_set(Bag(tuple(Branch(one.atoms, one.conditions, ()) for one in bag.branches)))
