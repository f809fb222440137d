"""Which tasks, agents and models the commands of ``qw gym`` name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from querywright.chat.options import ChatOptions
from querywright.errors import InputError
from querywright.gym.agents.driver import Chosen, agents
from querywright.gym.client import Environment
from querywright.gym.evaluation.playing import choose
from querywright.settings import model_settings, published_model_settings

PUBLISHED = "published"
"""The family of tasks that is played where nothing else is asked for."""


@dataclass(frozen=True)
class Selection:
    """Which tasks to play and how often, as typed."""

    tasks: str | None = None
    split: str | None = None
    family: str | None = None
    most: int | None = None
    seeds: int = 1
    steps: int | None = None
    first_seed: int = 0

    def quick(self) -> Selection:
        """One task and one step of it."""
        return replace(self, most=self.most or 1, seeds=1, steps=1)

    def ids(self, environment: Environment) -> tuple[str, ...]:
        """Ids of the chosen tasks, the published five by default; raises `InputError`."""
        known = environment.tasks()
        named = [name.strip() for name in (self.tasks or "").split(",") if name.strip()]
        family = self.family
        if not (named or family or self.split) and any(task.family == PUBLISHED for task in known):
            family = PUBLISHED
        return choose(known, named, self.split, family, self.most)

    def numbers(self) -> range:
        """The seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)


def chat_options(
    model: str | None,
    provider: str | None,
    base_url: str | None,
    temperature: float | None,
    max_tokens: int,
    max_cost: float | None,
    max_calls: int | None,
) -> ChatOptions:
    """The model that options name, or else the variables of Querywright, or else those of the published environment."""
    own, published = model_settings(), published_model_settings()
    options = ChatOptions(
        model=model or own.model,
        provider=provider,
        base_url=base_url,
        temperature=temperature,
        max_tokens=max_tokens,
        max_cost=max_cost,
        max_calls=max_calls,
    )
    if provider or base_url or own.provider or own.base_url:
        return options
    if published.base_url:
        return replace(
            options, model=options.model or published.model, base_url=published.base_url, key_variable=published.key_variable
        )
    if published.model and not options.model:
        hosted = "huggingface" if published.key_variable == "HF_TOKEN" else None
        return replace(options, model=published.model, provider=hosted)
    return options


def named_agents(text: str | None, chat: ChatOptions) -> tuple[Chosen, ...]:
    """Agents by their names, separated by commas; by default the rules, and the model where one is named."""
    if text is None:
        text = "rules,model" if chat.model else "rules"
    named = tuple(chosen_agent(part, chat) for part in text.split(",") if part.strip())
    if not named:
        raise InputError("No agent is named.", f"Agents: {', '.join(agents())}.")
    return named


def chosen_agent(text: str, chat: ChatOptions) -> Chosen:
    """An agent as typed: ``rules``, ``model``, ``model:NAME``, ``model:NAME@URL``."""
    name, _, rest = text.strip().partition(":")
    if name not in agents():
        raise InputError(f"There is no agent {name!r}, and no file of that name.", f"Agents: {', '.join(agents())}.")
    model, _, address = rest.partition("@")
    if model:
        chat = replace(chat, model=model)
    if address:
        chat = replace(chat, base_url=address, provider=None, key_variable=None)
    return Chosen(name, chat)
