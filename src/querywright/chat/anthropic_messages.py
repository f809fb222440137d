"""Anthropic's own protocol. Source: its API reference, https://platform.claude.com/docs/en/api/messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import anthropic
import httpx2

from querywright.chat.options import ChatOptions
from querywright.chat.prices import Tokens
from querywright.chat.protocol import Finish, Message
from querywright.chat.providers import Target
from querywright.chat.wire import (
    Answer,
    AnswerFormat,
    Vectors,
    bounded_client,
    failed_connection,
    failed_status,
    read_object,
    unusable,
)
from querywright.errors import ReplyUnusable

FINISHES: dict[str, Finish] = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refusal"}


class AnthropicMessages:
    """A model behind ``/v1/messages``."""

    embeds = False
    formats: tuple[AnswerFormat, ...] = ("json_schema", "text")

    def __init__(self, target: Target, options: ChatOptions) -> None:
        self._target = target
        self._options = options
        client = bounded_client(options.timeout, options.concurrency, local=target.is_local)
        self._client = anthropic.AsyncAnthropic(
            api_key=target.key,
            base_url=target.base_url,
            max_retries=0,
            timeout=client.timeout,
            http_client=client,
        )

    async def send(self, messages: Sequence[Message], schema: Mapping[str, object] | None, form: AnswerFormat) -> Answer:
        """Send one request. Raises `Failed` or `ReplyUnusable`."""
        try:
            response = await self._client.post("/v1/messages", cast_to=httpx2.Response, body=self._body(messages, schema, form))
        except anthropic.APIStatusError as error:
            raise failed_status(error.response) from error
        except anthropic.APIConnectionError as error:
            if isinstance(error.__cause__, ReplyUnusable):
                raise error.__cause__ from None
            raise failed_connection(error) from error
        return _answer(response, self._target.model)

    async def embed(self, texts: Sequence[str], model: str) -> Vectors:
        """Anthropic's protocol has no vectors."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _body(self, messages: Sequence[Message], schema: Mapping[str, object] | None, form: AnswerFormat) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._target.model,
            "max_tokens": self._options.max_tokens,
            "messages": [asdict(message) for message in messages if message.role != "system"],
        }
        if system := "\n\n".join(message.content for message in messages if message.role == "system"):
            body["system"] = system
        if self._options.temperature is not None:
            body["temperature"] = self._options.temperature
        output: dict[str, Any] = {}
        if self._options.reasoning_effort is not None:
            output["effort"] = self._options.reasoning_effort
        if schema is not None and form == "json_schema":
            output["format"] = {"type": "json_schema", "schema": schema}
        if output:
            body["output_config"] = output
        return body


def _answer(response: httpx2.Response, model: str) -> Answer:
    body = read_object(response)
    blocks = body.get("content")
    if not isinstance(blocks, list):
        raise unusable(response, "without content")
    text = "".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict) and block.get("type") == "text")
    return Answer(
        text, str(body.get("model") or model), FINISHES.get(str(body.get("stop_reason")), "stop"), _tokens(body.get("usage"))
    )


def _tokens(usage: object) -> Tokens:
    """Anthropic counts what it read from or wrote to its cache apart from the rest of the prompt."""
    if not isinstance(usage, dict):
        return Tokens(None, None)
    fresh, completion = usage.get("input_tokens"), usage.get("output_tokens")
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    if not all(isinstance(count, int) and count >= 0 for count in (fresh, completion, read, written)):
        return Tokens(None, None)
    return Tokens(int(fresh or 0) + read + written, completion, read)
