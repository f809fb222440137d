"""Answers from a recording, without any network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from querywright.chat.budget import Spending
from querywright.chat.protocol import Embedding, Message, Reply
from querywright.chat.recording import Recording
from querywright.errors import ChatError, ChatRefused


class ReplayedChat:
    """A `Chat` that repeats what a recording holds, errors included: for tests, and to look at a run again."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    @property
    def spending(self) -> Spending:
        """Nothing is paid for a replay."""
        return Spending()

    async def ask(self, messages: Sequence[Message], *, key: str, schema: Mapping[str, object] | None = None) -> Reply:
        """The reply recorded under the same key; raises the recorded error, or `ChatRefused`.

        The messages may differ: they hold times, which no two runs share.
        """
        outcome = self._outcome(key)
        if isinstance(outcome, Reply):
            return outcome
        raise outcome if isinstance(outcome, ChatError) else self._missing(key)

    async def embed(self, texts: Sequence[str], *, key: str) -> Embedding:
        """The vectors recorded under the same key; raises as `ask` does."""
        outcome = self._outcome(key)
        if isinstance(outcome, Embedding):
            return outcome
        raise outcome if isinstance(outcome, ChatError) else self._missing(key)

    def _outcome(self, key: str) -> Reply | Embedding | ChatError | None:
        exchange = self._recording.exchange(key)
        return exchange.outcome if exchange is not None else None

    def _missing(self, key: str) -> ChatRefused:
        return ChatRefused(f"The recording holds no answer to the call {key!r}", "Record the run again without --replay.")


class OfflineChat:
    """A `Chat` that sends nothing: it repeats what this run has been answered already and refuses the rest."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    @property
    def spending(self) -> Spending:
        """What was paid before."""
        return self._recording.spending()

    async def ask(self, messages: Sequence[Message], *, key: str, schema: Mapping[str, object] | None = None) -> Reply:
        """The reply that this run has; raises `ChatRefused` where it has none."""
        exchange = self._recording.exchange(key)
        if exchange is not None and isinstance(exchange.outcome, Reply):
            return exchange.outcome
        raise self._forbidden()

    async def embed(self, texts: Sequence[str], *, key: str) -> Embedding:
        """The vectors that this run has; raises `ChatRefused` where it has none."""
        exchange = self._recording.exchange(key)
        if exchange is not None and isinstance(exchange.outcome, Embedding):
            return exchange.outcome
        raise self._forbidden()

    def _forbidden(self) -> ChatRefused:
        return ChatRefused(
            "No model is asked: --offline forbids every call", "Leave out --offline and unset QUERYWRIGHT_OFFLINE to allow it."
        )
