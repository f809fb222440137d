"""Finds agents by name and gives them what they start with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from querywright.chat.options import ChatOptions
from querywright.errors import InputError
from querywright.gym.agents.protocol import Agent, AgentModule, Setup
from querywright.registry import plugins

Recruit = Callable[[int], Agent]
"""Makes the agent for one episode, from a seed."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An agent by name; ``chat`` says which model to ask, where its module asks one."""

    name: str
    chat: ChatOptions = field(default_factory=ChatOptions)

    @property
    def label(self) -> str:
        """The agent, with its model and where that is served as far as they were named, for reports."""
        if not (self.asks_model and self.chat.model):
            return self.name
        where = urlsplit(self.chat.base_url or "").netloc
        return f"{self.name}:{self.chat.model}" + (f"@{where}" if where else "")

    @property
    def asks_model(self) -> bool:
        """Whether a model takes part."""
        return find_agent(self.name).ASKS_MODEL


def agents() -> dict[str, AgentModule]:
    """All agents by name."""
    return cast("dict[str, AgentModule]", plugins("querywright.gym.agents"))


def find_agent(name: str) -> AgentModule:
    """The agent's module; raises `InputError` for an unknown name."""
    if name not in agents():
        raise InputError(f"There is no agent {name!r}.", f"Agents: {', '.join(agents())}.")
    return agents()[name]


@contextmanager
def recruiting(chosen: Chosen, recording: Path | None = None) -> Iterator[Recruit]:
    """Makes agents while the ``with`` block lasts; the exchanges with a model are added to ``recording`` and not paid for twice.

    Raises what `querywright.chat.opening.open_chat` raises where a model is asked that cannot be.
    """
    module = find_agent(chosen.name)
    if not module.ASKS_MODEL:
        yield lambda seed: module.agent(Setup(seed))
        return
    from querywright.chat.background import BackgroundChat
    from querywright.gym.prompting import SCHEMA

    with BackgroundChat(chosen.chat, recording) as chat:
        yield lambda seed: module.agent(Setup(seed, lambda messages, key: chat.ask(messages, key=key, schema=SCHEMA).result()))
