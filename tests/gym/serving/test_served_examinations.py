"""The server over real engines: what it answers, and that a query without end harms nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from live_server import serving

from querywright.gym.rewards.verified import FLOOR
from querywright.gym.server.service import open_service
from querywright.gym.tasks import driver
from querywright.gym.tasks.driver import find_task
from querywright.gym.values import Task

TASK = "task_1_basic_antipatterns"
FASTER = (
    "SELECT * FROM orders WHERE customer_id = 5000 "
    "AND created_at >= TIMESTAMP '2024-01-01' AND created_at < TIMESTAMP '2025-01-01'"
)
ENDLESS = f"{FASTER} AND (SELECT COUNT(*) FROM orders a, orders b WHERE hash(a.id * b.id) = 1) >= 0"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, whole_tasks: Mapping[str, Task]) -> Iterator[str]:
    """The address of a server that examines, on all the data; its timing lock is its own."""
    folder = tmp_path_factory.mktemp("gym")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(driver, "all_tasks", lambda: whole_tasks)
        with serving(open_service(leaderboard=folder / "leaderboard.sqlite")) as address:
            yield address


@pytest.fixture
def client(real: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=real, timeout=900) as client:
        yield client


def test_steps_earn_what_they_are_worth(client: httpx.Client) -> None:
    client.post("/reset", json={"task_id": TASK})
    scores = []
    for sql in ("SELECT 1", find_task(TASK).sql, FASTER):
        body = client.post("/step", json={"optimized_query": sql}).json()
        scores.append(body["reward"]["score"])
        assert body["reward"]["score"] == pytest.approx(sum(body["reward"]["breakdown"].values()), abs=1e-4)
    wrong, unchanged, rewritten = scores
    assert (wrong, unchanged) == (0.0, FLOOR) and rewritten > 0
    assert body["info"]["execution"]["results_match"] is True
    assert client.get("/state").json()["cumulative_reward"] == pytest.approx(sum(scores), abs=1e-3)
    entry = client.get("/leaderboard").json()["leaderboard"][TASK]
    assert (entry["total_attempts"], entry["correct_attempts"], entry["best_score"]) == (3, 2, max(scores))


def test_a_query_may_be_run_beside_the_original(client: httpx.Client) -> None:
    body = client.post("/execute", json={"task_id": TASK, "optimized_query": FASTER}).json()
    assert body["results_match"] is True and body["original_rows"] == body["optimized_rows"] == 26
    assert body["original_ms"] > 0 and body["optimized_ms"] > 0 and "orders" in body["explain_plan"]
    refused = client.post("/execute", json={"task_id": TASK, "optimized_query": "DROP TABLE orders"}).json()
    assert refused["results_match"] is False and refused["optimized_error"] and refused["explain_plan"] is None


def test_a_query_without_end_is_stopped_and_harms_nobody(client: httpx.Client, real: str) -> None:
    """Hole H22, with an engine: its client has long left, the server answers, and the next query is examined as usual."""
    with ThreadPoolExecutor(1) as pool:
        asked = {"task_id": TASK, "optimized_query": ENDLESS}
        endless = pool.submit(httpx.post, f"{real}/execute", json=asked, timeout=900)
        assert client.get("/health").json() == {"status": "healthy"}
        client.post("/reset", json={"task_id": TASK})
        stopped = endless.result(900).json()
    assert stopped["results_match"] is False and "stopped" in stopped["optimized_error"]
    body = client.post("/step", json={"optimized_query": FASTER}).json()
    assert body["info"]["execution"]["results_match"] is True


def test_the_data_stays_as_it_is(client: httpx.Client) -> None:
    """Holes H18 to H20: changed or dropped tables stayed so for everybody."""
    before = client.get("/").json()["table_stats"]
    client.post("/reset", json={"task_id": TASK})
    for sql in ("UPDATE orders SET total = 0", "DELETE FROM orders", "DROP TABLE orders"):
        assert client.post("/step", json={"optimized_query": sql}).json()["reward"]["score"] == 0
    assert client.get("/").json()["table_stats"] == before
    asked = {"task_id": TASK, "optimized_query": FASTER}
    assert client.post("/execute", json=asked).json()["results_match"] is True
