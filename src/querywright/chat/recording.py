"""Every exchange with a model, one JSON line an event, on the disk before anything is done with it.

Events: ``request`` before the first request of a call is sent (what is asked, of whom, and the most one request can cost),
``failure`` for a request that brought nothing, ``reply`` or ``embedding`` for what was paid for. A call whose process was killed
has a request and no end: it is asked again, and the budget counts it as paid. The file never holds a key.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from querywright.chat.budget import Spending
from querywright.chat.protocol import Embedding, Message, Reply
from querywright.durable import sync_folder
from querywright.errors import ChatError, RunError

ERRORS = {kind.__name__: kind for kind in ChatError.__subclasses__()}
SHORTEST_SECRET = 8
"""Characters; a shorter one would be blanked out of ordinary words."""


def messages_hash(messages: Sequence[Message]) -> str:
    """A name for the text of a conversation."""
    text = json.dumps([[message.role, message.content] for message in messages])
    return hashlib.sha256(text.encode()).hexdigest()


def conversation(messages: Sequence[Message], schema: Mapping[str, object] | None) -> dict[str, Any]:
    """A question as a recording tells of it."""
    told = [asdict(message) for message in messages]
    return {"messages_hash": messages_hash(messages), "messages": told, "schema": schema}


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a recording knows of one call: the reply or the last error, once it has ended."""

    outcome: Reply | Embedding | ChatError | None = None


class Recording:
    """The exchanges of one run, kept in a file that survives a kill at any moment; in memory only where there is no path."""

    def __init__(self, path: Path | None = None, secret: str | None = None) -> None:
        """Read what is there. Raises `RunError` where the file is damaged other than by a crash while a line was written."""
        self._path = path
        self._secret = secret if secret and len(secret) >= SHORTEST_SECRET else None
        self._exchanges: dict[str, Exchange] = {}
        self._unanswered: dict[str, float | None] = {}
        self._settled = Spending()
        self._complete_bytes: int | None = None
        self._added = self._durable = 0
        self._syncing = asyncio.Lock()
        if path is not None and path.exists():
            self._read(path)

    def exchange(self, key: str) -> Exchange | None:
        """What is known of the call ``key``."""
        return self._exchanges.get(key)

    def spending(self) -> Spending:
        """What was paid, by all processes that wrote to this recording."""
        spent = self._settled
        for at_most in self._unanswered.values():
            spent = _paid(spent, at_most)
        return spent

    def request(self, key: str, content: Mapping[str, Any], *, model: str, base_url: str, at_most: float | None) -> None:
        """Note that a call is about to be sent; ``content`` is what is asked, ``at_most`` in US dollars."""
        told = {"event": "request", "key": key, "at_most": at_most, "model": model, "base_url": base_url}
        self._add(told | dict(content))

    def failure(self, key: str, error: ChatError, *, final: bool, paid: bool, cost: float | None) -> None:
        """Note that a request brought nothing; ``cost`` is what the budget counts for it where it may have been ``paid``."""
        self._add(
            {
                "event": "failure",
                "key": key,
                "error": type(error).__name__,
                "message": error.message,
                "remedy": error.remedy,
                "final": final,
                "paid": paid,
                "cost": cost,
            }
        )

    def paid(self, key: str, answer: Reply | Embedding) -> None:
        """Keep what was paid for."""
        kind = "reply" if isinstance(answer, Reply) else "embedding"
        self._add({"event": kind, "key": key, kind: asdict(answer)})

    async def durable(self) -> None:
        """Return once all that was added is on the disk. Those who wait at the same time share one write, which may take long."""
        added = self._added
        async with self._syncing:
            if self._path is not None and self._durable < added:
                added = self._added
                await asyncio.to_thread(_sync, self._path)
                self._durable = added

    def _add(self, event: dict[str, Any]) -> None:
        event["time"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._apply(event)
        if self._path is None:
            return
        line = json.dumps(event, allow_nan=False)
        if self._secret:
            line = line.replace(json.dumps(self._secret)[1:-1], "***")
        try:
            self._append(self._path, line.encode() + b"\n")
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._added += 1

    def _append(self, path: Path, line: bytes) -> None:
        """Hand one line to the system, which keeps it also when this process is killed.

        What a crash or a full disk cut short before is removed first.
        """
        new = not path.exists()
        if new:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif self._complete_bytes is not None:
            os.truncate(path, self._complete_bytes)
        self._complete_bytes = 0 if new else path.stat().st_size
        with path.open("ab") as file:
            file.write(line)
        self._complete_bytes = None
        if new:
            sync_folder(path.parent)

    def _apply(self, event: Mapping[str, Any]) -> None:
        key, kind = event["key"], event["event"]
        if kind == "request":
            self._exchanges[key] = Exchange()
            if key in self._unanswered:
                self._settled = _paid(self._settled, self._unanswered[key])
            self._unanswered[key] = event["at_most"]
        elif kind == "reply":
            reply = Reply(**event["reply"])
            self._end(key, reply)
            self._settled = _paid(self._settled, reply.cost, reply.prompt_tokens or 0, reply.completion_tokens or 0)
        elif kind == "embedding":
            told = event["embedding"]
            embedding = Embedding(**{**told, "vectors": tuple(map(tuple, told["vectors"]))})
            self._end(key, embedding)
            self._settled = _paid(self._settled, embedding.cost, embedding.prompt_tokens or 0)
        elif kind == "failure":
            if event["paid"]:
                self._settled = _paid(self._settled, event["cost"])
            if event["final"]:
                self._end(key, ERRORS[event["error"]](event["message"], event["remedy"]))
        else:
            raise ValueError(f"unknown event {kind!r}")

    def _end(self, key: str, outcome: Reply | Embedding | ChatError) -> None:
        self._exchanges[key] = replace(self._exchanges[key], outcome=outcome)
        self._unanswered.pop(key, None)

    def _read(self, path: Path) -> None:
        number = complete_bytes = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    number += 1
                    if not line.endswith(b"\n"):  # cut short by a crash; nothing was done with it
                        self._complete_bytes = complete_bytes
                        break
                    self._apply(json.loads(line))
                    complete_bytes += len(line)
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror or error}", "Check the path and its permissions.") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise RunError(
                f"Line {number} of {path} is not an exchange with a model: {error}",
                f"Repair the line, or start over without it: mv {path} {path}.damaged",
            ) from error


def _sync(path: Path) -> None:
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"The recording cannot be written to {path}: {error.strerror or error}",
        "Free space there and repeat the command; what is recorded is not asked again.",
    )


def _paid(spent: Spending, cost: float | None, prompt_tokens: int = 0, completion_tokens: int = 0) -> Spending:
    return Spending(
        spent.calls + 1,
        spent.prompt_tokens + prompt_tokens,
        spent.completion_tokens + completion_tokens,
        spent.cost + (cost or 0.0),
        spent.unpriced + (cost is None),
    )
