"""How to reach a model and what it may cost: everything that a user can choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from querywright.errors import InputError


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """The choices of a user; None means the setting from the environment, or the server's own default.

    ``provider`` is a name in `providers.PROVIDERS`. ``max_tokens`` bounds one answer, reasoning included. ``timeout`` is in
    seconds, for one request from start to end. ``retries`` counts the repeated requests of one call. ``max_cost`` is in US
    dollars and ``max_calls`` in paid requests, both over all processes that share a recording. ``price`` states US dollars per
    million prompt tokens and per million answer tokens where the price list does not know the model. ``offline`` refuses every
    call; ``replay`` answers from a recording instead of a server.

    Raises `InputError` for a number out of range.
    """

    model: str | None = None
    provider: str | None = None
    base_url: str | None = None
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
