"""What Querywright needs of a language model: ask a conversation, get one reply with its price; and compare texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "refusal"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answered.

    ``finish`` is ``length`` where the answer was cut off at the token limit and ``refusal`` where the model declined.
    ``cost`` is in US dollars, None where the price of the model is unknown. ``seconds`` is the wall-clock time of the request
    that brought it; a reply that is read from a recording keeps it.
    """

    content: str
    model: str
    finish: Finish
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Embedding:
    """Vectors of texts, in the order of the texts; all have the same number of dimensions. The rest is as in `Reply`."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    prompt_tokens: int | None
    cost: float | None
    seconds: float


def encodable(text: str) -> str:
    """``text`` as a file can hold it: JSON can spell halves of surrogate pairs, which no encoding knows."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Chat(Protocol):
    """One model behind one endpoint, or a recording of it."""

    async def ask(self, messages: Sequence[Message], *, key: str, schema: Mapping[str, object] | None = None) -> Reply:
        """Ask the model, once per ``key``.

        Args:
            messages: The conversation so far; the last message is the question.
            key: Names the call within a run. The same key never pays twice, also when the run is resumed.
            schema: A JSON schema (an object at the top) that the answer should follow. A server that cannot enforce it is asked
                without it, so a caller parses tolerantly in any case.

        Raises:
            ChatUnavailable: the server could not be reached or kept failing; the message says how often it was tried.
            ChatRefused: the server will not serve this request (no key, wrong key, unknown model); nothing was retried.
            ReplyUnusable: the server answered, but with nothing that can be read (too large, not the protocol).
            BudgetExhausted: the call was not sent because it could pass the limit on cost or calls.
        """
        ...

    async def embed(self, texts: Sequence[str], *, key: str) -> Embedding:
        """The vectors of texts, by the embedding model that the user named, once per ``key``. Raises as `ask` does."""
        ...
