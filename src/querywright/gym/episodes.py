"""Episodes: any number of them, each of one task, isolated from each other; and tries outside of episodes, metered per client.

There is no current episode: whoever steps names the episode. All methods may be called from any thread; those that examine a
query block until it is examined. A profile of rewards grades, an examiner finds the facts.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from querywright.errors import EpisodeOver, EpisodeTaken, GymError, UnknownEpisode
from querywright.gym.leaderboard import Leaderboard
from querywright.gym.meter import Meter
from querywright.gym.rewards.driver import profiles
from querywright.gym.tasks.driver import find_task, tasks
from querywright.gym.values import Examination, Reward, Split, StepResult, Task
from querywright.gym.wire import Answer

SOLVED = 0.95
"""An answer with this score ends the episode."""

FIRST_TASK = "task_1_basic_antipatterns"
"""What a reset without any wish gets, as in the published environment."""

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Examining(Protocol):
    """What finds the facts about a query, as `querywright.gym.examiner.Examiner` does."""

    def examine(self, task: Task, sql: str, work: bool = False) -> Examination:
        """What is true of ``sql`` as an answer to ``task``."""
        ...

    def explain(self, task: Task, sql: str) -> str:
        """The engine's plan of ``sql`` on the task's database, "" where there is none."""
        ...

    def milliseconds(self, task: Task, sql: str) -> float:
        """How long ``sql`` takes on the task's database, whatever it returns; 0 where it may not run or fails."""
        ...

    def expect(self, task: Task) -> None:
        """An answer to ``task`` will come soon; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode as it stands. ``step`` counts the answers so far; ``found`` are the labeled issues that they named."""

    id: str
    task: Task
    step: int = 0
    done: bool = False
    cumulative: float = 0.0
    found: tuple[str, ...] = ()
    last: Examination | None = None


@dataclass
class _Open:
    episode: Episode
    client: str
    touched: float
    turn: threading.Lock = field(default_factory=threading.Lock)


