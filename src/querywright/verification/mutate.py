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

from querywright.errors import StatementTimeout, WorkerLost
from querywright.verification.databases import Witness
from querywright.verification.mutations import RULES, Rule
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
    kinds = {change: _replacements(nodes, rule, rng) for change, rule in RULES}
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

    ``equivalent`` mutants were killed by no database at all and count for nothing, nor do those that fail, nor ``skipped``
    ones, for which there was no time.
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
        deadline = began + (1 - _CONTROL_SHARE) * seconds * (_PATIENCE if killed < least else 1)
        verdict = _killer(judged, mutant, deadline - time.monotonic())
        skipped += verdict is None and time.monotonic() > deadline
        killed += verdict is not None and verdict >= 0
        survivors += [mutant] if verdict == SURVIVED else []
    missed: list[Mutant] = []
    equivalent = 0
    additions: dict[int, Witness] = {}
    for mutant in survivors:
        position = _killer(control(), mutant, began + seconds - time.monotonic())
        equivalent += position == SURVIVED
        skipped += position is None  # it did not fail before
        if position is not None and position >= 0:
            missed.append(mutant)
            additions[position] = control().base[position]
    alive = missed
    if missed:
        judged.adopt(list(additions.values()))
        alive = [mutant for mutant in missed if _killer(judged, mutant, _CONTROL_SHARE * seconds) == SURVIVED]
    return Score(killed + len(missed) - len(alive), len(alive), equivalent, alive[0].change if alive else "", skipped)


def _killer(laboratory: Laboratory, mutant: Mutant, seconds: float) -> int | None:
    """The database that tells a mutant apart; None as well where the mutant never ends."""
    try:
        return laboratory.killer(mutant.text, seconds)
    except (StatementTimeout, WorkerLost):
        return None


_CONTROL_SHARE = 0.4
"""The part of the time kept for the survivors."""

_PATIENCE = 3
