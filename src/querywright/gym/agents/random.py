"""Applies transforms drawn by chance, one more each step, and names problems drawn by chance."""

from __future__ import annotations

import random

from querywright.antipatterns.driver import antipatterns
from querywright.gym.agents._desk import Place, open_desk
from querywright.gym.agents.protocol import Agent, Setup
from querywright.gym.client import Observation
from querywright.gym.wire import Answer, Suggestion

ASKS_MODEL = False

_MOST_SUGGESTIONS = 3


class _Random:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def act(self, observation: Observation) -> Answer:
        """The query so far after one more transform, or the original again."""
        if observation.step_count == 0:
            self._draw = random.Random(f"{self._seed} {observation.task_id}")
            self._desk = open_desk(observation)
            self._place = self._desk.original
        proposals = list(self._desk.proposals(self._place, self._seed))
        if proposals and self._draw.random() < len(proposals) / (1 + len(proposals)):
            drawn = self._draw.choice(proposals)
            self._place = Place(drawn.candidate.query, drawn.tree, drawn.steps)
        else:
            self._place = self._desk.original
        names = self._draw.sample(sorted(antipatterns()), self._draw.randint(0, _MOST_SUGGESTIONS))
        suggestions = tuple(Suggestion(issue_type=name, line=1, severity="medium") for name in names)
        return Answer(optimized_query=self._place.query.sql, suggestions=suggestions, approved=self._draw.random() < 0.5)


def agent(setup: Setup) -> Agent:
    """See `protocol.AgentModule`; the seed and the task decide every draw."""
    return _Random(setup.seed)
