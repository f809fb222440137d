"""Proposes solutions for a slow query: the clean query that it was made from, and what the rules make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from querywright.analyze import analyze
from querywright.factory.drafting import Draft
from querywright.propose import rules
from querywright.propose.model import printer
from querywright.propose.protocol import Proposal
from querywright.sql.schema import Schema
from querywright.values import Candidate, Origin, Query

REFERENCE = "reference"
"""The proposer of the clean query, which a person would have written in the first place."""


def reference(draft: Draft) -> Proposal:
    """The clean query as a solution."""
    clean = Query(draft.clean.sql, draft.clean.dialect, draft.clean.fingerprint)
    return Proposal.of(Candidate(clean, draft.slow.fingerprint, (), Origin(REFERENCE)), draft.clean.tree)


def ruled(draft: Draft, schema: Schema, engine: str, most: int, seed: int) -> Sequence[Proposal]:
    """At most so many rewrites by rules, none twice; the clean query may be among them."""
    analysis = analyze(draft.query, draft.slow.tree, schema, engine)
    render = printer(draft.query, draft.slow.tree, schema)
    return list(islice(rules.propose(analysis, (), (), render, seed), most))


def transforms_of(proposal: Proposal) -> tuple[str, ...]:
    """The transforms that led to a solution, each once."""
    return tuple(dict.fromkeys(step.transform for step in proposal.steps))


def curing(habits: tuple[str, ...], cures: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The first transform that cures each habit: what kind of optimization leaving the habit is."""
    return tuple(dict.fromkeys(cures[habit][0] for habit in habits if cures.get(habit)))
