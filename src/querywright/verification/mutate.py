"""Mutants of a query: small mistakes of the kind that rewriting makes, each to be told apart from the query by the witnesses.

Mutation testing of SQL after Tuya, Suárez-Cabal and de la Riva, "Mutating database queries" (2007). A set of databases that kills
the mutants of the original would have noticed such a mistake in a candidate; the share it kills is the mutation score.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

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
    ones, for which there was no time; ``undecided`` are those of them that some databases did not kill.
    """

    killed: int
    alive: int
    equivalent: int
    missed: str = ""
    skipped: int = 0
    undecided: int = 0

    @property
    def value(self) -> float | None:
        """The share killed; None where there was nothing to kill."""
        return self.killed / (self.killed + self.alive) if self.killed + self.alive else None


def mutation_score(
    tree: exp.Query, judged: Laboratory, control: Callable[[], Laboratory], seconds: float, least: int = 0, alike: float = inf
) -> Score:
    """The share of the mutants of ``tree`` that the databases of ``judged`` kill.

    Survivors that the larger databases of ``control`` do not kill either count as equivalent to the original. A database of
    ``control`` that kills one is added to those of ``judged``, which then have to kill it too. Mutants that fail, or
    that there is no time for, are left out; until ``least`` are killed, and no more than ``alike`` times as many are undecided,
    there is `_PATIENCE` times as much time.
    """
    began = time.monotonic()
    killed = 0
    survivors: list[Mutant] = []
    # All mutants get a first look before any gets a second one: what most databases kill must not wait for what few do.
    waiting = deque((mutant, judged.hunt(mutant.text)) for mutant in mutants(tree, judged.dialect))
    hunted: deque[tuple[Mutant, Iterator[int | None]]] = deque()
    while waiting or hunted:
        patient = killed < least or len(hunted) > alike * killed
        if time.monotonic() > began + (1 - _CONTROL_SHARE) * seconds * (_PATIENCE if patient else 1):
            break
        mutant, hunt = (waiting or hunted).popleft()
        found = _look(hunt)
        if found is None:
            hunted.append((mutant, hunt))
        elif found == SURVIVED:
            survivors.append(mutant)
        killed += found is not None and found >= 0
    undecided = len(hunted)
    missed: list[Mutant] = []
    equivalent = 0
    additions: dict[int, Witness] = {}
    for mutant in survivors:
        position = _killer(control(), mutant, began + seconds - time.monotonic())
        equivalent += position == SURVIVED
        undecided += position is None  # it did not fail before
        if position is not None and position >= 0:
            missed.append(mutant)
            additions[position] = control().base[position]
    alive = missed
    if missed:
        judged.adopt(list(additions.values()))
        alive = [mutant for mutant in missed if _killer(judged, mutant, _CONTROL_SHARE * seconds) == SURVIVED]
    change = alive[0].change if alive else ""
    return Score(killed + len(missed) - len(alive), len(alive), equivalent, change, len(waiting) + undecided, undecided)


def _killer(laboratory: Laboratory, mutant: Mutant, seconds: float) -> int | None:
    """The database that tells a mutant apart; None where there is no time to find it, and where the mutant fails."""
    deadline = time.monotonic() + seconds
    hunt = laboratory.hunt(mutant.text)
    found = None
    while found is None and time.monotonic() < deadline:
        found = _look(hunt)
    return None if found == _FAILED else found


def _look(hunt: Iterator[int | None]) -> int | None:
    """What the next databases say; `_FAILED` as well where the mutant never ends."""
    try:
        return next(hunt, _FAILED)
    except (StatementTimeout, WorkerLost):
        return _FAILED


_FAILED = -2

_CONTROL_SHARE = 0.4
"""The part of the time kept for the survivors."""

_PATIENCE = 3
