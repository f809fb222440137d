"""What OpenEnv reserves names for and does not check yet, checked here under those names, with engines where rewards count."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from querywright.gym.episodes import Gym
from querywright.gym.examiner import Examiner
from querywright.gym.openenv.client import QuerywrightEnv
from querywright.gym.openenv.models import QueryAction
from querywright.gym.rewards.verified import FLOOR
from querywright.gym.tasks.driver import tasks
from querywright.gym.values import Reward, Task
from querywright.gym.wire import Answer

PACKAGE = Path(__file__).parents[3] / "environments" / "querywright_env"
MANIFEST = yaml.safe_load((PACKAGE / "openenv.yaml").read_text(encoding="utf-8"))["validation"]
CANARIES = json.loads((PACKAGE / "validation" / "canaries.json").read_text(encoding="utf-8"))
REPAIRED = tasks(family="repaired")
FIRST = "task_1_basic_antipatterns"


@pytest.fixture(scope="module")
def gym(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gym]:
    """A gym with engines and a timing lock of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("gym")))
        with Examiner() as examiner:
            yield Gym(examiner)


@pytest.fixture(scope="module")
def oracle(gym: Gym) -> dict[str, Reward]:
    """What the certified references earn."""
    return {task.id: gym.grade(task.id, Answer(optimized_query=_reference(task))) for task in REPAIRED}


def test_seed_control(address: str) -> None:
    """The same seed gives the same task; others may give others."""
    with QuerywrightEnv(base_url=address).sync() as env:
        chosen = [env.reset(seed=seed, split="test").observation.task_id for seed in (1, 2, 3, 4, 5, 6, 7, 8) * 2]
    assert chosen[:8] == chosen[8:] and len(set(chosen)) > 1


def test_episode_determinism(address: str) -> None:
    """Equal answers after equal resets give equal observations and rewards."""

    def play() -> list[dict[str, object]]:
        with QuerywrightEnv(base_url=address).sync() as env:
            results = [env.reset(seed=5, episode_id="same", task_id=FIRST)]
            results += [env.step(QueryAction(optimized_query=sql)) for sql in ("wrong", "equal", "wrong")]
            return [{**result.observation.model_dump(), "done": result.done, "reward": result.reward} for result in results]

    assert play() == play()


def test_episode_isolation(address: str) -> None:
    """Sessions that play at the same time under the same name know nothing of each other."""
    other = "task_4_implicit_join"
    with QuerywrightEnv(base_url=address).sync() as ours, QuerywrightEnv(base_url=address).sync() as theirs:
        ours.reset(task_id=FIRST, episode_id="same")
        theirs.reset(task_id=other, episode_id="same")
        theirs.step(QueryAction(optimized_query="wrong"))
        assert (ours.state().step_count, theirs.state().step_count) == (0, 1)
        assert ours.step(QueryAction(optimized_query="equal")).observation.task_id == FIRST
        assert theirs.state().cumulative_reward == 0


def test_oracle_containment(address: str) -> None:
    """Nothing that shows the references can be reached by a client."""
    for path in ("/validation/oracle.py", "/oracle", "/../validation/oracle.py", "/solution", "/validation/canaries.json"):
        assert httpx.get(f"{address}{path}").status_code == 404
    assert MANIFEST["capabilities"]["oracle"]["location"] == "validation/oracle.py"


def test_no_solution_leakage(address: str) -> None:
    """No body that a client can ask for holds a reference, or the steps that led to it, or names a hidden database."""
    shown = [
        httpx.get(f"{address}{path}").text
        for path in ("/", "/tasks?split=all", "/metadata", "/schema", "/openapi.json", "/leaderboard")
    ]
    shown += [
        httpx.post(f"{address}/querywright_env/tasks", json={"split": split}).text for split in ("train", "validation", "test")
    ]
    with QuerywrightEnv(base_url=address).sync() as env:
        for task in REPAIRED:
            shown.append(env.reset(task_id=task.id).observation.model_dump_json())
            shown.append(env.step(QueryAction(optimized_query="wrong")).observation.model_dump_json())
    everything = "\n".join(shown)
    for task in REPAIRED:
        assert json.dumps(_reference(task))[1:-1] not in everything
        assert not [name for name in task.hidden if name in everything]


@pytest.mark.slow
def test_oracle_max(oracle: dict[str, Reward]) -> None:
    """Certified references earn the most that the manifest promises."""
    least = MANIFEST["reward"]["range"][1] - MANIFEST["reward"]["oracle_tolerance"]
    assert {name: reward.score for name, reward in oracle.items() if reward.score < least} == {}


@pytest.mark.slow
def test_floor_gap(gym: Gym, oracle: dict[str, Reward]) -> None:
    """Doing nothing earns nothing, the original again earns the floor, and both are far from the most."""
    for task in REPAIRED:
        assert gym.grade(task.id, Answer(optimized_query="")).score == 0
        assert gym.grade(task.id, Answer(optimized_query=task.sql)).score == FLOOR
        assert oracle[task.id].score - FLOOR >= MANIFEST["reward"]["floor_margin"]


@pytest.mark.slow
@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: f"{canary['hole']}, {canary['task_id'][:6]}")
def test_canary_floor(gym: Gym, canary: dict[str, object]) -> None:
    """Each known way to break such environments earns no more than the floor."""
    answer = Answer.model_validate(canary["action"])
    assert gym.grade(str(canary["task_id"]), answer).score <= FLOOR


@pytest.mark.slow
def test_adversarial_floor(gym: Gym) -> None:
    """Whoever only talks, repeats the original, or answers something trivial stays on the floor, on every kind of task."""
    words = {"summary": "select star, correlated subquery, missing join, cte, projection " * 3, "approved": True}
    for task in REPAIRED:
        named = [{"issue_type": name, "severity": "critical"} for name in task.issues]
        for sql in ("", "SELECT 1", task.sql, f"{task.sql} -- faster", f"SELECT * FROM ({task.sql}) AS same LIMIT 0"):
            answer = Answer.model_validate({"optimized_query": sql, "suggestions": named, **words})
            assert gym.grade(task.id, answer).score <= FLOOR, sql


@pytest.mark.slow
def test_gameability_gap(gym: Gym, oracle: dict[str, Reward]) -> None:
    """What honest work earns is far above the best that tricks earn."""
    tricks = [gym.grade(canary["task_id"], Answer.model_validate(canary["action"])).score for canary in CANARIES]
    assert statistics.mean(reward.score for reward in oracle.values()) - max(tricks) >= MANIFEST["reward"]["floor_margin"]


def _reference(task: Task) -> str:
    assert task.reference is not None
    return task.reference.sql
