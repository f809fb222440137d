"""Applies all promising rewriting rules together, then one by one, and goes on from the fastest rewrite. Needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from querywright.gym.agents._desk import Desk, Place, Spotted, open_desk
from querywright.gym.agents.protocol import Agent, Setup
from querywright.gym.client import Execution, Observation
from querywright.gym.wire import Answer, Suggestion
from querywright.propose.protocol import Proposal
from querywright.transforms.driver import transforms

ASKS_MODEL = False

_GAIN = 1.02
"""A rewrite this much faster than the best so far is the one to go on from."""


class _Rules:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def act(self, observation: Observation) -> Answer:
        """The next rewrite; the best one again where the rules have nothing left."""
        if observation.step_count == 0:
            self._begin(observation)
        elif observation.last_execution is not None:
            self._learn(observation.last_execution)
        self._submitted = self._next() or self._best
        return _answer(self._spotted, self._submitted, self._gains)

    def _begin(self, observation: Observation) -> None:
        self._desk: Desk = open_desk(observation)
        self._spotted = self._desk.spotted()
        self._gains = {hint.transform: hint.estimated_gain for hint in self._desk.analysis(self._desk.original).hints}
        self._best: Place = self._desk.original
        self._submitted = self._best
        self._speedup = 1.0
        self._known = {self._best.query.fingerprint}
        self._composed: Place | None = self._desk.composed(self._seed)
        self._frontier: list[Iterator[Proposal]] = [self._desk.proposals(self._best, self._seed)]

    def _learn(self, came: Execution) -> None:
        """Go on from what was submitted if it is the fastest, and from what came before once that has nothing left."""
        if came.results_match and came.speedup > self._speedup * _GAIN:
            self._best, self._speedup = self._submitted, came.speedup
            self._frontier.insert(0, self._desk.proposals(self._best, self._seed))

    def _next(self) -> Place | None:
        composed, self._composed = self._composed, None
        if composed is not None and composed.query.fingerprint not in self._known:
            self._known.add(composed.query.fingerprint)
            return composed
        while self._frontier:
            for proposal in self._frontier[0]:
                if proposal.fingerprint not in self._known:
                    self._known.add(proposal.fingerprint)
                    return Place(proposal.candidate.query, proposal.tree, proposal.steps)
            self._frontier.pop(0)
        return None


def agent(setup: Setup) -> Agent:
    """See `protocol.AgentModule`; the seed orders transforms that promise the same."""
    return _Rules(setup.seed)


def _answer(spotted: Sequence[Spotted], submitted: Place, gains: Mapping[str, float | None]) -> Answer:
    taken = tuple(dict.fromkeys(step.transform for step in submitted.steps))
    gain = max((gains.get(name) or 1.0 for name in taken), default=1.0)
    return Answer(
        optimized_query=submitted.query.sql,
        suggestions=tuple(_suggestion(one, taken) for one in spotted),
        summary=_summary(spotted, taken),
        estimated_improvement=f"about {gain:.1f}x" if gain > 1 else "not known before it is measured",
        approved=not taken and not spotted,
    )


def _suggestion(one: Spotted, taken: Sequence[str]) -> Suggestion:
    cures = [name for name in one.cures if name in taken] or list(one.cures[:1])
    fix = "; ".join(map(_headline, cures)) or "Ask for less: no rewrite of the query alone cures this."
    return Suggestion(issue_type=one.antipattern, line=one.line, description=one.detail, severity=one.severity, fix=fix)


def _summary(spotted: Sequence[Spotted], taken: Sequence[str]) -> str:
    seen = ", ".join(one.antipattern.replace("_", " ") for one in spotted)
    done = " ".join(f"{_headline(name)}." for name in taken)
    return f"The query has: {seen or 'no known bad habit'}. {done or 'It is left as it is.'}"


def _headline(transform: str) -> str:
    """The first line of a transform's documentation, which says what it does."""
    return (transforms()[transform].__doc__ or transform).strip().splitlines()[0].rstrip(".")
