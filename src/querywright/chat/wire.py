"""What both protocols share: an HTTP client with a bound on every body, and one vocabulary for requests that failed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import httpx2

from querywright.chat.pacing import seconds_to_wait
from querywright.chat.prices import Tokens
from querywright.chat.protocol import Finish, Message, encodable
from querywright.errors import ReplyUnusable

LARGEST_BODY = 4 * 1024 * 1024
"""Bytes of one reply, decompressed; the longest answer of today's models is below one million characters."""

CONNECT_SECONDS = 10.0

AnswerFormat = Literal["json_schema", "json_object", "text"]
"""How a server is asked to keep to a schema: its own enforcement, a grammar beside ``json_object`` (llama.cpp), or not at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as the server sent it."""

    content: str
    model: str
    finish: Finish
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of texts as the server sent them, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    tokens: Tokens


class Endpoint(Protocol):
    """One model behind one protocol; ``embeds`` says whether the protocol has vectors of texts as well."""

    embeds: bool
    formats: tuple[AnswerFormat, ...]

    async def send(self, messages: Sequence[Message], schema: Mapping[str, object] | None, form: AnswerFormat) -> Answer:
        """Send one request, without retries. Raises `Failed` or `ReplyUnusable`."""
        ...

    async def embed(self, texts: Sequence[str], model: str) -> Vectors:
        """Send one request for the vectors of texts, without retries. Raises `Failed` or `ReplyUnusable`."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Failed(Exception):
    """One request brought no answer.

    ``status`` is that of HTTP, None where no response came. ``retry_after`` is in seconds. ``paid`` is set where the server may
    have done the work.
    """

    def __init__(
        self, detail: str, *, status: int | None = None, retry_after: float | None = None, paid: bool = False, code: str = ""
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        self.paid = paid
        self.code = code

    @property
    def can_be_retried(self) -> bool:
        """Whether the same request may succeed later (RFC 9110, 15.5 and 15.6); an empty account does not fill itself."""
        if self.code == "insufficient_quota":
            return False
        return self.status is None or self.status in (408, 409, 425, 429) or self.status >= 500

    @property
    def may_be_about_the_format(self) -> bool:
        """Whether the server may have rejected the answer format; llama-cpp-python does so with an internal error."""
        return self.status in (400, 422, 501) or (self.status == 500 and "response_format" in self.detail)


class BoundedClient(httpx2.AsyncClient):
    """Reads every body whole before it hands the response on, but never more than `LARGEST_BODY`."""

    async def send(self, request: httpx2.Request, *, stream: bool = False, **choices: Any) -> httpx2.Response:
        """Send one request. Raises `ReplyUnusable` where the body is too large."""
        response = await super().send(request, stream=True, **choices)
        body = bytearray()
        try:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST_BODY:
                    raise ReplyUnusable(
                        f"The reply of {request.url.host} is larger than {LARGEST_BODY // 1024**2} MiB and was cut off",
                        "Ask for shorter answers: --max-tokens 4096, or use another model: --model NAME",
                    )
        finally:
            await response.aclose()
        headers = [(name, value) for name, value in response.headers.multi_items() if name != "content-encoding"]
        return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=request)


def bounded_client(timeout: float, concurrency: int, *, local: bool) -> BoundedClient:
    """A client without redirects, so that no key follows one; a server on this machine is reached past any proxy."""
    return BoundedClient(
        timeout=httpx2.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
        limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        follow_redirects=False,
        trust_env=not local,
    )


def failed_status(response: httpx2.Response) -> Failed:
    """The failure that a response with an error status stands for."""
    detail, code = error_text(response.content)
    retry_after = seconds_to_wait(response.headers.get("retry-after"), time.time())
    return Failed(
        f"HTTP {response.status_code} {detail or response.reason_phrase}".strip(),
        status=response.status_code,
        retry_after=retry_after,
        code=code,
    )


def failed_connection(error: BaseException) -> Failed:
    """The failure to connect, or to read the response of a request that the server may have worked on."""
    cause = error.__cause__ or error
    connecting = isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError)
    what = "no connection" if connecting else "no response" if isinstance(cause, httpx2.TimeoutException) else "connection lost"
    return Failed(f"{what} ({cause or type(cause).__name__})", paid=not connecting)


def error_text(body: bytes) -> tuple[str, str]:
    """Message and code in the body of an error, in the forms servers use; the start of the body where it is something else."""
    try:
        value = json.loads(body)
    except ValueError:
        return " ".join(body[:300].decode("utf-8", "replace").split()), ""
    error = value.get("error", value) if isinstance(value, dict) else value
    code = ""
    if isinstance(error, dict):
        code = str(error.get("code") or error.get("type") or "")
        error = error.get("message") or error.get("detail") or error
    return encodable(str(error)[:1000]), code


def read_object(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object of a successful response; raises `ReplyUnusable` for anything else, `Failed` for an error in disguise."""
    try:
        value = response.json()
    except ValueError as error:
        raise unusable(response, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise unusable(response, "not a JSON object")
    refused = value.get("error")
    if isinstance(refused, dict):
        detail, code = error_text(response.content)
        status = refused["code"] if isinstance(refused.get("code"), int) else 500
        raise Failed(f"error {status} {detail}", status=status, code=code)
    return value


def unusable(response: httpx2.Response, reason: str) -> ReplyUnusable:
    """The error for a successful response that is not what the protocol says."""
    return ReplyUnusable(
        f"The reply of {response.request.url} is {reason}",
        "Check that --base-url names a model server, with /v1 at its end where the server has it.",
    )
