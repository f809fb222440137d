"""What goes over OpenEnv's wire: the same answer and observation as everywhere else, as OpenEnv's types."""

from __future__ import annotations

from typing import Any

from openenv.core.env_server.types import Action, Observation, State
from pydantic import Field

from querywright.gym.wire import Answer


class QueryAction(Answer, Action):
    """A rewritten query with what its author has to say about it."""


class QueryObservation(Observation):
    """The task, how far its episode has come, and what the last answer earned and why."""

    task_id: str
    task_name: str
    task_description: str
    sql_query: str = Field(description="The slow query.")
    schema_info: str = Field(description="The tables it reads.")
    dialect: str
    difficulty: str
    step_count: int = 0
    max_steps: int
    issues_found_so_far: list[str] = Field(default_factory=list)
    last_execution: dict[str, Any] | None = Field(default=None, description="What came of running the last answer's query.")
    breakdown: dict[str, float] = Field(default_factory=dict, description="The components of the last reward.")
    feedback: str = Field(default="", description="What to make of the last reward.")


class QueryState(State):
    """Where an episode stands."""

    task_id: str | None = None
    max_steps: int = 0
    episode_done: bool = False
    cumulative_reward: float = 0.0
