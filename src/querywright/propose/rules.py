"""The rule proposer: every transform at every site, and each transform at all of its sites at once. Needs no model and no key.

A rewrite that opens a query up is followed at once by what it made possible: a subquery that became a derived table can take the
filters and keys of the block it is joined in, and without them may cost more than it saves.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sqlglot import exp

from querywright.analyze import Analysis
from querywright.errors import ContractError
from querywright.propose.protocol import Print, Proposal, proposal
from querywright.transforms.driver import Rewritten, apply, apply_everywhere, survey, transforms
from querywright.values import Attempt, Origin, Step

_LOG = logging.getLogger(__name__)

_MOST_SITES = 4
"""Sites of a transform that are tried one by one, the heaviest; more are reached together or step by step."""


_OPENING = ("decorrelate", "flatten_subquery", "semantic_rewrite")
_FOLLOWING = ("decorrelate", "semantic_rewrite", "early_filter", "pushdown")
"""Families in the order in which they follow: filters and keys are pushed into what stands at the end."""


def propose(
    analysis: Analysis, steps: Sequence[Step], feedback: Sequence[Attempt], render: Print, seed: int
) -> Iterator[Proposal]:
    """Candidates in the order of the hints, none of them twice; ``seed`` shuffles transforms that promise the same."""
    origin = Origin("rules", seed=seed)
    known = {analysis.query.fingerprint, *(attempt.candidate.query.fingerprint for attempt in feedback)}
    done: list[exp.Query] = []
    for chain in _chains(analysis, seed):
        reached = chain[-1]
        if any(reached.tree is tree for tree in done):
            continue
        done.append(reached.tree)
        identity = reached.fingerprint
        if identity not in known:
            known.add(identity)
            taken = (*steps, *(rewritten.step for rewritten in chain))
            yield proposal(analysis, reached.tree, taken, origin, render, identity)


def _chains(analysis: Analysis, seed: int) -> Iterator[tuple[Rewritten, ...]]:
    """Each transform at all of its sites first, then at its heaviest sites one by one, the transforms by turns."""
    schema, dialect, facts = analysis.schema, analysis.query.dialect, analysis.facts
    shuffled = list(analysis.hints)
    random.Random(seed).shuffle(shuffled)
    names = [hint.transform for hint in sorted(shuffled, key=lambda hint: (-hint.rank, -hint.confidence))]
    first: dict[str, Rewritten] = {}
    for name in names:
        site = next(finding.site for finding in analysis.findings if finding.transform == name)
        alone = _sound(partial(apply, analysis.tree, schema, dialect, name, 0, site, facts))
        if alone is not None:
            first[name] = alone
            everywhere = _sound(partial(apply_everywhere, analysis.tree, schema, dialect, name, first=alone)) or alone
            if following := _following(analysis, name, everywhere):
                yield (everywhere, *following)
            yield (everywhere,)
    by_weight = sorted(analysis.findings, key=lambda finding: -analysis.work.share(finding.site.node))
    sites = {name: [finding for finding in by_weight if finding.transform == name] for name in names}
    for turn in range(_MOST_SITES):
        for name in names:
            if name in first and len(sites[name]) > max(1, turn):
                index, site = sites[name][turn].index, sites[name][turn].site
                again = partial(apply, analysis.tree, schema, dialect, name, index, site, facts)
                single = _sound(again) if index else first[name]
                if single is not None:
                    yield (single,)


def _following(analysis: Analysis, name: str, opened: Rewritten) -> tuple[Rewritten, ...]:
    """The transforms that apply after ``name`` and did not before, one after the other, each at all of its sites.

    After a decorrelation come those of other kinds, too: one subquery left for each row costs as much as several.
    """
    known = transforms(analysis.engine)
    if known[name].FAMILY not in _OPENING:
        return ()
    before = {finding.transform for finding in analysis.findings}
    if known[name].FAMILY == "decorrelate":
        before -= {other for other in before - {name} if known[other].FAMILY == "decorrelate"}
    new = [other for family in _FOLLOWING for other in known if family == known[other].FAMILY and other not in before]
    schema, dialect = analysis.schema, analysis.query.dialect
    findings, _ = survey(opened.tree, schema, dialect, new, opened.facts)
    chain: list[Rewritten] = []
    for other in dict.fromkeys(finding.transform for finding in findings):
        last = chain[-1] if chain else opened
        further = _sound(partial(apply_everywhere, last.tree, schema, dialect, other, facts=last.facts))
        if further is not None:
            chain.append(further)
    return tuple(chain)


def _sound(rewrite: Callable[[], Rewritten | None]) -> Rewritten | None:
    """The rewrite, or None where the transform breaks its contract: a defect of one transform must not end a search."""
    try:
        return rewrite()
    except ContractError as error:
        _LOG.warning("Left out: %s", error)
        return None