class Gym:
    """Runs episodes with one examiner and one profile of rewards.

    ``leaderboard`` records each step; ``meter`` rations `grade` and `execute`; both may be left out. An episode is closed when
    nothing came for ``idle_s`` seconds; of more than ``most_episodes`` the longest untouched one of whoever has most is closed.
    Raises `GymError` for a profile that does not exist.
    """

    def __init__(
        self,
        examiner: Examining,
        profile: str = "verified",
        leaderboard: Leaderboard | None = None,
        meter: Meter | None = None,
        *,
        idle_s: float = 1800.0,
        most_episodes: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.examiner = examiner
        self.profile = profile
        self.leaderboard = leaderboard
        self.meter = meter
        known = profiles()
        if profile not in known:
            raise GymError(f"There is no profile of rewards named {profile!r}.", f"Profiles: {', '.join(known)}.")
        self._rules = known[profile]
        self._idle_s = idle_s
        self._most = most_episodes
        self._clock = clock
        self._open: OrderedDict[str, _Open] = OrderedDict()
        """By name; what was touched last stands last."""
        self._turn = threading.Lock()

    @property
    def components(self) -> tuple[str, ...]:
        """Names of what a reward is made of."""
        return self._rules.COMPONENTS

    def reset(
        self,
        task_id: str | None = None,
        episode_id: str | None = None,
        seed: int | None = None,
        split: str | None = None,
        index: int | None = None,
        client: str = "",
    ) -> Episode:
        """Start an episode of the task; of the one at ``index`` of ``split`` (default: train), or of one that ``seed`` chooses
        from it, where none is named.

        Raises `UnknownTask`, `EpisodeTaken` where an open episode has that name, and `GymError` for an unknown split or index.
        """
        episode = Episode(episode_id or uuid.uuid4().hex, _chosen(task_id, seed, split, index))
        with self._turn:
            self._close_idle()
            if episode.id in self._open:
                raise EpisodeTaken(
                    f"There is an open episode {episode.id!r} already.", "Leave the name out, or close that episode first."
                )
            self._open[episode.id] = _Open(episode, client, self._clock())
            if len(self._open) > self._most:
                self._close_one_of_many()
        self.examiner.expect(episode.task)
        return episode

    def step(self, episode_id: str, answer: Answer) -> StepResult:
        """Examine and grade an answer.

        Raises `UnknownEpisode`, `EpisodeOver`, and what the examiner raises; the step does not count then.
        """
        opened = self._find(episode_id)
        with opened.turn:
            before = opened.episode
            if before.done:
                raise EpisodeOver(f"Episode {episode_id!r} is over.", "Start another one with reset.")
            examination, reward = self._graded(before.task, answer)
            step = before.step + 1
            episode = replace(
                before,
                step=step,
                done=step >= before.task.steps or reward.score >= SOLVED,
                cumulative=round(before.cumulative + reward.score, 4),
                found=(*before.found, *(name for name in reward.detected if name not in before.found)),
                last=examination,
            )
            opened.episode = episode
            opened.touched = self._clock()
        if self.leaderboard is not None:
            self.leaderboard.record(episode.task.id, examination, reward)
        return StepResult(episode.task, step, examination, reward, episode.done, episode.cumulative, episode.found)

    def episode(self, episode_id: str) -> Episode:
        """The episode as it stands; raises `UnknownEpisode`."""
        return self._find(episode_id).episode

    def close(self, episode_id: str) -> None:
        """End the episode, if it is open; its name may be used again."""
        with self._turn:
            self._open.pop(episode_id, None)

    def grade(self, task_id: str, answer: Answer, client: str = "") -> Reward:
        """The reward that a step would give, outside of any episode; raises `UnknownTask` and `MeterExhausted`."""
        task = find_task(task_id)
        self._take(client)
        return self._graded(task, answer)[1]

    def execute(self, task_id: str, sql: str, client: str = "") -> Examination:
        """The facts about a query, outside of any episode; raises `UnknownTask` and `MeterExhausted`.

        A query whose columns are others is not compared any further, but timed all the same.
        """
        task = find_task(task_id)
        self._take(client)
        found = self.examiner.examine(task, sql)
        if found.refusal or found.error or found.optimized_ms:
            return found
        return replace(found, optimized_ms=self.examiner.milliseconds(task, sql))

    def _graded(self, task: Task, answer: Answer) -> tuple[Examination, Reward]:
        examination = self.examiner.examine(task, answer.optimized_query, work=self._rules.WORK)
        return examination, self._rules.score(task, answer, examination)

    def _take(self, client: str) -> None:
        if self.meter is not None:
            self.meter.take(client)

    def _find(self, episode_id: str) -> _Open:
        with self._turn:
            self._close_idle()
            opened = self._open.get(episode_id)
            if opened is None:
                minutes = f"{self._idle_s / 60:g} min"
                raise UnknownEpisode(
                    f"There is no open episode {episode_id!r}; one that nothing comes for is closed after {minutes}.",
                    "Start one with reset.",
                )
            opened.touched = self._clock()
            self._open.move_to_end(episode_id)
            return opened

    def _close_idle(self) -> None:
        """Close episodes from the longest untouched on; one whose answer is being examined is not idle."""
        limit = self._clock() - self._idle_s
        idle = []
        for name, opened in self._open.items():
            if opened.touched >= limit:
                break
            if not opened.turn.locked():
                idle.append(name)
        for name in idle:
            del self._open[name]

    def _close_one_of_many(self) -> None:
        [(client, _)] = Counter(opened.client for opened in self._open.values()).most_common(1)
        del self._open[next(name for name, opened in self._open.items() if opened.client == client)]


def tasks_of(split: str) -> tuple[Task, ...]:
    """The tasks of a split; raises `GymError` where there is no split of that name."""
    known = next((known for known in SPLITS if known == split), None)
    if known is None:
        raise GymError(f"There is no split {split[:100]!r}.", f"Splits: {', '.join(SPLITS)}.")
    return tasks(split=known)


def _chosen(task_id: str | None, seed: int | None, split: str | None, index: int | None) -> Task:
    if task_id is not None:
        return find_task(task_id)
    if seed is None and split is None and index is None:
        return find_task(FIRST_TASK)
    known = tasks_of(split or "train")
    if not known or (index is not None and not 0 <= index < len(known)):
        raise GymError(f"The split has {len(known)} tasks, counted from 0; the wish is for another.", "Name one by task_id.")
    return known[index] if index is not None else random.Random(seed).choice(known)
