"""What OpenEnv reserves names for and does not check yet, where rewards count: on engines and on all the data."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from querywright.gym.episodes import Gym
from querywright.gym.examiner import Examiner
from querywright.gym.rewards.verified import FLOOR
from querywright.gym.tasks import driver
from querywright.gym.tasks.driver import tasks
from querywright.gym.values import Reward, Task
from querywright.gym.wire import Answer

PACKAGE = Path(__file__).parents[3] / "environments" / "querywright_env"
MANIFEST = yaml.safe_load((PACKAGE / "openenv.yaml").read_text(encoding="utf-8"))["validation"]
CANARIES = json.loads((PACKAGE / "validation" / "canaries.json").read_text(encoding="utf-8"))
REPAIRED = tasks(family="repaired")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gym(tmp_path_factory: pytest.TempPathFactory, whole_tasks: Mapping[str, Task]) -> Iterator[Gym]:
    """A gym with engines and a timing lock of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("gym")))
        patch.setattr(driver, "all_tasks", lambda: whole_tasks)
        with Examiner() as examiner:
            yield Gym(examiner)


@pytest.fixture(scope="module")
def oracle(gym: Gym) -> dict[str, Reward]:
    """What the certified references earn."""
    return {task.id: gym.grade(task.id, Answer(optimized_query=_reference(task))) for task in REPAIRED}


def test_oracle_max(oracle: dict[str, Reward]) -> None:
    """Certified references earn the most that the manifest promises."""
    least = MANIFEST["reward"]["range"][1] - MANIFEST["reward"]["oracle_tolerance"]
    assert {name: reward.score for name, reward in oracle.items() if reward.score < least} == {}


def test_floor_gap(gym: Gym, oracle: dict[str, Reward]) -> None:
    """Doing nothing earns nothing, the original again earns the floor, and both are far from the most."""
    for task in REPAIRED:
        assert gym.grade(task.id, Answer(optimized_query="")).score == 0
        assert gym.grade(task.id, Answer(optimized_query=task.sql)).score == FLOOR
        assert oracle[task.id].score - FLOOR >= MANIFEST["reward"]["floor_margin"]


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: f"{canary['hole']}, {canary['task_id'][:6]}")
def test_canary_floor(gym: Gym, canary: dict[str, object]) -> None:
    """Each known way to break such environments earns no more than the floor."""
    answer = Answer.model_validate(canary["action"])
    assert gym.grade(str(canary["task_id"]), answer).score <= FLOOR


def test_adversarial_floor(gym: Gym) -> None:
    """Whoever only talks, repeats the original, or answers something trivial stays on the floor, on every kind of task."""
    words = {"summary": "select star, correlated subquery, missing join, cte, projection " * 3, "approved": True}
    for task in REPAIRED:
        named = [{"issue_type": name, "severity": "critical"} for name in task.issues]
        for sql in ("", "SELECT 1", task.sql, f"{task.sql} -- faster", f"SELECT * FROM ({task.sql}) AS same LIMIT 0"):
            answer = Answer.model_validate({"optimized_query": sql, "suggestions": named, **words})
            assert gym.grade(task.id, answer).score <= FLOOR, sql


def test_gameability_gap(gym: Gym, oracle: dict[str, Reward]) -> None:
    """What honest work earns is far above the best that tricks earn."""
    tricks = [gym.grade(canary["task_id"], Answer.model_validate(canary["action"])).score for canary in CANARIES]
    assert statistics.mean(reward.score for reward in oracle.values()) - max(tricks) >= MANIFEST["reward"]["floor_margin"]


def _reference(task: Task) -> str:
    assert task.reference is not None
    return task.reference.sql
