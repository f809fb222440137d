"""The rule proposer: every transform at every site, and each transform at all of its sites at once. Needs no model and no key."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from querywright.analyze import Analysis
from querywright.propose.protocol import Print, Proposal, proposal
from querywright.sql.fingerprint import fingerprint
from querywright.transforms.driver import Rewritten, apply, apply_everywhere
from querywright.values import Attempt, Origin, Step

_MOST_SITES = 4
"""Sites of a transform that are tried one by one, the heaviest; more are reached together or step by step."""


def propose(
    analysis: Analysis, steps: Sequence[Step], feedback: Sequence[Attempt], render: Print, seed: int
) -> Iterator[Proposal]:
    """Candidates in the order of the hints, none of them twice; ``seed`` shuffles transforms that promise the same."""
    origin = Origin("rules", seed=seed)
    known = {analysis.query.fingerprint, *(attempt.candidate.query.fingerprint for attempt in feedback)}
    for rewritten in _rewritten(analysis, seed):
        identity = fingerprint(rewritten.tree, analysis.query.dialect)
        if identity not in known:
            known.add(identity)
            text = render(rewritten.tree)
            yield proposal(analysis, rewritten.tree, (*steps, rewritten.step), origin, text, identity)


def _rewritten(analysis: Analysis, seed: int) -> Iterator[Rewritten]:
    """Each transform at all of its sites first, then at its heaviest sites one by one, the transforms by turns."""
    schema, dialect = analysis.schema, analysis.query.dialect
    shuffled = list(analysis.hints)
    random.Random(seed).shuffle(shuffled)
    names = [hint.transform for hint in sorted(shuffled, key=lambda hint: (-hint.rank, -hint.confidence))]
    first: dict[str, Rewritten] = {}
    for name in names:
        first[name] = apply(analysis.tree, schema, dialect, name, 0)
        everywhere = apply_everywhere(analysis.tree, schema, dialect, name, first=first[name])
        if everywhere is not None:
            yield everywhere
    by_weight = sorted(analysis.findings, key=lambda finding: -analysis.work.share(finding.site.node))
    sites = {name: [finding for finding in by_weight if finding.transform == name] for name in names}
    for turn in range(_MOST_SITES):
        for name in names:
            if len(sites[name]) > max(1, turn):
                index = sites[name][turn].index
                yield apply(analysis.tree, schema, dialect, name, index) if index else first[name]
