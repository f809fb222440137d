"""Requests that are wrong, too large or meant to harm get a reason, and nobody else notices."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from live_server import Desk, desk_service, serving

TASK = "task_1_basic_antipatterns"
PAIR = (TASK, "task_4_implicit_join")
QUERY = {"optimized_query": "wrong"}

WRONG = {
    "no JSON": ("/reset", b"{task_id: 1", 400, "not JSON"),
    "half a JSON text": ("/step", b'{"optimized_query": "SELECT', 400, "not JSON"),
    "not UTF-8": ("/step", b'{"optimized_query": "\xff\xfe"}', 400, "not JSON"),
    "nested without end": ("/reset", b"[" * 100_000, 400, "nested too deeply"),
    "a list": ("/reset", b"[]", 422, "object is needed"),
    "a text": ("/execute", b'"SELECT 1"', 422, "object is needed"),
    "null": ("/step", b"null", 422, "object is needed"),
    "an unknown task": ("/reset", b'{"task_id": "task_99"}', 400, "no task task_99"),
    "an unknown task to execute": ("/execute", b'{"task_id": "task_99", "optimized_query": "SELECT 1"}', 400, "no task"),
    "a task that is a number": ("/reset", b'{"task_id": 1}', 422, "task_id"),
    "a field with a slip": ("/reset", b'{"taskid": "task_2_correlated_subqueries"}', 422, "taskid"),
    "a negative seed": ("/reset", b'{"seed": -1}', 422, "seed"),
    "an unknown split": ("/reset", b'{"seed": 1, "split": "holdout"}', 400, "no split"),
    "a name without end": ("/reset", b'{"episode_id": "%s"}' % (b"e" * 1000), 422, "episode_id"),
    "no query": ("/step", b'{"summary": "fast"}', 422, "optimized_query"),
    "a query that is a list": ("/step", b'{"optimized_query": ["SELECT 1"]}', 422, "optimized_query"),
    "an issue that is a list": ("/step", b'{"optimized_query": "", "suggestions": [{"issue_type": ["x"]}]}', 422, "issue_type"),
    "suggestions that are a text": ("/step", b'{"optimized_query": "", "suggestions": "x"}', 422, "suggestions"),
    "half a character": ("/step", b'{"optimized_query": "\\ud800"}', 422, "optimized_query"),
    "a query too long": ("/execute", b'{"task_id": "t", "optimized_query": "%s"}' % (b"x" * 100_001), 422, "optimized_query"),
    "a body too large": ("/step", b'{"optimized_query": "%s"}' % (b"x" * (1 << 20)), 413, "larger than"),
    "an action that is a text": ("/step", b'{"action": "SELECT 1"}', 422, "msg"),
    "an unknown episode": ("/step", b'{"optimized_query": "", "episode_id": "nobody"}', 404, "no open episode"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_requests_are_refused_with_a_reason(client: httpx.Client, name: str) -> None:
    path, content, status, reason = WRONG[name]
    episode = client.post("/reset", json={"task_id": TASK}).json()["episode_id"]
    answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert reason in json.dumps(answer.json()["detail"])
    assert client.get("/state").json()["episode_id"] == episode, "the episode is as it was"
    assert client.get("/state").json()["step_count"] == 0


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "split=holdout", "family=nobody", "limit=1001"])
def test_wrong_lists_are_refused(client: httpx.Client, query: str) -> None:
    assert client.get(f"/tasks?{query}").status_code in (400, 422)


def test_a_step_before_any_reset_is_refused(address: str) -> None:
    answer = httpx.post(f"{address}/step", json=QUERY, headers={"User-Agent": "nobody was here before"})
    assert answer.status_code == 400 and "POST /reset" in answer.json()["detail"]


def test_names_of_open_episodes_cannot_be_taken_over(client: httpx.Client, address: str) -> None:
    client.post("/reset", json={"task_id": TASK, "episode_id": "of one's own"})
    with httpx.Client(base_url=address) as other:
        assert other.post("/reset", json={"task_id": TASK, "episode_id": "of one's own"}).status_code == 409


def test_there_is_no_way_to_start_programs_and_no_other_origin_may_read(client: httpx.Client) -> None:
    """Hole H30: POST /baseline ran a subprocess for anybody, and pages of all origins could call everything."""
    assert client.post("/baseline").status_code == 404
    answer = client.get("/", headers={"Origin": "https://example.com"})
    assert "access-control-allow-origin" not in answer.headers
    preflight = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    assert client.options("/step", headers=preflight).status_code == 405


def test_clients_are_isolated_by_cookie_by_name_and_by_who_they_are(address: str) -> None:
    """Hole H23: A resets task 1, B resets task 2, and A's answer was graded on task 2."""
    first, second = "task_1_basic_antipatterns", "task_2_correlated_subqueries"
    with httpx.Client(base_url=address) as ours, httpx.Client(base_url=address) as theirs:
        ours.post("/reset", json={"task_id": first})
        theirs.post("/reset", json={"task_id": second})
        assert ours.post("/step", json=QUERY).json()["observation"]["task_id"] == first
        assert theirs.post("/step", json=QUERY).json()["observation"]["task_id"] == second
    names = {task: httpx.post(f"{address}/reset", json={"task_id": task}).json()["episode_id"] for task in (first, second)}
    for task, episode_id in names.items():
        stepped = httpx.post(f"{address}/step", json={**QUERY, "episode_id": episode_id}).json()
        assert stepped["observation"]["task_id"] == task
        assert httpx.get(f"{address}/state", params={"episode_id": episode_id}).json()["task_id"] == task
    for program, task in (("curl/8", first), ("wget/1", second)):
        httpx.post(f"{address}/reset", json={"task_id": task}, headers={"User-Agent": program})
    stepped = httpx.post(f"{address}/step", json=QUERY, headers={"User-Agent": "curl/8"}).json()
    assert stepped["observation"]["task_id"] == first


