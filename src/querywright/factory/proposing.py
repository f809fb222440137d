"""Proposes solutions for a slow query: the clean query that it was made from, and what the rules make of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlglot import exp

from querywright.analyze import analyze
from querywright.errors import ContractError
from querywright.factory.curing import cures
from querywright.factory.drafting import Draft
from querywright.propose import rules
from querywright.propose.model import printer
from querywright.propose.protocol import Proposal
from querywright.sql.schema import Schema
from querywright.transforms.driver import Rewritten, apply_everywhere, transforms
from querywright.values import Candidate, Origin, Query, Step

REFERENCE = "reference"
"""The proposer of the clean query, which a person would have written in the first place."""

MODEL = "model"
"""The proposer of what a model answers."""

INDEXES = "indexes"
"""The proposer of the slow query as it is, with indexes."""

MIXED = "mixed"
"""The proposer of a rewrite with indexes that somebody else proposed for it."""

_FOLLOWING = ("push_join_keys_down", "merge_derived_table", "eliminate_left_join")
"""What tidies up behind a cure: a subquery that became a derived table takes the keys that it is joined by."""


def reference(draft: Draft) -> Proposal:
    """The clean query as a solution."""
    return Proposal.of(Candidate(draft.solution, draft.slow.fingerprint, (), Origin(REFERENCE)), draft.clean.tree)


def cured(draft: Draft, schema: Schema, engine: str, sought: Sequence[str] = ()) -> Iterator[Proposal]:
    """The slow query after the transforms that cure the habits seen in it, one after the other, wherever they apply; then the
    same after those that are ``sought``, if any of them applies as well.

    What leads to the clean query is written as that one; nothing comes where nothing could be done.
    """
    known, tree, steps = transforms(engine), draft.slow.tree, tuple[Step, ...]()
    usual = (name for habit in draft.habits for name in cures()[habit])
    for names in ((*usual, *_FOLLOWING), sought):
        chain = list(_chain(tree, schema, draft.clean.dialect, [name for name in dict.fromkeys(names) if name in known]))
        if chain and chain[-1].fingerprint != draft.slow.fingerprint:
            tree, steps = chain[-1].tree, (*steps, *(rewritten.step for rewritten in chain))
            yield _reached(draft, schema, chain[-1], steps)


def _reached(draft: Draft, schema: Schema, last: Rewritten, steps: tuple[Step, ...]) -> Proposal:
    """The proposal that ``steps`` led to."""
    tree, identity, origin = last.tree, last.fingerprint, Origin("rules")
    if identity == draft.clean.fingerprint:
        return Proposal.of(Candidate(draft.solution, draft.slow.fingerprint, steps, origin), draft.clean.tree)

    def write() -> Candidate:
        text = printer(draft.query, draft.slow.tree, schema)(tree)
        return Candidate(Query(text, draft.clean.dialect, identity), draft.slow.fingerprint, steps, origin)

    return Proposal(identity, steps, tree, write)


def _chain(tree: exp.Query, schema: Schema, dialect: str, names: Iterable[str]) -> Iterator[Rewritten]:
    """The tree after each of the transforms that applies, one after the other."""
    for name in names:
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
