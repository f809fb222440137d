"""Mutants of a query: small mistakes of the kind that rewriting makes, each to be told apart from the query by the witnesses.

Mutation testing of SQL after Tuya, Suárez-Cabal and de la Riva, "Mutating database queries" (2007). A set of databases that kills
the mutants of the original would have noticed such a mistake in a candidate; the share it kills is the mutation score.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.predicates import conjunction, conjuncts
from querywright.verification.databases import Witness
from querywright.verification.witness import SURVIVED, Laboratory


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed query and what was changed."""

    text: str
    change: str


def mutants(tree: exp.Query, dialect: str, seed: int = 0, most: int = 20) -> list[Mutant]:
    """At most ``most`` different mutants of a parsed query, of as many kinds as there are."""
    copy = tree.copy()
    rng = random.Random(seed)
    nodes = list(copy.walk())
    rng.shuffle(nodes)
    kinds = {change: _replacements(nodes, rule, rng) for change, rule in _RULES}
    seen = {copy.sql(dialect)}
    chosen: list[Mutant] = []
    while kinds and len(chosen) < most:
        for change, replacements in list(kinds.items()):
            found = next(replacements, None)
            if found is None:
                del kinds[change]
                continue
            node, replacement = found
            if node is copy:
                text = replacement.sql(dialect)
            else:
                node.replace(replacement)
                text = copy.sql(dialect)
                replacement.replace(node)
            if text not in seen:
                seen.add(text)
                chosen.append(Mutant(text, change))
    return chosen[:most]


def _replacements(nodes: Sequence[exp.Expr], rule: Rule, rng: random.Random) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for node in nodes:
        found = list(rule(node))
        rng.shuffle(found)
        for replacement in found:
            yield node, replacement


@dataclass(frozen=True, slots=True)
class Score:
    """How many mutants databases killed; ``missed`` is the kind of one that lived although other databases kill it.

    ``equivalent`` mutants were killed by no database at all and count for nothing, nor do ``skipped`` ones, which failed or for
    which there was no time.
    """

    killed: int
    alive: int
    equivalent: int
    missed: str = ""
    skipped: int = 0

    @property
    def value(self) -> float | None:
        """The share killed; None where there was nothing to kill."""
        return self.killed / (self.killed + self.alive) if self.killed + self.alive else None


def mutation_score(
    tree: exp.Query, judged: Laboratory, control: Callable[[], Laboratory], seconds: float, least: int = 0
) -> Score:
    """The share of the mutants of ``tree`` that the databases of ``judged`` kill.

    Survivors that the larger databases of ``control`` do not kill either count as equivalent to the original. A database of
    ``control`` that kills one is added to those of ``judged``, which then have to kill it too. Mutants that fail, or
    that there is no time for, are left out; until ``least`` are killed there is `_PATIENCE` times as much time.
    """
    began = time.monotonic()
    killed = skipped = 0
    survivors: list[Mutant] = []
    for mutant in mutants(tree, judged.dialect):
        allowed = (1 - _CONTROL_SHARE) * seconds * (_PATIENCE if killed < least else 1)
        verdict = judged.killer(mutant.text, began + allowed - time.monotonic())
        skipped += verdict is None
        killed += verdict is not None and verdict >= 0
        survivors += [mutant] if verdict == SURVIVED else []
    missed: list[Mutant] = []
    equivalent = 0
    additions: dict[int, Witness] = {}
    for mutant in survivors:
        position = control().killer(mutant.text, began + seconds - time.monotonic())
        equivalent += position == SURVIVED
        skipped += position is None
        if position is not None and position >= 0:
            missed.append(mutant)
            additions[position] = control().base[position]
    alive = missed
    if missed:
        judged.adopt(list(additions.values()))
        alive = [mutant for mutant in missed if judged.killer(mutant.text, _CONTROL_SHARE * seconds) == SURVIVED]
    return Score(killed + len(missed) - len(alive), len(alive), equivalent, alive[0].change if alive else "", skipped)


_CONTROL_SHARE = 0.4
"""The part of the time kept for the survivors."""

_PATIENCE = 3

Rule = Callable[[exp.Expr], Iterator[exp.Expr]]
"""Yields replacements of a node, which itself stays as it is."""

