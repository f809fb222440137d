"""What a proposer provides, and the one way a candidate is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from sqlglot import exp

from querywright.analyze import Analysis
from querywright.sql.fingerprint import fingerprint
from querywright.values import Attempt, Candidate, Origin, Query, Step

Print = Callable[[exp.Query], str]
"""Turns a rewritten tree into the text handed to the user (keeps the layout of what was not touched)."""


@dataclass(frozen=True)
class Proposal:
    """A candidate that is not written down before somebody asks for its text: most proposals are never judged.

    ``tree`` is qualified, so that the proposal can be expanded further without parsing again; it has no types until it is
    analyzed. ``fingerprint`` and ``steps`` are those of the candidate, which ``write`` makes.
    """

    fingerprint: str
    steps: tuple[Step, ...]
    tree: exp.Query
    write: Callable[[], Candidate]

    @classmethod
    def of(cls, candidate: Candidate, tree: exp.Query) -> Proposal:
        """The proposal of a candidate that is written already."""
        return cls(candidate.query.fingerprint, candidate.steps, tree, lambda: candidate)

    @cached_property
    def candidate(self) -> Candidate:
        """The candidate with its text, written when it is first asked for."""
        return self.write()


class Proposer(Protocol):
    """The module-level interface of a proposer."""

    def propose(
        self, analysis: Analysis, steps: Sequence[Step], feedback: Sequence[Attempt], render: Print, seed: int
    ) -> Iterator[Proposal]:
        """Candidates for the analyzed query, most promising first.

        ``steps`` led from the original to the analyzed query; ``feedback`` is what the judge said so far.
        """
        ...


def proposal(
    analysis: Analysis, tree: exp.Query, steps: Sequence[Step], origin: Origin, render: Print, identity: str | None = None
) -> Proposal:
    """Build a proposal from a rewritten tree, which ``render`` prints; ``identity`` is its fingerprint where that is known."""
    original, taken = analysis.query, tuple(steps)
    fingerprinted = identity or fingerprint(tree, original.dialect)

    def write() -> Candidate:
        query = Query(render(tree), original.dialect, fingerprinted, original.bindings, original.name)
        return Candidate(query, original.fingerprint, taken, origin)

    return Proposal(fingerprinted, taken, tree, write)
