"""Proposes solutions for a slow query: the clean query that it was made from, and what the rules make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from querywright.analyze import analyze
from querywright.errors import ContractError
from querywright.factory.curing import cures
from querywright.factory.drafting import Draft
from querywright.propose import rules
from querywright.propose.model import printer
from querywright.propose.protocol import Proposal, proposal
from querywright.sql.schema import Schema
from querywright.transforms.driver import Rewritten, apply_everywhere, transforms
from querywright.values import Candidate, Origin

REFERENCE = "reference"
"""The proposer of the clean query, which a person would have written in the first place."""

_FOLLOWING = ("push_join_keys_down", "merge_derived_table", "eliminate_left_join")
"""What tidies up behind a cure: a subquery that became a derived table takes the keys that it is joined by."""


def reference(draft: Draft) -> Proposal:
    """The clean query as a solution."""
    return Proposal.of(Candidate(draft.solution, draft.slow.fingerprint, (), Origin(REFERENCE)), draft.clean.tree)


def cured(draft: Draft, schema: Schema, engine: str) -> Proposal | None:
    """The slow query after the transforms that cure the habits seen in it, one after the other, wherever they apply.

    Where that leads to the clean query, it is written as that one; None where nothing could be done.
    """
    chain = list(_chain(draft, schema, engine))
    if not chain:
        return None
    reached, steps = chain[-1], tuple(rewritten.step for rewritten in chain)
    identity, origin = reached.fingerprint, Origin("rules")
    if identity == draft.slow.fingerprint:
        return None
    if identity == draft.clean.fingerprint:
        return Proposal.of(Candidate(draft.solution, draft.slow.fingerprint, steps, origin), draft.clean.tree)
    analysis = analyze(draft.query, draft.slow.tree, schema, engine)
    return proposal(analysis, reached.tree, steps, origin, printer(draft.query, draft.slow.tree, schema), identity)


def _chain(draft: Draft, schema: Schema, engine: str) -> Iterator[Rewritten]:
    known, dialect, tree = transforms(engine), draft.clean.dialect, draft.slow.tree
    wanted = [name for habit in draft.habits for name in cures()[habit]]
    for name in dict.fromkeys((*wanted, *_FOLLOWING)):
        if name not in known:
            continue
        try:
            rewritten = apply_everywhere(tree, schema, dialect, name)
        except ContractError:
            continue  # the driver found out by itself that this one does not work here
        if rewritten is not None:
            tree = rewritten.tree
            yield rewritten


def ruled(draft: Draft, schema: Schema, engine: str, most: int, seed: int) -> Sequence[Proposal]:
    """At most so many rewrites by rules, none twice; the clean query may be among them."""
    analysis = analyze(draft.query, draft.slow.tree, schema, engine)
    render = printer(draft.query, draft.slow.tree, schema)
    return list(islice(rules.propose(analysis, (), (), render, seed), most))


def transforms_of(proposal: Proposal) -> tuple[str, ...]:
    """The transforms that led to a solution, each once."""
    return tuple(dict.fromkeys(step.transform for step in proposal.steps))