_OPPOSITE: dict[type[exp.Expr], type[exp.Expr]] = {exp.LT: exp.LTE, exp.LTE: exp.LT, exp.GT: exp.GTE, exp.GTE: exp.GT}
_SWAPPED: dict[type[exp.Expr], type[exp.Expr]] = {exp.Min: exp.Max, exp.Max: exp.Min, exp.Sum: exp.Avg, exp.Avg: exp.Sum}


def _with(node: exp.Expr, **arguments: object) -> exp.Expr:
    """A copy of ``node`` with some arguments replaced."""
    copy = node.copy()
    for name, value in arguments.items():
        copy.set(name, value)
    return copy


def _join_side(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Join) and node.args.get("on") is not None:
        if node.side == "LEFT":
            yield _with(node, side=None)
        elif not node.side and node.kind in ("", "INNER"):
            yield _with(node, kind=None, side="LEFT")


def _boundary(node: exp.Expr) -> Iterator[exp.Expr]:
    if type(node) in _OPPOSITE:
        yield _OPPOSITE[type(node)](this=node.this.copy(), expression=node.expression.copy())
    elif isinstance(node, exp.Between):
        yield exp.And(
            this=exp.GT(this=node.this.copy(), expression=node.args["low"].copy()),
            expression=exp.LTE(this=node.this.copy(), expression=node.args["high"].copy()),
        )


def _distinct(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Select) and node.args.get("distinct") is not None:
        yield _with(node, distinct=None)
    elif isinstance(node, exp.Union):
        yield _with(node, distinct=not node.args.get("distinct"))
    elif isinstance(node, exp.Count) and isinstance(node.this, exp.Distinct) and len(node.this.expressions) == 1:
        yield exp.Count(this=node.this.expressions[0].copy(), big_int=True)


def _aggregate(node: exp.Expr) -> Iterator[exp.Expr]:
    if type(node) in _SWAPPED and not node.expressions:
        yield _SWAPPED[type(node)](this=node.this.copy())
    elif isinstance(node, exp.Count) and isinstance(node.this, exp.Column):
        yield exp.Count(this=exp.Star(), big_int=True)


def _dropped_conjunct(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.And) and not isinstance(node.parent, exp.And):
        parts = conjuncts(node)
        for index in range(len(parts)):
            rest = conjunction(part.copy() for position, part in enumerate(parts) if position != index)
            if rest is not None:
                yield rest


def _constant(node: exp.Expr) -> Iterator[exp.Expr]:
    compared = isinstance(node.parent, (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Add, exp.Sub))
    if isinstance(node, exp.Literal) and not node.is_string and compared and node.name.isdigit():
        yield exp.Literal.number(int(node.name) + 1)


def _negation(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null) and not isinstance(node.parent, exp.Not):
        yield exp.Not(this=node.copy())
    elif isinstance(node, exp.Not) and isinstance(node.this, (exp.Is, exp.Exists, exp.In)):
        yield node.this.copy()
    elif isinstance(node, exp.Exists) and not isinstance(node.parent, exp.Not):
        yield exp.Not(this=node.copy())


def _group_key(node: exp.Expr) -> Iterator[exp.Expr]:
    """MIN over a column and one grouping key less: groups that differ in that key only are merged."""
    if not isinstance(node, exp.Select) or node.args.get("group") is None:
        return
    keys = node.args["group"].expressions
    for index, key in enumerate(keys):
        if len(keys) < 2 or not isinstance(key, exp.Column):
            continue
        copy = node.copy()
        copy.args["group"].set("expressions", [other.copy() for position, other in enumerate(keys) if position != index])
        for projection in list(copy.expressions):
            bare = projection.unalias()
            if isinstance(bare, exp.Column) and bare.name == key.name:
                name = projection.alias_or_name
                projection.replace(exp.alias_(exp.Min(this=bare.copy()), name))
        yield copy


def _sort_direction(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Ordered) and isinstance(node.parent, exp.Order):
        yield _with(node, desc=not node.args.get("desc"))


def _disjunction(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Or):
        yield node.this.copy()
    elif isinstance(node, exp.In) and len(node.expressions) > 1:
        yield _with(node, expressions=[item.copy() for item in node.expressions[1:]])


_RULES: tuple[tuple[str, Rule], ...] = (
    ("join side", _join_side),
    ("boundary", _boundary),
    ("duplicates", _distinct),
    ("aggregate", _aggregate),
    ("dropped condition", _dropped_conjunct),
    ("constant", _constant),
    ("negation", _negation),
    ("group key", _group_key),
    ("sort direction", _sort_direction),
    ("dropped alternative", _disjunction),
)
