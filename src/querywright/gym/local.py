"""The environment in this process, as its clients use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from querywright.gym import bodies
from querywright.gym.client import Execution, Observation, Stepped, TaskEntry
from querywright.gym.episodes import Gym
from querywright.gym.tasks.driver import tasks
from querywright.gym.values import StepResult
from querywright.gym.wire import Answer

Heard = Callable[[Answer, StepResult], None]


class LocalGym:
    """A `Gym` as an `querywright.gym.client.Environment`; ``heard`` receives each answer with what was found of it."""

    def __init__(self, gym: Gym, heard: Heard | None = None) -> None:
        self._gym = gym
        self._heard = heard

    @property
    def label(self) -> str:
        """The profile of rewards."""
        return f"in process, profile {self._gym.profile}"

    def tasks(self) -> tuple[TaskEntry, ...]:
        """All tasks of all families."""
        return tuple(TaskEntry(one.id, one.title, one.difficulty, one.steps, one.split, one.family) for one in tasks())

    def reset(self, task_id: str, *, seed: int | None = None) -> Observation:
        """Begin an episode; raises `querywright.errors.UnknownTask`."""
        episode = self._gym.reset(task_id, seed=seed)
        return Observation.read(bodies.observation(episode), episode.id)

    def step(self, episode_id: str, answer: Answer) -> Stepped:
        """Submit an answer; an episode that is over is closed. Raises what `Gym.step` raises."""
        result = self._gym.step(episode_id, answer)
        if self._heard is not None:
            self._heard(answer, result)
        observation = Observation.read(bodies.observation(self._gym.episode(episode_id)), episode_id)
        if result.done:
            self._gym.close(episode_id)
        reward, execution = result.reward, Execution.read(bodies.execution(result.examination))
        return Stepped(observation, reward.score, dict(reward.breakdown), reward.feedback, result.done, execution)


@contextmanager
def local_gym(profile: str = "verified", heard: Heard | None = None) -> Iterator[LocalGym]:
    """A gym with an examiner of its own while the ``with`` block lasts; raises `querywright.errors.InputError` for a profile
    that does not exist.
    """
    from querywright.gym.examiner import Examiner

    with Examiner() as examiner:
        yield LocalGym(Gym(examiner, profile), heard)
