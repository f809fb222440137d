"""OpenEnv's clients: WebSocket sessions with the environment's own client and the generic one, tasks, and what they show."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from live_server import Desk, desk_service, serving
from openenv.core import GenericEnvClient
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from querywright.gym.openenv.client import QuerywrightEnv
from querywright.gym.openenv.environment import QueryEnvironment
from querywright.gym.openenv.models import QueryAction
from querywright.gym.openenv.serving import MOST_SESSIONS
from querywright.gym.tasks.driver import tasks

PUBLISHED = [task.id for task in tasks(family="published")]


def test_the_client_plays_an_episode(address: str) -> None:
    with QuerywrightEnv(base_url=address).sync() as env:
        started = env.reset(task_id=PUBLISHED[0], episode_id="validation", seed=1)
        assert started.observation.task_id == PUBLISHED[0] and started.reward is None and not started.done
        stepped = env.step(QueryAction(optimized_query="equal", summary="as it should be"))
        assert stepped.reward == stepped.observation.reward > 0 and not stepped.done
        assert stepped.observation.step_count == 1 and stepped.observation.last_execution["results_match"] is True
        assert sum(stepped.observation.breakdown.values()) == pytest.approx(stepped.reward, abs=1e-4)
        state = env.state()
        assert (state.episode_id, state.step_count, state.task_id) == ("validation", 1, PUBLISHED[0])
        assert [env.step(QueryAction(optimized_query="wrong")).done for _ in range(2)] == [False, True]
        assert env.reset(task_id=PUBLISHED[1]).observation.step_count == 0


def test_the_generic_client_plays_with_plain_dictionaries(address: str) -> None:
    with GenericEnvClient(base_url=address).sync() as env:
        env.reset(split="test", index=1)
        result = env.step({"optimized_query": "equal"})
        assert result.observation["task_id"] == tasks(split="test")[1].id and result.reward > 0


def test_the_asynchronous_client_plays_as_well(address: str) -> None:
    async def play() -> float | None:
        async with QuerywrightEnv(base_url=address) as env:
            await env.reset(task_id=PUBLISHED[0])
            return (await env.step(QueryAction(optimized_query="equal"))).reward

    assert asyncio.run(play()) > 0


def test_mistakes_are_told_and_the_session_goes_on(address: str) -> None:
    with connect(address.replace("http", "ws") + "/ws") as session:

        def ask(message: object) -> dict[str, object]:
            session.send(message if isinstance(message, str) else json.dumps(message))
            return json.loads(session.recv(timeout=60))

        early = ask({"type": "step", "data": {"optimized_query": "SELECT 1"}})
        assert early["type"] == "error" and "Reset first" in early["data"]["message"]
        assert ask("no JSON")["data"]["code"] == "INVALID_JSON"
        assert ask({"type": "dance"})["data"]["code"] == "UNKNOWN_TYPE"
        assert "no task" in ask({"type": "reset", "data": {"task_id": "task_99"}})["data"]["message"]
        assert ask({"type": "reset", "data": {"split": "test", "index": 10**6}})["type"] == "error"
        assert ask({"type": "reset", "data": {}})["type"] == "observation"
        assert ask({"type": "step", "data": {"optimized_query": ["SELECT 1"]}})["data"]["code"] == "VALIDATION_ERROR"
        broken = ask({"type": "step", "data": {"optimized_query": "break"}})
        assert broken["type"] == "error" and "secret" not in json.dumps(broken)
        assert ask({"type": "state"})["data"]["step_count"] == 0
        assert ask({"type": "step", "data": {"optimized_query": "equal"}})["data"]["reward"] > 0


def test_a_session_that_breaks_off_is_closed_and_others_play_on(tmp_path: Path, published_data: None) -> None:
    desk = Desk()
    with serving(desk_service(desk, tmp_path, threads=2)) as address:
        with connect(address.replace("http", "ws") + "/ws") as leaving:
            leaving.send(json.dumps({"type": "reset", "data": {}}))
            leaving.recv(timeout=60)
            leaving.send(json.dumps({"type": "step", "data": {"optimized_query": "wait"}}))
            assert desk.entered.acquire(timeout=30)
            leaving.close_socket()
        with QuerywrightEnv(base_url=address).sync() as env:
            env.reset(task_id=PUBLISHED[1])
            assert env.step(QueryAction(optimized_query="equal")).observation.task_id == PUBLISHED[1]
        desk.leave.set()


def test_many_sessions_at_once_are_isolated(address: str) -> None:
    def play(number: int) -> list[str]:
        with QuerywrightEnv(base_url=address).sync() as env:
            env.reset(task_id=PUBLISHED[number % 5])
            return [env.step(QueryAction(optimized_query="wrong")).observation.task_id for _ in range(3)]

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(play, range(20))) == [[PUBLISHED[number % 5]] * 3 for number in range(20)]


def test_messages_too_large_end_only_their_own_session(address: str) -> None:
    with connect(address.replace("http", "ws") + "/ws", max_size=None) as session:
        session.send("x" * (2 << 20))
        with pytest.raises(Exception, match=r"1009|too big|sent 1009|received 1009"):
            session.recv(timeout=60)
    assert httpx.get(f"{address}/health").json() == {"status": "healthy"}


def test_tasks_are_listed_by_split(address: str) -> None:
    name = "querywright_env"
    assert httpx.get(f"{address}/list_environments").json() == [name]
    splits = [split["name"] for split in httpx.get(f"{address}/{name}/splits").json()]
    assert splits == ["train", "validation", "test"]
    for split in splits:
        known = tasks(split=split)
        assert httpx.post(f"{address}/{name}/num_tasks", json={"split": split}).json() == {"num_tasks": len(known)}
    first = httpx.post(f"{address}/{name}/task", json={"split": "test", "index": 0}).json()["task"]
    assert first["id"] == PUBLISHED[0] and first["index"] == 0
    some = httpx.post(f"{address}/{name}/task_range", json={"split": "test", "start": 1, "stop": 3}).json()["tasks"]
    assert [task["index"] for task in some] == [1, 2]
    assert httpx.post(f"{address}/{name}/task", json={"split": "test", "index": 10**6}).status_code == 400


def test_what_it_is_and_speaks_is_described(address: str) -> None:
    assert httpx.get(f"{address}/metadata").json()["name"] == "querywright_env"
    schema = httpx.get(f"{address}/schema").json()
    assert {"optimized_query", "suggestions"} <= set(schema["action"]["properties"])
    assert {"sql_query", "reward", "breakdown"} <= set(schema["observation"]["properties"])
    assert {"episode_id", "step_count", "task_id"} <= set(schema["state"]["properties"])
    paths = httpx.get(f"{address}/openapi.json").json()["paths"]
    assert {"/reset", "/step", "/state", "/health", "/execute", "/grader", "/leaderboard"} <= set(paths)


def test_the_reward_is_a_tree_of_its_components(tmp_path: Path, published_data: None) -> None:
    with desk_service(Desk(), tmp_path) as service:
        env = QueryEnvironment(service)
        env.reset(task_id=PUBLISHED[0])
        seen = env.step(QueryAction(optimized_query="equal"))
        scores = {name: rubric.last_score for name, rubric in env.rubric.named_rubrics()}
        assert scores == seen.breakdown and env.rubric.last_score == seen.reward


def test_one_session_too_many_is_refused_with_a_reason_until_another_ends(tmp_path: Path, published_data: None) -> None:
    reset = json.dumps({"type": "reset", "data": {"task_id": PUBLISHED[0]}})

    async def told(session: ClientConnection) -> dict[str, object]:
        await session.send(reset)
        return json.loads(await asyncio.wait_for(session.recv(), 60))

    async def fill(address: str) -> tuple[list[object], dict[str, object], list[object]]:
        async with AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(websocket(address)) for _ in range(MOST_SESSIONS)]
            first = [(await told(session))["type"] for session in opened]
            async with websocket(address) as further:
                refused = json.loads(await asyncio.wait_for(further.recv(), 60))
            await opened[0].close()
            later: list[object] = []
            for _ in range(100):
                try:
                    async with websocket(address) as another:
                        later.append((await told(another))["type"])
                except ConnectionClosed:
                    later.append("closed")
                if later[-1] == "observation":
                    break
                await asyncio.sleep(0.1)  # the server has not yet noticed that the other one left
            return first, refused, later

    with serving(desk_service(Desk(), tmp_path, threads=2)) as address:
        first, refused, later = asyncio.run(fill(address.replace("http", "ws") + "/ws"))
    assert first == ["observation"] * MOST_SESSIONS
    assert refused["type"] == "error" and "capacity" in json.dumps(refused).lower(), refused
    assert later[-1] == "observation", later
