"""What an agent module provides.

An agent sees observations and answers them; it has no access to databases, tasks or rewards, so that it plays the same in this
process and over a network. Its module has a docstring, whose first line lists it, the constant ``ASKS_MODEL``, and ``agent``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from querywright.chat.protocol import Message, Reply
from querywright.gym.client import Observation
from querywright.gym.wire import Answer

Ask = Callable[[Sequence[Message], str], Reply]
"""Asks the model a conversation, once per key; raises `querywright.errors.ChatError`."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What an agent starts with: a seed, and the way to a model where its module asks one."""

    seed: int = 0
    ask: Ask | None = None


class Agent(Protocol):
    """Plays one episode. It may remember what it did."""

    def act(self, observation: Observation) -> Answer:
        """The answer to an observation, whose ``last_execution`` tells what came of the one before."""
        ...


class AgentModule(Protocol):
    """The module-level interface of an agent."""

    ASKS_MODEL: bool

    def agent(self, setup: Setup) -> Agent:
        """A fresh agent for one episode."""
        ...
