"""What a proposer provides, and the one way a candidate is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from querywright.analyze import Analysis
from querywright.sql.fingerprint import fingerprint
from querywright.values import Attempt, Candidate, Origin, Query, Step

Print = Callable[[exp.Query], str]
"""Turns a rewritten tree into the text handed to the user (keeps the layout of what was not touched)."""


@dataclass(frozen=True)
class Proposal:
    """A candidate together with its qualified tree, so that it can be expanded further without parsing again."""

    candidate: Candidate
    tree: exp.Query


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
    analysis: Analysis, tree: exp.Query, steps: Sequence[Step], origin: Origin, text: str, identity: str | None = None
) -> Proposal:
    """Build a proposal from a rewritten tree and its printed text; ``identity`` is the tree's fingerprint where it is known."""
    dialect = analysis.query.dialect
    query = Query(text, dialect, identity or fingerprint(tree, dialect), analysis.query.bindings, analysis.query.name)
    return Proposal(Candidate(query, analysis.query.fingerprint, tuple(steps), origin), tree)