def test_clients_without_cookies_on_one_host_name_their_episode_in_a_header(address: str) -> None:
    """Programs that a proxy or a library makes look alike share the latest episode unless they say which is theirs."""
    names = {task: httpx.post(f"{address}/reset", json={"task_id": task}).json()["episode_id"] for task in PAIR}
    for task, episode_id in names.items():
        ours = {"X-Episode-Id": episode_id}
        stepped = httpx.post(f"{address}/step", json=QUERY, headers=ours).json()
        assert (stepped["observation"]["task_id"], stepped["info"]["episode_id"]) == (task, episode_id)
        nested = httpx.post(f"{address}/step", json={"action": QUERY}, headers=ours).json()
        assert (nested["observation"]["task_id"], nested["metadata"]["episode_id"]) == (task, episode_id)
        state = httpx.get(f"{address}/state", headers=ours).json()
        assert (state["task_id"], state["step_count"]) == (task, 2)
        assert httpx.post(f"{address}/grader", json=QUERY, headers=ours).status_code == 200
    first, last = names.values()
    assert httpx.post(f"{address}/step", json=QUERY).json()["info"]["episode_id"] == last, "what a client gets that names none"
    said = httpx.post(f"{address}/step", json={**QUERY, "episode_id": first}, headers={"X-Episode-Id": last}).json()
    assert said["info"]["episode_id"] == first, "the body is nearer to the answer than the header"
    unknown = httpx.post(f"{address}/step", json=QUERY, headers={"X-Episode-Id": "nobody"})
    assert unknown.status_code == 404 and "no open episode" in unknown.json()["detail"]


def test_free_tries_run_out_and_steps_do_not(tmp_path: Path, published_data: None) -> None:
    """Hole H25: /grader and /execute were an oracle without end."""
    with serving(desk_service(Desk(), tmp_path, burst=3)) as address, httpx.Client(base_url=address) as client:
        client.post("/reset", json={"task_id": TASK})
        codes = [client.post("/execute", json={"task_id": TASK, **QUERY}).status_code for _ in range(2)]
        codes += [client.post("/grader", json=QUERY).status_code for _ in range(2)]
        assert codes == [200, 200, 200, 429]
        refused = client.post("/execute", json={"task_id": TASK, **QUERY})
        assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
        assert client.post("/step", json=QUERY).status_code == 200


