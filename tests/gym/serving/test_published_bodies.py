"""The published environment's HTTP interface, to the letter; what is added is an episode's name."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from live_server import Desk, desk_service, serving

from querywright.gym.server import application

TASKS = (
    "task_1_basic_antipatterns",
    "task_2_correlated_subqueries",
    "task_3_wildcard_scan",
    "task_4_implicit_join",
    "task_5_window_functions",
)
STEPS = (3, 4, 4, 5, 5)
OBSERVATION = {
    "task_id",
    "task_name",
    "task_description",
    "sql_query",
    "schema_info",
    "dialect",
    "difficulty",
    "step_count",
    "max_steps",
    "issues_found_so_far",
    "last_execution",
}
EXECUTION = {
    "original_ms",
    "optimized_ms",
    "speedup",
    "results_match",
    "original_rows",
    "optimized_rows",
    "original_error",
    "optimized_error",
    "verdict",
}
ACTION = {
    "suggestions": [
        {
            "issue_type": "correlated_subquery",
            "line": 4,
            "description": "Scans 500k orders for each of 3,300 premium users",
            "severity": "critical",
            "fix": "Rewrite as LEFT JOIN with GROUP BY aggregation",
        }
    ],
    "optimized_query": "WITH order_stats AS (SELECT customer_id, COUNT(*) ...) SELECT ...",
    "summary": "Three correlated subqueries cause ~5B row reads.",
    "estimated_improvement": "15-20x faster",
    "approved": False,
}
PRINTED = {
    "execute": """curl -X POST https://laterabhi-grpo-sql-optimizer.hf.space/execute \\
  -H "Content-Type: application/json" \\
  -d '{
    "task_id": "task_1_basic_antipatterns",
    "optimized_query": "SELECT id, customer_id, status, total FROM orders WHERE customer_id = 5000 AND created_at >= DATE '\\''2024-01-01'\\'' AND created_at < DATE '\\''2025-01-01'\\''"
  }'""",  # noqa: E501  (as printed)
    "reset": """curl -X POST https://laterabhi-grpo-sql-optimizer.hf.space/reset \\
  -H "Content-Type: application/json" \\
  -d '{"task_id": "task_2_correlated_subqueries"}'""",
    "step": """curl -X POST https://laterabhi-grpo-sql-optimizer.hf.space/step \\
  -H "Content-Type: application/json" \\
  -d '{"suggestions": [...], "optimized_query": "WITH ...", "summary": "...", "approved": false}'""",
}
"""The command lines of the published environment's description."""

HOST = "https://laterabhi-grpo-sql-optimizer.hf.space"


