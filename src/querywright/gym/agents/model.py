"""Asks a language model and tells it after each step what came of its answer."""

from __future__ import annotations

from querywright.chat.protocol import Message
from querywright.errors import ReplyUnusable
from querywright.gym.agents.protocol import Agent, Ask, Setup
from querywright.gym.client import Observation
from querywright.gym.prompting import feedback, opening, read_answer
from querywright.gym.wire import Answer

ASKS_MODEL = True

_UNREADABLE = "That answer holds no query that can be run."
_MOST_SHOWN = 8000
"""Characters of an earlier answer that the model is shown again."""


class _Model:
    def __init__(self, seed: int, ask: Ask) -> None:
        self._seed = seed
        self._ask = ask
        self._messages: tuple[Message, ...] = ()
        self._problem = ""

    def act(self, observation: Observation) -> Answer:
        """The model's answer; the original where the model gave none that can be read."""
        if observation.step_count == 0 or not self._messages:
            self._messages = opening(observation)
        else:
            self._messages = (*self._messages, feedback(observation, self._problem))
        key = f"{observation.task_id} seed {self._seed} step {observation.step_count + 1}"
        try:
            content = self._ask(self._messages, key).content
        except ReplyUnusable:
            content = ""  # it was paid for; the step goes on with what there is
        answer = read_answer(content)
        self._problem = "" if answer else _UNREADABLE
        shown = content[:_MOST_SHOWN] or "(no answer)"
        self._messages = (*self._messages, Message("assistant", shown))
        return answer or Answer(optimized_query=observation.sql_query)


def agent(setup: Setup) -> Agent:
    """See `protocol.AgentModule`."""
    assert setup.ask is not None
    return _Model(setup.seed, setup.ask)