def test_what_breaks_inside_is_not_told(client: httpx.Client) -> None:
    client.post("/reset", json={"task_id": TASK})
    answer = client.post("/step", json={"optimized_query": "break"})
    assert answer.status_code == 503 and "secret" not in answer.text
    assert client.get("/state").json()["step_count"] == 0


def test_long_examinations_block_neither_the_server_nor_other_clients(tmp_path: Path, published_data: None) -> None:
    """Hole H22: one query without end took the whole server down."""
    desk = Desk()
    with serving(desk_service(desk, tmp_path, threads=2)) as address, ThreadPoolExecutor(4) as pool:
        slow = [
            pool.submit(httpx.post, f"{address}/execute", json={"task_id": TASK, "optimized_query": f"wait {number}"}, timeout=60)
            for number in range(4)
        ]
        assert desk.entered.acquire(timeout=30)
        assert httpx.get(f"{address}/health").json() == {"status": "healthy"}
        assert httpx.get(f"{address}/tasks").status_code == 200
        desk.leave.set()
        assert [answer.result(60).status_code for answer in slow] == [200] * 4


def test_clients_that_vanish_leave_nothing_behind(tmp_path: Path, published_data: None) -> None:
    """A query whose client left before its turn is never run, and the others go on."""
    desk = Desk()
    with serving(desk_service(desk, tmp_path, threads=1)) as address:
        connections = [_send(address, {"task_id": TASK, "optimized_query": "wait for the first"})]
        assert desk.entered.acquire(timeout=30)
        connections += [_send(address, {"task_id": TASK, "optimized_query": f"vanished {number}"}) for number in range(20)]
        httpx.get(f"{address}/health")
        for connection in connections:
            connection.close()
        with ThreadPoolExecutor(1) as pool:
            stays = pool.submit(httpx.post, f"{address}/execute", json={"task_id": TASK, "optimized_query": "stays"}, timeout=60)
            for _ in range(20):
                httpx.get(f"{address}/health")
            desk.leave.set()
            assert stays.result(60).status_code == 200
    assert [sql for _, sql in desk.asked if not sql.startswith("vanished")] == ["wait for the first", "stays"]
    assert len([sql for _, sql in desk.asked if sql.startswith("vanished")]) < 20


def test_two_hundred_connections_at_once(address: str) -> None:
    """Hole H24: with four clients, most steps failed inside one shared connection."""
    ready = threading.Barrier(200)
    place = urlsplit(address).netloc

    def play(number: int) -> tuple[int, str, int]:
        connection = HTTPConnection(place, timeout=120)
        ready.wait(60)
        started = _exchange(connection, "/reset", {"task_id": PAIR[number % 2]})[1]
        status, stepped = _exchange(connection, "/step", {"optimized_query": str(number), "episode_id": started["episode_id"]})
        connection.close()
        return status, stepped["observation"]["task_id"], stepped["info"]["step"]

    with ThreadPoolExecutor(200) as pool:
        played = list(pool.map(play, range(200)))
    assert played == [(200, PAIR[number % 2], 1) for number in range(200)]


def test_garbage_on_the_line_does_not_stop_the_server(address: str) -> None:
    host, port = urlsplit(address).hostname or "", urlsplit(address).port or 0
    for garbage in (b"\x00" * 1000, b"GET\r\n\r\n", b"POST /step HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"A" * 100_000):
        with socket.create_connection((host, port), timeout=30) as connection:
            connection.sendall(garbage)
    assert httpx.get(f"{address}/health").status_code == 200


def _exchange(connection: HTTPConnection, path: str, body: dict[str, str]) -> tuple[int, Any]:
    connection.request("POST", path, json.dumps(body))
    answer = connection.getresponse()
    return answer.status, json.load(answer)


def _send(address: str, body: dict[str, str]) -> socket.socket:
    """Sends a request and does not wait for the answer."""
    content = json.dumps(body).encode()
    parts = urlsplit(address)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)
    head = f"POST /execute HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection
