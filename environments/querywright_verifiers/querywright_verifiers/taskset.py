"""The taskset: one task for each of Querywright's, whose reward is that of its environment for the answer given."""

from __future__ import annotations

import asyncio

import verifiers.v1 as vf

from querywright.gym.client import Environment, Stepped
from querywright.gym.evaluation.playing import choose
from querywright.gym.opening import shared_environment
from querywright.gym.prompting import opening, read_answer
from querywright.gym.wire import Answer

LEAST_GOLD = 0.9
"""What a certified rewrite earns at least."""


class QuerywrightData(vf.TaskData):
    """A task's prompt and the id by which the environment knows it."""

    task_id: str


class QuerywrightTaskConfig(vf.TaskConfig):
    """How to score: a profile of rewards in this process, or the server at ``url``."""

    profile: str = "verified"
    url: str | None = None


class QuerywrightTask(vf.Task[QuerywrightData, vf.State, QuerywrightTaskConfig]):
    """Scores the last reply."""

    @vf.reward(weight=1.0)
    async def verified_speedup(self, trace: vf.Trace) -> float:
        """The environment's reward, 0 where the reply holds no query."""
        came = await asyncio.to_thread(self._came, read_answer(trace.last_reply or ""))
        return came.score if came else 0.0

    @vf.metric
    async def correct(self, trace: vf.Trace) -> float:
        """1 where the query returns the right rows."""
        came = await asyncio.to_thread(self._came, read_answer(trace.last_reply or ""))
        return float(came is not None and came.execution.results_match)

    async def validate(self, runtime: vf.Runtime) -> bool | None:
        """Whether the certified rewrite earns what it should; None where the task has none or a server keeps it."""
        if self.config.url is not None:
            return None
        from querywright.gym.tasks.driver import find_task

        reference = find_task(self.data.task_id).reference
        if reference is None:
            return None
        came = await asyncio.to_thread(self._came, Answer(optimized_query=reference.sql))
        return came is not None and came.score >= LEAST_GOLD

    def _came(self, answer: Answer | None) -> Stepped | None:
        """What the environment says; an answer that it knows already is not run again."""
        if answer is None:
            return None
        environment = shared_environment(self.config.profile, self.config.url)
        return environment.step(environment.reset(self.data.task_id).episode_id, answer)


class QuerywrightConfig(vf.TasksetConfig):
    """Which tasks to take."""

    split: str | None = "train"
    family: str | None = None
    most: int | None = None
    task: QuerywrightTaskConfig = QuerywrightTaskConfig()


class QuerywrightTaskset(vf.Taskset[QuerywrightTask, QuerywrightConfig]):
    """All tasks of a split or family."""

    def load(self) -> list[QuerywrightTask]:
        """Tasks with the environment's own prompt."""
        environment: Environment = shared_environment(self.config.task.profile, self.config.task.url)
        names = choose(environment.tasks(), (), self.config.split, self.config.family, self.config.most)
        return [self._task(environment, name) for name in names]

    def _task(self, environment: Environment, name: str) -> QuerywrightTask:
        system, asked = opening(environment.reset(name))
        data = QuerywrightData(id=name, name=name, task_id=name, system_prompt=system.content, prompt=asked.content)
        return QuerywrightTask(data, self.config.task)
