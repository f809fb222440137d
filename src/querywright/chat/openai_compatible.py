"""The protocol of OpenAI's chat completions, which DeepSeek, OpenRouter, vLLM, Ollama and llama.cpp speak as well.

Source: the API reference of OpenAI, https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

import httpx2
import openai

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


class OpenAICompatible:
    """A model behind ``/chat/completions``."""

    embeds = True
    formats: tuple[AnswerFormat, ...] = ("json_schema", "json_object", "text")

    def __init__(self, target: Target, options: ChatOptions) -> None:
        self._target = target
        self._options = options
        client = bounded_client(options.timeout, options.concurrency, local=target.is_local)
        self._client = openai.AsyncOpenAI(
            api_key=target.key or "none",  # servers without a key ignore it, the library insists on one
            base_url=target.base_url,
            max_retries=0,
            timeout=client.timeout,
            http_client=client,
        )

    async def send(self, messages: Sequence[Message], schema: Mapping[str, object] | None, form: AnswerFormat) -> Answer:
        """Send one request. Raises `Failed` or `ReplyUnusable`."""
        return _answer(await self._post("/chat/completions", self._body(messages, schema, form)), self._target.model)

    async def embed(self, texts: Sequence[str], model: str) -> Vectors:
        """Send one request for vectors. Raises `Failed` or `ReplyUnusable`."""
        body = {"model": model, "input": list(texts), "encoding_format": "float"}
        return _vectors(await self._post("/embeddings", body), model, len(texts))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        try:
            return await self._client.post(path, cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            raise failed_status(error.response) from error
        except openai.APIConnectionError as error:
            raise failed_connection(error) from error

    def _body(self, messages: Sequence[Message], schema: Mapping[str, object] | None, form: AnswerFormat) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._target.model,
            "messages": [asdict(message) for message in messages],
            self._target.provider.answer_limit: self._options.max_tokens,
        }
        if self._options.temperature is not None:
            body["temperature"] = self._options.temperature
        if self._options.reasoning_effort is not None:
            body["reasoning_effort"] = self._options.reasoning_effort
        if schema is not None and form == "json_schema":
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        elif schema is not None and form == "json_object":
            body["response_format"] = {"type": "json_object", "schema": schema}
        return body


def _answer(response: httpx2.Response, model: str) -> Answer:
    body = read_object(response)
    try:
        choice = body["choices"][0]
        message = choice["message"]
        refusal = message.get("refusal")
        content = message.get("content")
    except (LookupError, TypeError, AttributeError) as error:
        raise unusable(response, "without a choice that holds a message") from error
    reason = choice.get("finish_reason")
    finish: Finish = "refusal" if refusal or reason == "content_filter" else "length" if reason == "length" else "stop"
    return Answer(_text(content) or _text(refusal), _text(body.get("model")) or model, finish, _tokens(body.get("usage")))


def _vectors(response: httpx2.Response, model: str, count: int) -> Vectors:
    body = read_object(response)
    try:
        placed = {int(row["index"]): tuple(round(float(number), 6) for number in row["embedding"]) for row in body["data"]}
        vectors = tuple(placed[index] for index in range(count))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise unusable(response, "without a vector for each text") from error
    if len({len(vector) for vector in vectors}) != 1 or not all(isfinite(number) for vector in vectors for number in vector):
        raise unusable(response, "not a set of vectors of the same length")
    usage = body.get("usage")
    tokens = _count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    return Vectors(vectors, _text(body.get("model")) or model, Tokens(tokens, 0))


def _text(content: object) -> str:
    """The text of a message, which some servers send in parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _tokens(usage: object) -> Tokens:
    if not isinstance(usage, dict):
        return Tokens(None, None)
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else usage.get("prompt_cache_hit_tokens")
    return Tokens(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), _count(cached) or 0)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
