"""The environment as TRL takes it, without TRL: a class with tools, a reward function, rows."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from live_server import Desk

from querywright.errors import WorkerLost
from querywright.gym.adapters.trl import OptimizationEpisode, environment_factory, reward_function, rows, tool_rows
from querywright.gym.episodes import Gym
from querywright.gym.local import LocalGym
from querywright.gym.rewards.verified import FLOOR
from querywright.gym.values import Examination, Task
from querywright.gym.wire import LONGEST_SQL

TASK = "task_1_basic_antipatterns"
ORIGINAL = "SELECT *\nFROM orders\nWHERE CAST(customer_id AS VARCHAR) = '5000'\n  AND year(created_at) = 2024"


@pytest.fixture
def desk() -> LocalGym:
    """A gym that finds queries equal that say so."""
    return LocalGym(Gym(Desk()))


def test_a_rollout_is_an_episode(gym: LocalGym) -> None:
    episode = environment_factory(gym)()
    task = episode.reset(task_id=TASK, prompt=[], difficulty="easy")
    assert ORIGINAL in task and "Table: orders" in task
    assert episode.get_reward() == 0.0
    told = episode.submit_query(ORIGINAL, ["select_star"])
    assert "gave the same rows" in told and f"Reward {FLOOR:.3f}. Tries left: 2." in told
    wrong = episode.submit_query("SELECT * FROM orders WHERE id < 0", [])
    assert "does not return the same rows" in wrong
    assert "failed" in episode.submit_query("SELECT nonsense FROM orders", [])
    assert episode.get_reward() == FLOOR
    assert episode.submit_query(ORIGINAL, []) == "No try is left; the episode is over."
    episode.reset(task_id=TASK)
    assert episode.get_reward() == 0.0


def test_episodes_of_one_batch_are_apart(desk: LocalGym) -> None:
    factory = environment_factory(desk)
    first, second = factory(), factory()
    first.reset(task_id=TASK)
    second.reset(task_id="task_4_implicit_join")
    first.submit_query("equal", [])
    assert first.get_reward() > FLOOR and second.get_reward() == 0.0


def test_whatever_the_model_calls_a_tool_with_is_answered(desk: LocalGym) -> None:
    episode = OptimizationEpisode(desk)
    assert episode.submit_query("SELECT 1", []) == "No task was given yet."
    episode.reset(task_id=TASK)
    assert "longer than" in episode.submit_query("x" * (LONGEST_SQL + 1), [])
    assert "Tries left" in episode.submit_query("equal", ["x" * 1000] * 500)
    assert "Tries left" in episode.submit_query("equal", None)  # type: ignore[arg-type]


def test_the_tools_are_documented_as_trl_reads_them() -> None:
    tools = {
        name: method
        for name, method in inspect.getmembers(OptimizationEpisode, inspect.isfunction)
        if not name.startswith("_") and name not in ("reset", "get_reward")
    }
    assert set(tools) == {"submit_query"}
    for tool in tools.values():
        signature = inspect.signature(tool, eval_str=True)
        documentation = inspect.getdoc(tool) or ""
        described = dict(
            re.findall(r"^    (\w+): (.+)$", documentation.partition("Args:")[2].partition("Returns:")[0], re.MULTILINE)
        )
        arguments = [name for name in signature.parameters if name != "self"]
        assert list(described) == arguments and all(described.values()) and "Returns:" in documentation
        assert all(signature.parameters[name].annotation is not inspect.Parameter.empty for name in arguments)
        assert signature.return_annotation is str


def test_rewards_of_completions(desk: LocalGym) -> None:
    reward = reward_function(desk, threads=2)
    said = json.dumps({"optimized_query": "equal", "suggestions": [{"issue_type": "select_star"}]})
    metrics: dict[str, float] = {}
    scores = reward(
        prompts=["p"] * 4,
        completions=[
            said,
            [{"role": "assistant", "content": "thinking"}, {"role": "assistant", "content": said}],
            "I do not know.",
            [{"role": "assistant", "content": "```sql\nSELECT different\n```"}],
        ],
        task_id=[TASK] * 4,
        difficulty=["easy"] * 4,
        completion_ids=[[1]] * 4,
        trainer_state=None,
        log_extra=metrics.__setitem__,
        log_metric=metrics.__setitem__,
    )
    assert scores[0] == scores[1] and scores[0] is not None and scores[0] > FLOOR
    assert scores[2:] == [0.0, 0.0] and metrics == {"gym/correct": 0.5}
    assert reward.__name__ == "verified_speedup"


def test_an_examination_that_failed_says_nothing_of_the_model() -> None:
    class Lost(Desk):
        def examine(self, task: Task, sql: str, work: bool = False) -> Examination:
            raise WorkerLost("the worker is gone")

    lost = LocalGym(Gym(Lost()))
    assert reward_function(lost)(prompts=["p"], completions=["SELECT 1"], task_id=[TASK]) == [None]
    episode = OptimizationEpisode(lost)
    episode.reset(task_id=TASK)
    assert "could not be examined" in episode.submit_query("SELECT 1", [])


def test_rows_hold_the_task_and_nothing_that_solves_it(desk: LocalGym) -> None:
    entries = [entry for entry in desk.tasks() if entry.family == "repaired"][:2]
    whole, tools = rows(desk, entries), tool_rows(entries)
    assert [row["task_id"] for row in whole] == [entry.id for entry in entries] == [row["task_id"] for row in tools]
    assert all([message["role"] for message in row["prompt"]] == ["system", "user"] for row in (*whole, *tools))
    assert all("Table: " in row["prompt"][1]["content"] for row in whole)
    assert tools[0]["prompt"] == tools[1]["prompt"]
    assert json.loads(json.dumps(whole)) == whole


def test_no_framework_is_loaded() -> None:
    frameworks = {"trl", "torch", "transformers", "datasets", "verifiers"}
    script = f"import sys, querywright.gym.adapters.trl; print({frameworks} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert shown.stdout.strip() == "set()"


def test_the_verifiers_package_uses_what_there_is() -> None:
    """It is installed apart, so this only checks the names that it takes from here."""
    module = Path(__file__).parents[3] / "environments" / "querywright_verifiers" / "querywright_verifiers" / "taskset.py"
    imports = [node for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    ours = [
        (node.module or "", alias.name)
        for node in imports
        for alias in node.names
        if (node.module or "").startswith("querywright.")
    ]
    assert len(ours) > 5
    missing = [(source, name) for source, name in ours if not hasattr(importlib.import_module(source), name)]
    assert not missing
