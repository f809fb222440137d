"""How to reach a model and what it may cost: everything that a user can choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from querywright.errors import InputError

_WHICH = ("model", "provider", "base_url")
_OF_THAT_MODEL = ("embedding_model", "key_variable", "temperature", "reasoning_effort", "max_tokens", "price")


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """The choices of a user; None means the setting from the environment, or the server's own default.

    ``embedding_model`` of the same server compares texts; without one nothing is sent to be compared.
    ``provider`` is a name in `providers.PROVIDERS`; ``key_variable`` names an environment variable with its key, where it is not
    the usual one. ``max_tokens`` bounds one answer, reasoning included. ``timeout`` is in seconds, for one request from start to
    end. ``retries`` counts the repeated requests of one call. ``max_cost`` is in US
    dollars and ``max_calls`` in paid requests, both over all processes that share a recording. ``price`` states US dollars per
    million prompt tokens and per million answer tokens where the price list does not know the model. ``offline`` refuses every
    call; ``replay`` answers from a recording instead of a server.

    Raises `InputError` for a number out of range.
    """

    model: str | None = None
    embedding_model: str | None = None
    provider: str | None = None
    base_url: str | None = None
    key_variable: str | None = None
    temperature: float | None = None
    reasoning_effort: str | None = None
    max_tokens: int = 8192
    timeout: float = 180.0
    retries: int = 3
    concurrency: int = 20
    requests_per_minute: float | None = None
    max_cost: float | None = None
    max_calls: int | None = None
    price: tuple[float, float] | None = None
    offline: bool = False
    replay: Path | None = None

    @classmethod
    def resumed(cls, stored: Mapping[str, Any], stated: ChatOptions) -> ChatOptions:
        """The choices of an interrupted run, as `recorded` gave them, but for those ``stated`` now.

        Where a model, a provider or an address is named now, nothing that goes with the earlier one counts.
        """
        named = stated.replay or any(getattr(stated, name) for name in _WHICH)
        kept = {name: value for name, value in stored.items() if not (named and name in (*_WHICH, *_OF_THAT_MODEL))}
        if "price" in kept:
            kept["price"] = tuple(kept["price"])
        return cls(**{**kept, **stated._chosen()})

    def recorded(self) -> dict[str, Any]:
        """What the user chose, for the record of a run; not how answers came at that moment, nor a password in an address."""
        secret = self.base_url is not None and "@" in self.base_url
        left_out = ("replay", "offline", *(["base_url"] if secret else []))
        return {name: value for name, value in self._chosen().items() if name not in left_out}

    def _chosen(self) -> dict[str, Any]:
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) != one.default}

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense before anything is opened."""
        for option, value, least in (
            ("--max-tokens", self.max_tokens, 1),
            ("--retries", self.retries, 0),
            ("--concurrency", self.concurrency, 1),
            ("--max-cost", self.max_cost, 0),
            ("--max-calls", self.max_calls, 0),
            ("--temperature", self.temperature, 0),
            ("--price", None if self.price is None else min(self.price), 0),
        ):
            if value is not None and not value >= least:
                raise InputError(f"{option} is {value}", f"Give {least} or more: {option} {max(least, 1)}")
        for option, value in (("--reply-timeout", self.timeout), ("--requests-per-minute", self.requests_per_minute)):
            if value is not None and not value > 0:
                raise InputError(f"{option} is {value}", f"Give a number above 0: {option} 60")
