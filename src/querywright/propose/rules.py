"""The rule proposer: every transform at every site, and each transform at all of its sites at once. Needs no model and no key."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from querywright.analyze import Analysis
from querywright.propose.protocol import Print, Proposal, proposal
from querywright.transforms.driver import apply, apply_everywhere
from querywright.values import Attempt, Origin, Step

_MOST_SITES = 8


def propose(
    analysis: Analysis, steps: Sequence[Step], feedback: Sequence[Attempt], render: Print, seed: int
) -> Iterator[Proposal]:
    """Candidates in the order of the hints; ``seed`` shuffles transforms of equal confidence."""
    origin = Origin("rules", seed=seed)
    shuffled = list(analysis.hints)
    random.Random(seed).shuffle(shuffled)
    dialect = analysis.query.dialect
    for hint in sorted(shuffled, key=lambda hint: -hint.confidence):
        sites = [finding for finding in analysis.findings if finding.transform == hint.transform]
        everywhere = apply_everywhere(analysis.tree, analysis.schema, dialect, hint.transform)
        if everywhere is not None:
            yield proposal(analysis, everywhere.tree, (*steps, everywhere.step), origin, render(everywhere.tree))
        if len(sites) < 2:
            continue
        for finding in sites[:_MOST_SITES]:
            rewritten = apply(analysis.tree, analysis.schema, dialect, finding.transform, finding.index)
            yield proposal(analysis, rewritten.tree, (*steps, rewritten.step), origin, render(rewritten.tree))