def curl(line: str, address: str) -> httpx.Response:
    """Runs a printed line against our server."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    words = shlex.split(line.replace("\\\n", " ").replace(HOST, address))
    shown = subprocess.run([*words, "-s", "-w", "\n%{http_code}"], capture_output=True, text=True, timeout=60, check=True)
    body, _, status = shown.stdout.rpartition("\n")
    return httpx.Response(int(status), text=body)


def test_the_printed_lines_work_one_after_the_other(address: str) -> None:
    executed = curl(PRINTED["execute"], address)
    assert executed.status_code == 200 and set(executed.json()) == {*EXECUTION, "explain_plan"}
    started = curl(PRINTED["reset"], address)
    assert started.status_code == 200 and started.json()["task_id"] == TASKS[1]
    stepped = curl(PRINTED["step"].replace("[...]", "[]"), address)
    assert stepped.status_code == 200 and stepped.json()["observation"]["task_id"] == TASKS[1]


def test_a_printed_line_with_its_gap_says_what_is_missing(address: str) -> None:
    refused = curl(PRINTED["step"], address)
    assert refused.status_code == 400 and "..." in refused.json()["detail"]


def test_root(client: httpx.Client) -> None:
    body = client.get("/").json()
    assert set(body) == {"status", "environment", "version", "unique_feature", "table_stats", "tasks"}
    assert body["table_stats"] == {"users": 500, "orders": 25_000, "products": 100, "events": 50_000}
    assert tuple(body["tasks"]) == TASKS


def test_reset(client: httpx.Client) -> None:
    answer = client.post("/reset", json={"task_id": TASKS[1]})
    body = answer.json()
    assert set(body) == {*OBSERVATION, "episode_id"}
    assert body["step_count"] == 0 and body["max_steps"] == 4 and body["difficulty"] == "medium"
    assert body["issues_found_so_far"] == [] and body["last_execution"] is None
    assert "Table: orders (25,000 rows)" in body["schema_info"]
    assert answer.cookies["episode_id"] == body["episode_id"]


@pytest.mark.parametrize("content", [b"", b"{}", b" "])
def test_reset_without_a_wish_starts_the_first_task(client: httpx.Client, content: bytes) -> None:
    assert client.post("/reset", content=content).json()["task_id"] == TASKS[0]


def test_step(client: httpx.Client) -> None:
    episode_id = client.post("/reset", json={"task_id": TASKS[1]}).json()["episode_id"]
    body = client.post("/step", json=ACTION).json()
    assert set(body) == {"observation", "reward", "done", "info"}
    assert set(body["observation"]) == OBSERVATION and body["observation"]["step_count"] == 1
    assert set(body["reward"]) == {"score", "breakdown", "feedback"}
    assert set(body["info"]) == {"step", "cumulative_reward", "issues_found", "execution", "episode_id"}
    assert body["info"]["episode_id"] == episode_id
    assert set(body["info"]["execution"]) == EXECUTION
    assert body["observation"]["last_execution"] == body["info"]["execution"]
    assert body["done"] is False and body["info"]["step"] == 1


def test_an_improvement_need_not_be_estimated(client: httpx.Client) -> None:
    client.post("/reset", json={"task_id": TASKS[0]})
    action = {name: value for name, value in ACTION.items() if name != "estimated_improvement"}
    assert client.post("/step", json=action).status_code == 200


def test_an_episode_ends(client: httpx.Client) -> None:
    client.post("/reset", json={"task_id": TASKS[0]})
    assert [client.post("/step", json=ACTION).json()["done"] for _ in range(3)] == [False, False, True]
    refused = client.post("/step", json=ACTION)
    assert refused.status_code == 400 and "is over" in refused.json()["detail"]
    assert client.get("/state").json()["episode_done"] is True


def test_state(client: httpx.Client) -> None:
    names = {"task_id", "step_count", "max_steps", "episode_done", "cumulative_reward", "current_task", "episode_id"}
    episode_id = client.post("/reset", json={"task_id": TASKS[3]}).json()["episode_id"]
    client.post("/step", json={**ACTION, "optimized_query": "equal"})
    body = client.get("/state").json()
    assert set(body) == names
    assert (body["task_id"], body["step_count"], body["max_steps"], body["episode_id"]) == (TASKS[3], 1, 5, episode_id)
    assert body["cumulative_reward"] > 0


def test_the_state_of_nobody_is_empty(address: str) -> None:
    body = httpx.get(f"{address}/state", headers={"User-Agent": "a newcomer"}).json()
    assert body["task_id"] is None and body["step_count"] == 0 and body["episode_done"] is False


def test_tasks(client: httpx.Client) -> None:
    body = client.get("/tasks").json()
    published = {"task_id", "task_name", "difficulty", "max_steps", "description", "action_schema"}
    assert [task["task_id"] for task in body["tasks"]] == list(TASKS)
    assert [task["max_steps"] for task in body["tasks"]] == list(STEPS)
    assert all(published <= set(task) for task in body["tasks"])
    assert set(ACTION) <= set(body["tasks"][0]["action_schema"]["properties"])


def test_tasks_of_a_split_are_listed_in_parts(client: httpx.Client) -> None:
    whole = client.get("/tasks", params={"split": "all"}).json()
    assert len(whole["tasks"]) == min(whole["total"], 1000)
    part = client.get("/tasks", params={"split": "all", "offset": 2, "limit": 3}).json()
    assert part["tasks"] == whole["tasks"][2:5] and part["total"] == whole["total"]
    test = client.get("/tasks", params={"split": "test", "family": "repaired"}).json()["tasks"]
    assert {(task["split"], task["family"]) for task in test} == {("test", "repaired")}
    assert all(task["certified_speedup"] > 1 for task in test)


def test_grader_gives_the_reward_and_does_not_advance(client: httpx.Client) -> None:
    client.post("/reset", json={"task_id": TASKS[0]})
    body = client.post("/grader", json={**ACTION, "optimized_query": "equal"}).json()
    assert set(body) == {"score", "breakdown", "feedback"} and body["score"] > 0
    assert client.get("/state").json()["step_count"] == 0
    assert client.post("/grader", json={**ACTION, "task_id": TASKS[4], "optimized_query": "equal"}).json()["score"] > 0


def test_execute(client: httpx.Client) -> None:
    body = client.post("/execute", json={"task_id": TASKS[0], "optimized_query": "equal"}).json()
    assert set(body) == {*EXECUTION, "explain_plan"}
    assert body["results_match"] is True and body["verdict"] == "✅ 1.5x faster with correct results"


def test_leaderboard(published_data: None, tmp_path: Path) -> None:
    with (
        serving(desk_service(Desk(), tmp_path)) as own,
        httpx.Client(base_url=own, timeout=60) as client,
    ):  # others count attempts too
        client.post("/reset", json={"task_id": TASKS[2]})
        client.post("/step", json={**ACTION, "optimized_query": "equal"})
        client.post("/step", json={**ACTION, "optimized_query": "wrong"})
        body = client.get("/leaderboard").json()
    assert set(body) == {"leaderboard", "description"} and set(TASKS) <= set(body["leaderboard"])
    entry = body["leaderboard"][TASKS[2]]
    assert entry.pop("best_attempt_at").startswith("20")
    assert entry.pop("best_score") > 0
    assert entry == {"best_speedup": 1.5, "total_attempts": 2, "correct_attempts": 1, "success_rate": 0.5}


def test_bodies_of_openenv_are_answered_in_kind(client: httpx.Client) -> None:
    started = client.post("/reset", json={"seed": 3, "split": "test"}).json()
    assert set(started) == {"observation", "reward", "done"} and started["reward"] is None and started["done"] is False
    episode_id = started["observation"]["episode_id"]
    stepped = client.post("/step", json={"action": {**ACTION, "metadata": {}}, "episode_id": episode_id}).json()
    assert set(stepped) == {"observation", "reward", "done", "metadata"}
    assert isinstance(stepped["reward"], float) and stepped["metadata"]["step"] == 1


def test_the_page_needs_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/web")
    assert page.status_code == 200 and "http" not in page.text and "Querywright" in page.text
    assert client.get("/demo").text == page.text


def test_the_interface_needs_no_openenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published_data: None) -> None:
    monkeypatch.setattr(application, "find_spec", lambda name: None)
    with serving(desk_service(Desk(), tmp_path)) as address:
        paths = set(httpx.get(f"{address}/openapi.json").json()["paths"])
        started = httpx.post(f"{address}/reset", json={"task_id": TASKS[0]})
    assert paths == {"/", "/reset", "/step", "/state", "/tasks", "/grader", "/execute", "/leaderboard"}
    assert started.status_code == 200
