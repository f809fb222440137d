"""What OpenEnv reserves names for and does not check yet, checked here under those names."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import yaml

from querywright.gym.openenv.client import QuerywrightEnv
from querywright.gym.openenv.models import QueryAction
from querywright.gym.tasks.driver import tasks
from querywright.gym.values import Task

PACKAGE = Path(__file__).parents[3] / "environments" / "querywright_env"
MANIFEST = yaml.safe_load((PACKAGE / "openenv.yaml").read_text(encoding="utf-8"))["validation"]
REPAIRED = tasks(family="repaired")
FIRST = "task_1_basic_antipatterns"


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


def _reference(task: Task) -> str:
    assert task.reference is not None
    return task.reference.sql
