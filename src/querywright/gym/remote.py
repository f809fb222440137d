"""A small client of the environment's HTTP interface: the same ``reset`` and ``step`` as in process.

It speaks the published bodies, so that it also plays against servers that have no ``episode_id`` and only one episode at a time.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from querywright.errors import ExecutionError, GymError, InputError, QuerywrightError
from querywright.gym.client import Execution, Observation, Stepped, TaskEntry
from querywright.gym.wire import Answer

_LONGEST_MESSAGE = 500

_TRIES = 3
"""How often a request is sent that the server has no room for."""

_LONGEST_WAIT_S = 30.0


class RemoteGym:
    """The environment behind ``url``; ``timeout_s`` is the most that one request may take."""

    def __init__(self, url: str, timeout_s: float = 300.0) -> None:
        """Raises `InputError` where ``url`` is no address of a server."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InputError(f"{url!r} is not the address of a server.", "Write it as: --url http://HOST:PORT")
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s

    @property
    def label(self) -> str:
        """The address."""
        return self._url

    def tasks(self) -> tuple[TaskEntry, ...]:
        """All tasks of all families; of a server of the published environment, which has no list in parts, those it lists."""
        try:
            page = self._request("/tasks?split=all&offset=0")
        except GymError:
            page = {}
        if "total" not in page:
            return tuple(map(_entry, self._request("/tasks")["tasks"]))
        found = [_entry(one) for one in page["tasks"]]
        while page["tasks"] and len(found) < int(page["total"]):
            page = self._request(f"/tasks?split=all&offset={len(found)}")
            found += [_entry(one) for one in page["tasks"]]
        return tuple(found)

    def reset(self, task_id: str, *, seed: int | None = None) -> Observation:
        """Begin an episode; raises `GymError` where the server refuses."""
        body: dict[str, object] = {"task_id": task_id}
        if seed is not None:
            body["seed"] = seed
        return Observation.read(self._request("/reset", body))

    def step(self, episode_id: str, answer: Answer) -> Stepped:
        """Submit an answer; raises `GymError` where the server refuses, `ExecutionError` where it fails."""
        body = answer.model_dump(mode="json")
        if episode_id:
            body["episode_id"] = episode_id
        came = self._request("/step", body)
        observation = Observation.read(came["observation"], episode_id)
        reward, info = came["reward"], came.get("info") or {}
        execution = Execution.read(info.get("execution") or came["observation"].get("last_execution") or {})
        breakdown = {str(name): float(value) for name, value in (reward.get("breakdown") or {}).items()}
        score = float(reward["score"])
        return Stepped(observation, score, breakdown, str(reward.get("feedback") or ""), bool(came["done"]), execution)

    def _request(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"})
        for tries in range(1, _TRIES + 1):
            try:
                with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                wait_s = _wait_s(error)
                if wait_s is None or tries == _TRIES:
                    raise self._refusal(path, error) from error
                time.sleep(wait_s)
            except OSError as error:
                reason = getattr(error, "reason", error)
                raise GymError(f"{self._url} cannot be reached: {reason}", "Start a server: qw gym serve") from error
            except ValueError as error:
                raise GymError(f"{self._url}{path} did not answer with JSON.", "Is that the environment's address?") from error
        raise AssertionError("the last try returns or raises")

    def _refusal(self, path: str, error: urllib.error.HTTPError) -> QuerywrightError:
        said = _message(error.read())
        if error.code >= 500:
            return ExecutionError(f"{self._url}{path} failed with {error.code}: {said}", "See the server's log.")
        return GymError(f"{self._url}{path} refused ({error.code}): {said}", "List its tasks: qw gym tasks")


def _entry(listed: Mapping[str, Any]) -> TaskEntry:
    """A task of a list; servers differ in what they leave out."""
    return TaskEntry(
        str(listed["task_id"]),
        str(listed.get("task_name") or ""),
        str(listed.get("difficulty") or ""),
        int(listed.get("max_steps") or 1),
        str(listed.get("split") or ""),
        str(listed.get("family") or ""),
    )


def _wait_s(error: urllib.error.HTTPError) -> float | None:
    """How long the server asks to wait before the same request again; None where it does not, or too long."""
    asked = error.headers.get("Retry-After", "")
    return float(asked) if error.code == 503 and asked.isdigit() and float(asked) <= _LONGEST_WAIT_S else None


def _message(content: bytes) -> str:
    """What the server says, and what it advises."""
    text = content.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    detail, advice = (body.get("detail", body), body.get("remedy")) if isinstance(body, dict) else (body, None)
    said = detail if isinstance(detail, str) else json.dumps(detail)
    return f"{said} {advice or ''}".strip()[:_LONGEST_MESSAGE]
