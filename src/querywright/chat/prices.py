"""What a call costs, and the most it can cost before it is sent. Source of the prices: the library genai-prices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genai_prices import Usage, calc_price

from querywright.chat.protocol import Message
from querywright.chat.providers import PROVIDERS, Target

TOKENS_PER_MESSAGE = 16
"""Allowance for the marks that a chat template sets around each message."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that a server counted; ``cached`` of the prompt's were read from its cache."""

    prompt: int | None
    completion: int | None
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one model; ``stated`` are US dollars per million prompt and per million answer tokens."""

    target: Target
    stated: tuple[float, float] | None = None

    @property
    def known(self) -> bool:
        """Whether a call can be priced at all."""
        return self.cost(Tokens(1, 1)) is not None

    def cost(self, tokens: Tokens) -> float | None:
        """US dollars, or None where the price or the number of tokens is unknown."""
        if tokens.prompt is None or tokens.completion is None:
            return None
        if self.stated is not None:
            return (tokens.prompt * self.stated[0] + tokens.completion * self.stated[1]) / 1e6
        if self.target.provider.free:
            return 0.0
        usage = Usage(
            input_tokens=tokens.prompt,
            output_tokens=tokens.completion,
            cache_read_tokens=min(tokens.cached, tokens.prompt),
        )
        try:
            if PROVIDERS[self.target.provider_name].base_url is None:
                return float(calc_price(usage, self.target.model, provider_api_url=self.target.base_url).total_price)
            return float(calc_price(usage, self.target.model, provider_id=self.target.provider_name).total_price)
        except LookupError:
            return None

    def at_most(self, messages: Sequence[Message], schema: Mapping[str, object] | None, max_tokens: int) -> float | None:
        """An upper bound in US dollars before the call: a token is at least one byte, and the answer is cut at its limit."""
        prompt = sum(len(message.content.encode("utf-8", "replace")) + TOKENS_PER_MESSAGE for message in messages)
        if schema is not None:
            prompt += len(json.dumps(schema).encode())
        return self.cost(Tokens(prompt, max_tokens))

    def of_texts(self, texts: Sequence[str]) -> float | None:
        """An upper bound in US dollars for the vectors of texts, which have no answer tokens."""
        return self.cost(Tokens(sum(len(text.encode("utf-8", "replace")) + TOKENS_PER_MESSAGE for text in texts), 0))
