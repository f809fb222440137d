"""Rewrites of the original by one transform or several, none of which was judged on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from random import Random

from querywright.analyze import Analysis
from querywright.propose.protocol import Proposal
from querywright.search.protocol import Expand, Position
from querywright.transforms.driver import transforms
from querywright.values import Step

LONGEST = 4
"""Transforms in one walk."""

_DRAWS = 5
_STEEPNESS = 0.5
"""Of the proposals for a position, the first is drawn four times in ten, the fifth once in twenty."""


def family(proposal: Proposal) -> str:
    """The name, one of the twelve, of the transform applied last; "" where the proposer does not say."""
    if not proposal.steps:
        return ""
    name, known = proposal.steps[-1].transform, transforms()
    return known[name].FAMILY if name in known else name


def leading(proposals: Iterable[Proposal], families: Collection[str]) -> list[Proposal]:
    """Proposals of the families first, otherwise in their order."""
    return sorted(proposals, key=lambda proposal: family(proposal) not in families)


def rooted(proposal: Proposal, start: Position) -> Proposal:
    """The proposal as what it also is: a rewrite of the original, which all its steps lead from."""
    return replace(proposal, write=lambda: replace(proposal.candidate, parent=start.query.fingerprint))


class Composer:
    """Draws different rewrites of the original. Positions are expanded once, without feedback: nothing is judged yet."""

    def __init__(self, start: Position, expand: Expand, seed: int) -> None:
        self._start = start
        self._expand = expand
        self._seed = seed
        self._known: dict[tuple[str, tuple[Step, ...]], _Expansion] = {}

    def survey(self) -> tuple[Analysis, Sequence[Proposal]]:
        """The analysis of the original and all proposals for it."""
        expansion = self._expanded(self._start)
        return expansion.analysis, list(expansion)

    def different(self, number: int, families: Collection[str], length: int, taken: Collection[str]) -> Proposal | None:
        """The rewrite that worker ``number`` would write: ``length`` transforms, one of ``families`` first.

        ``taken`` are fingerprints of what others wrote. Where all of that length seem to be taken it has another length; None
        where everything seems taken.
        """
        random = Random(f"{self._seed}-{number}")
        for wanted in dict.fromkeys((length, *range(1, LONGEST + 1))):
            for drawn in self._drawn(families, wanted, random):
                if drawn.fingerprint not in taken:
                    return rooted(drawn, self._start)
        return None

    def _drawn(self, families: Collection[str], length: int, random: Random) -> Iterator[Proposal]:
        if length == 1:
            yield from leading(self._expanded(self._start), families)
            return
        for _ in range(_DRAWS):
            if drawn := self._walk(families, length, random):
                yield drawn

    def _walk(self, families: Collection[str], length: int, random: Random) -> Proposal | None:
        led = [proposal for proposal in self._expanded(self._start) if family(proposal) in families]
        ahead: Iterable[Proposal] = led or self._expanded(self._start)
        reached = None
        passed = {self._start.query.fingerprint}
        for _ in range(length):
            drawn = _early_one((one for one in ahead if one.fingerprint not in passed), random)
            if drawn is None:
                break
            reached = drawn
            passed.add(drawn.fingerprint)
            ahead = self._expanded(Position(drawn.candidate.query, drawn.tree, drawn.steps))
        return reached

    def _expanded(self, position: Position) -> _Expansion:
        # Equal queries reached on different ways are told apart: what a walk finds must not depend on the walks before it.
        reached = position.query.fingerprint, position.steps
        if reached not in self._known:
            self._known[reached] = _Expansion(*self._expand(position, ()))
        return self._known[reached]


class _Expansion:
    """The proposals for one position, each made when it is first asked for: most walks need only the first few."""

    def __init__(self, analysis: Analysis, proposals: Iterator[Proposal]) -> None:
        self.analysis = analysis
        self._made: list[Proposal] = []
        self._further = proposals

    def __iter__(self) -> Iterator[Proposal]:
        yield from self._made
        for proposal in self._further:
            self._made.append(proposal)
            yield proposal


def _early_one(proposals: Iterable[Proposal], random: Random) -> Proposal | None:
    """One of the proposals, an early one rather than a late one: proposers put what promises most first."""
    drawn = list(islice(proposals, 1 + int(random.expovariate(_STEEPNESS))))
    return drawn[-1] if drawn else None
