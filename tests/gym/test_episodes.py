"""Episodes: isolated from each other, closed when nobody comes back, and never more than there is room for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from querywright.errors import EpisodeOver, EpisodeTaken, GymError, MeterExhausted, UnknownEpisode, UnknownTask
from querywright.gym.episodes import Gym
from querywright.gym.leaderboard import Leaderboard
from querywright.gym.meter import Meter
from querywright.gym.tasks.driver import tasks
from querywright.gym.values import Examination, Task
from querywright.gym.wire import Answer

FIRST, SECOND, *_ = (task.id for task in tasks(family="published"))


@dataclass
class Desk:
    """Finds queries equal that say so, and remembers what it was asked; what a real examiner finds is tested with engines."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def examine(self, task: Task, sql: str, work: bool = False) -> Examination:
        self.asked.append((task.id, sql))
        if self.broken:
            raise RuntimeError("the engine is gone")
        return Examination(task.id, sql, match="equal" in sql, speedup=1.5 if "equal" in sql else 0.0)

    def explain(self, task: Task, sql: str) -> str:
        return ""

    def milliseconds(self, task: Task, sql: str) -> float:
        return 12.5

    def expect(self, task: Task) -> None:
        pass


@dataclass
class Clock:
    """Time that passes when told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def answer(sql: str = "SELECT 1") -> Answer:
    return Answer(optimized_query=sql)


def test_an_episode_counts_its_steps_and_ends() -> None:
    gym = Gym(Desk())
    episode = gym.reset(FIRST)
    results = [gym.step(episode.id, answer()) for _ in range(episode.task.steps)]
    assert [result.step for result in results] == [1, 2, 3]
    assert [result.done for result in results] == [False, False, True]
    with pytest.raises(EpisodeOver):
        gym.step(episode.id, answer())
    assert gym.episode(episode.id).done


def test_rewards_add_up_and_the_last_examination_stays() -> None:
    gym = Gym(Desk())
    episode = gym.reset(FIRST)
    rewards = [gym.step(episode.id, answer(sql)).reward.score for sql in ("wrong", "equal")]
    now = gym.episode(episode.id)
    assert now.cumulative == pytest.approx(sum(rewards), abs=1e-4) and rewards[1] > rewards[0]
    assert now.last is not None and now.last.sql == "equal"


def test_episode_isolation() -> None:
    """Clients step in turns; each is examined on its own task and counted in its own episode (hole H23)."""
    desk = Desk()
    gym = Gym(desk)
    ours, theirs = gym.reset(FIRST), gym.reset(SECOND)
    gym.step(ours.id, answer("ours"))
    gym.step(theirs.id, answer("theirs"))
    gym.step(theirs.id, answer("theirs too"))
    assert desk.asked == [(FIRST, "ours"), (SECOND, "theirs"), (SECOND, "theirs too")]
    assert (gym.episode(ours.id).step, gym.episode(theirs.id).step) == (1, 2)


def test_many_clients_at_once_never_mix() -> None:
    desk = Desk()
    gym = Gym(desk)
    names = [task.id for task in tasks(family="published")]

    def play(number: int) -> list[str]:
        episode = gym.reset(names[number % 5])
        return [gym.step(episode.id, answer(f"{number}")).task.id for _ in range(3)]

    with ThreadPoolExecutor(16) as pool:
        graded = list(pool.map(play, range(200)))
    assert graded == [[names[number % 5]] * 3 for number in range(200)]
    assert {(task, sql) for task, sql in desk.asked} == {(names[number % 5], f"{number}") for number in range(200)}


def test_steps_of_one_episode_wait_for_each_other() -> None:
    gym = Gym(Desk())
    episode = gym.reset(SECOND)
    with ThreadPoolExecutor(4) as pool:
        steps = sorted(result.step for result in pool.map(lambda _: gym.step(episode.id, answer()), range(4)))
    assert steps == [1, 2, 3, 4]


def test_a_step_that_could_not_be_examined_does_not_count() -> None:
    desk = Desk()
    gym = Gym(desk)
    episode = gym.reset(FIRST)
    desk.broken = True
    with pytest.raises(RuntimeError):
        gym.step(episode.id, answer())
    desk.broken = False
    assert gym.step(episode.id, answer()).step == 1


def test_idle_episodes_are_closed_and_others_stay() -> None:
    clock = Clock()
    gym = Gym(Desk(), idle_s=60, clock=clock)
    idle, busy = gym.reset(FIRST), gym.reset(FIRST)
    clock.now = 50
    gym.step(busy.id, answer())
    clock.now = 100
    assert gym.episode(busy.id).step == 1
    with pytest.raises(UnknownEpisode, match="closed after 1 min"):
        gym.step(idle.id, answer())


def test_whoever_opens_most_episodes_loses_the_oldest() -> None:
    gym = Gym(Desk(), most_episodes=4)
    quiet = gym.reset(FIRST, client="quiet")
    flood = [gym.reset(FIRST, client="flood") for _ in range(10)]
    assert gym.episode(quiet.id).step == 0
    assert [gym.episode(episode.id).id for episode in flood[-3:]] == [episode.id for episode in flood[-3:]]
    with pytest.raises(UnknownEpisode):
        gym.episode(flood[0].id)


def test_an_open_episode_is_never_replaced() -> None:
    gym = Gym(Desk())
    gym.reset(FIRST, episode_id="mine")
    with pytest.raises(EpisodeTaken):
        gym.reset(SECOND, episode_id="mine")
    assert gym.episode("mine").task.id == FIRST
    gym.close("mine")
    assert gym.reset(SECOND, episode_id="mine").task.id == SECOND


def test_seed_control() -> None:
    """The same seed chooses the same task of a split, and seeds differ."""
    gym = Gym(Desk())
    chosen = [gym.reset(seed=seed, split="test").task.id for seed in range(20)]
    assert chosen == [gym.reset(seed=seed, split="test").task.id for seed in range(20)]
    assert len(set(chosen)) > 1
    assert {gym.reset(seed=seed, split="test").task.split for seed in range(20)} == {"test"}


def test_without_any_wish_the_first_published_task_is_played() -> None:
    assert Gym(Desk()).reset().task.id == FIRST


def test_what_is_unknown_is_said() -> None:
    gym = Gym(Desk())
    with pytest.raises(UnknownTask):
        gym.reset("task_99")
    with pytest.raises(GymError, match="split"):
        gym.reset(seed=1, split="holdout")
    with pytest.raises(UnknownEpisode):
        gym.step("nobody", answer())
    with pytest.raises(GymError, match="profile"):
        Gym(Desk(), "generous")


def test_tries_outside_of_episodes_are_metered_per_client() -> None:
    """`grade` and `execute` are no free oracle (hole H25), whatever a neighbor does."""
    clock = Clock()
    gym = Gym(Desk(), meter=Meter(burst=3, every_s=10, clock=clock))
    gym.grade(FIRST, answer(), "ours")
    gym.execute(FIRST, "SELECT 1", "ours")
    gym.grade(FIRST, answer(), "ours")
    with pytest.raises(MeterExhausted) as refused:
        gym.execute(FIRST, "SELECT 1", "ours")
    assert refused.value.status == 429 and refused.value.retry_after_s == 10
    gym.execute(FIRST, "SELECT 1", "theirs")
    clock.now = 10
    gym.execute(FIRST, "SELECT 1", "ours")
    with pytest.raises(MeterExhausted):
        gym.grade(FIRST, answer(), "ours")


def test_an_unknown_task_costs_no_try() -> None:
    gym = Gym(Desk(), meter=Meter(burst=1))
    with pytest.raises(UnknownTask):
        gym.execute("task_99", "SELECT 1", "ours")
    gym.execute(FIRST, "SELECT 1", "ours")


def test_only_verified_answers_lead(tmp_path: Path) -> None:
    """Wrong answers are counted, but never stand on the leaderboard (hole H26)."""
    board = Leaderboard(tmp_path / "board.sqlite")
    gym = Gym(Desk(), leaderboard=board)
    episode = gym.reset(FIRST)
    gym.step(episode.id, answer("wrong"))
    [standing] = board.standings()
    assert (standing.attempts, standing.correct, standing.best_score) == (1, 0, None)
    reward = gym.step(episode.id, answer("equal")).reward
    [standing] = board.standings()
    assert (standing.attempts, standing.correct, standing.best_score, standing.best_sql) == (2, 1, reward.score, "equal")


def test_a_step_may_outlast_the_idle_limit() -> None:
    clock, entered, leave = Clock(), threading.Event(), threading.Event()

    class Slow(Desk):
        def examine(self, task: Task, sql: str, work: bool = False) -> Examination:
            entered.set()
            assert leave.wait(30)
            return super().examine(task, sql, work)

    gym = Gym(Slow(), idle_s=60, clock=clock)
    episode = gym.reset(FIRST)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(gym.step, episode.id, answer())
        assert entered.wait(30)
        clock.now = 1000
        gym.reset(FIRST)
        leave.set()
        assert result.result().step == 1
    assert gym.episode(episode.id).step == 1
