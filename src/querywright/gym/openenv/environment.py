"""The environment of one OpenEnv session; what is costly is shared by all of them."""

from __future__ import annotations

import uuid
from importlib.metadata import version
from typing import Any

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import EnvironmentMetadata

from querywright.errors import GymError
from querywright.gym import bodies
from querywright.gym.bodies import Body
from querywright.gym.episodes import SPLITS, Episode, tasks_of
from querywright.gym.openenv.models import QueryAction, QueryObservation, QueryState
from querywright.gym.openenv.rubric import RewardRubric
from querywright.gym.server.service import Service
from querywright.gym.values import StepResult

NAME = "querywright_env"


class QueryEnvironment(Environment[QueryAction, QueryObservation, QueryState]):
    """One client's episodes, one after the other. Raises `GymError` for what the client did wrong.

    Its methods wait for their fair turn to examine; ``timeout_s`` is not used, since every statement has a limit of its own.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, service: Service) -> None:
        super().__init__(rubric=RewardRubric(service.gym.components))
        self._service = service
        self._client = f"session {uuid.uuid4().hex}"
        self._episode: Episode | None = None
        self._shown_id: str | None = None

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        task_id: str | None = None,
        split: str | None = None,
        index: int | None = None,
        **_: Any,
    ) -> QueryObservation:
        """Start an episode of the task, of the one at ``index`` of ``split``, or of one that ``seed`` chooses from it."""
        return self._start(seed, episode_id, task_id, split, index)

    async def reset_async(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        task_id: str | None = None,
        split: str | None = None,
        index: int | None = None,
        **_: Any,
    ) -> QueryObservation:
        """`reset` without blocking."""
        return await self._service.aside(self._start, seed, episode_id, task_id, split, index)

    def step(self, action: QueryAction, timeout_s: float | None = None, **_: Any) -> QueryObservation:
        """Examine and grade an answer."""
        return self._service.submit(self._client, self._advance, action).result()

    async def step_async(self, action: QueryAction, timeout_s: float | None = None, **_: Any) -> QueryObservation:
        """`step` without blocking."""
        return await self._service.run(self._client, self._advance, action)

    @property
    def state(self) -> QueryState:
        """Where the episode stands; its name is the one that the client gave it."""
        body = bodies.state(self._episode)
        return QueryState(
            **{name: body[name] for name in body if name in QueryState.model_fields} | {"episode_id": self._shown_id}
        )

    def close(self) -> None:
        """End the episode."""
        if self._episode is not None:
            self._service.gym.close(self._episode.id)

    def get_metadata(self) -> EnvironmentMetadata:
        """What this environment is."""
        return EnvironmentMetadata(
            name=NAME,
            description="Make slow SQL fast: rewrites are verified on real databases, and only verified speed earns a reward.",
            version=version("querywright"),
        )

    def list_splits(self) -> list[Body]:
        """The splits; no query and no schema is in two of them."""
        return [{"name": name, "type": name} for name in SPLITS]

    def list_tasks(self, split: str) -> list[Body]:
        """All tasks of a split, without what solves them."""
        return [{"id": task.id, "index": index, **bodies.task(task)} for index, task in enumerate(tasks_of(split))]

    def num_tasks(self, split: str) -> int:
        """The number of tasks of a split."""
        return len(tasks_of(split))

    def get_task(self, split: str, index: int) -> Body:
        """One task of a split; raises IndexError."""
        known = tasks_of(split)
        if not 0 <= index < len(known):
            raise IndexError(f"Split {split} has {len(known)} tasks, counted from 0.")
        return {"id": known[index].id, "index": index, **bodies.task(known[index])}

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[Body]:
        """Some tasks of a split, by the rules of slices."""
        return self.list_tasks(split)[start:stop]

    def _start(
        self, seed: int | None, episode_id: str | None, task_id: str | None, split: str | None, index: int | None
    ) -> QueryObservation:
        episode = self._service.gym.reset(task_id, None, seed, split, index, self._client)
        self.close()
        self._reset_rubric()
        self._episode = episode
        self._shown_id = episode_id or self._episode.id
        return QueryObservation(**bodies.observation(self._episode), done=False, reward=None)

    def _advance(self, action: QueryAction) -> QueryObservation:
        if self._episode is None:
            raise GymError("There is no episode yet.", "Reset first.")
        result = self._service.gym.step(self._episode.id, action)
        self._episode = bodies.episode_after(result, self._episode.id)
        observation = _observed(result)
        observation.reward = self._apply_rubric(action, observation)
        return observation


def _observed(result: StepResult) -> QueryObservation:
    reward = result.reward
    return QueryObservation(
        **bodies.observation_after(result),
        done=result.done,
        reward=reward.score,
        breakdown=dict(reward.breakdown),
        feedback=reward.feedback,
        metadata=bodies.step(result, {})["info"],
    )
