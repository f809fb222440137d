"""What an agent sees of the environment: the same values whether it runs in this process or behind a URL.

Field names are those of the published HTTP interface, so that its bodies can be read into them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from querywright.gym.wire import Answer


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of running an answer's query; times in milliseconds, ``speedup`` as a ratio, 0 where nothing was timed."""

    original_ms: float = 0.0
    optimized_ms: float = 0.0
    speedup: float = 0.0
    results_match: bool = False
    verdict: str = ""
    error: str = ""

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From the ``execution`` of a response; servers differ in what they leave out."""
        return cls(
            float(body.get("original_ms") or 0.0),
            float(body.get("optimized_ms") or 0.0),
            float(body.get("speedup") or 0.0),
            bool(body.get("results_match")),
            str(body.get("verdict") or ""),
            str(body.get("optimized_error") or body.get("error") or ""),
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """A task and how far its episode has come. ``schema_info`` is written by `querywright.gym.schema_text`."""

    episode_id: str
    task_id: str
    task_name: str
    task_description: str
    sql_query: str
    schema_info: str
    dialect: str
    difficulty: str
    step_count: int
    max_steps: int
    issues_found_so_far: tuple[str, ...] = ()
    last_execution: Execution | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any], episode_id: str = "") -> Self:
        """From the observation of a response; raises KeyError where it has no task."""
        last = body.get("last_execution")
        return cls(
            str(body.get("episode_id") or episode_id),
            str(body["task_id"]),
            str(body.get("task_name") or ""),
            str(body.get("task_description") or ""),
            str(body["sql_query"]),
            str(body.get("schema_info") or ""),
            str(body.get("dialect") or "duckdb"),
            str(body.get("difficulty") or ""),
            int(body.get("step_count") or 0),
            int(body.get("max_steps") or 1),
            tuple(map(str, body.get("issues_found_so_far") or ())),
            Execution.read(last) if isinstance(last, Mapping) else None,
        )


@dataclass(frozen=True, slots=True)
class Stepped:
    """The answer to one step: what is seen now, what the step earned and why."""

    observation: Observation
    score: float
    breakdown: Mapping[str, float]
    feedback: str
    done: bool
    execution: Execution


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """A task as a list of tasks shows it; ``split`` and ``family`` are empty where the server does not tell."""

    id: str
    title: str
    difficulty: str
    steps: int
    split: str = ""
    family: str = ""


class Environment(Protocol):
    """The environment as its clients use it."""

    @property
    def label(self) -> str:
        """Where it runs, for reports."""
        ...

    def tasks(self) -> tuple[TaskEntry, ...]:
        """All tasks."""
        ...

    def reset(self, task_id: str, *, seed: int | None = None) -> Observation:
        """Begin an episode. Raises `querywright.errors.InputError` for an unknown task."""
        ...

    def step(self, episode_id: str, answer: Answer) -> Stepped:
        """Submit an answer. Raises `querywright.errors.InputError` where the episode is unknown or over."""
        ...
