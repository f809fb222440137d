"""The same agents against a server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from command_line import Command
from live_server import Desk, desk_service, serving

from querywright.errors import ExecutionError, GymError, InputError
from querywright.gym.agents.driver import Chosen, recruiting
from querywright.gym.episodes import Gym
from querywright.gym.evaluation.playing import choose, play
from querywright.gym.local import LocalGym
from querywright.gym.remote import RemoteGym
from querywright.gym.tasks import driver
from querywright.gym.values import Task
from querywright.gym.wire import Answer, Suggestion

TASK = "task_1_basic_antipatterns"
REPAIRED = "task_4_implicit_join_repaired"


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="module")
def address(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(desk_service(desk, tmp_path_factory.mktemp("gym"))) as where:
        yield where


@pytest.mark.parametrize("name", ["rules", "random", "idle"])
def test_agents_play_over_http(name: str, address: str) -> None:
    with recruiting(Chosen(name)) as make:
        episode = play(RemoteGym(address), make(0), TASK, name=name)
    assert [move.step for move in episode.moves] == [1, 2, 3] and episode.moves[-1].done
    assert episode.environment == address and "Table: orders" in episode.opening.schema_info


def test_scores_and_executions_come_through(address: str) -> None:
    gym = RemoteGym(address)
    seen = gym.reset(TASK)
    answer = Answer(optimized_query="equal", suggestions=(Suggestion(issue_type="select_star"),), summary="é" * 60)
    came = gym.step(seen.episode_id, answer)
    assert came.execution.results_match and came.execution.speedup == 1.5
    assert came.score == pytest.approx(sum(came.breakdown.values())) and came.score > 0.05
    assert came.observation.step_count == 1 and came.observation.issues_found_so_far == ("select_star",)
    assert came.observation.last_execution is not None and came.observation.last_execution.results_match


def test_the_tasks_are_those_of_the_server(address: str) -> None:
    listed = {task.id: task for task in RemoteGym(address).tasks()}
    assert TASK in listed and listed[TASK].steps == 3 and listed[TASK].difficulty == "easy"


def test_tasks_of_all_families_come_in_as_many_parts_as_it_takes(
    address: str, small_tasks: Mapping[str, Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = {f"built_{number}": replace(small_tasks[REPAIRED], id=f"built_{number}", split="train") for number in range(2100)}
    monkeypatch.setattr(driver, "all_tasks", lambda: {**small_tasks, **built})
    found = RemoteGym(address).tasks()
    assert found == LocalGym(Gym(Desk())).tasks() and len(found) == 2110


@contextmanager
def published_server(refusing: bool) -> Iterator[str]:
    """A server of the published environment, which ignores or refuses what it does not know, and lists five tasks."""
    tasks = [{"task_id": f"task_{number}", "task_name": "", "difficulty": "easy", "max_steps": 3} for number in range(5)]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            refused = refusing and "?" in self.path
            content = json.dumps({"detail": "unknown parameter"} if refused else {"tasks": tasks}).encode()
            self.send_response(422 if refused else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(60)


@pytest.mark.parametrize("refusing", [False, True], ids=["ignores parameters", "refuses parameters"])
def test_a_published_server_has_the_tasks_that_it_lists(refusing: bool) -> None:
    with published_server(refusing) as where:
        found = RemoteGym(where).tasks()
    assert [task.id for task in found] == [f"task_{number}" for number in range(5)]
    assert choose(found) == tuple(task.id for task in found)
    with pytest.raises(InputError, match=r"family any and split train.\n.*name some: --tasks"):
        choose(found, split="train")


@pytest.mark.parametrize(
    ("words", "played"),
    [
        (["--family", "repaired", "--most", "1"], "task_1_basic_antipatterns_repaired"),
        (["--split", "train"], "built_for_training"),
        (["--tasks", REPAIRED], REPAIRED),
        (["--most", "1"], TASK),
    ],
    ids=" ".join,
)
def test_commands_play_any_task_of_a_server(
    words: list[str], played: str, address: str, qw: Command, small_tasks: Mapping[str, Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = replace(small_tasks[REPAIRED], id="built_for_training", split="train")
    monkeypatch.setattr(driver, "all_tasks", lambda: {**small_tasks, built.id: built})
    said = qw("gym", "baseline", "--url", address, "--agents", "idle", "--steps", 1, *words)
    assert said.code == 0 and said.err.startswith(f"idle on {played}, seed 0"), said.err
    compared = qw("gym", "evaluate", "idle", "random", "--url", address, "--steps", 1, *words)
    assert compared.code in (0, 3) and f"random on {played}, seed 0" in compared.err, compared.err
    inferred = qw("gym", "infer", "--url", address, "--agent", "idle", "--steps", 1, *words)
    assert inferred.code == 0 and inferred.out.startswith(f"[START] task={played} "), inferred.err


def test_what_the_server_refuses_is_said(address: str) -> None:
    gym = RemoteGym(address)
    with pytest.raises(GymError, match=r"/reset refused \(400\): There is no task nothing"):
        gym.reset("nothing")
    with pytest.raises(GymError, match=r"/step refused \(404\)"):
        gym.step("nobody", Answer(optimized_query="equal"))


def test_a_server_that_fails_ends_the_episode(address: str) -> None:
    class Breaking:
        def act(self, observation: object) -> Answer:
            return Answer(optimized_query="break")

    gym = RemoteGym(address)
    episode = play(gym, Breaking(), TASK, name="breaking")
    assert not episode.moves and "failed with 50" in episode.failure and "secret" not in episode.failure
    with pytest.raises(ExecutionError):
        gym.step(gym.reset(TASK).episode_id, Answer(optimized_query="break"))


def test_addresses_that_are_none() -> None:
    with pytest.raises(InputError, match="Write it as: --url http://HOST:PORT"):
        RemoteGym("localhost:7860")
    with pytest.raises(GymError, match=r"cannot be reached.*\n.*qw gym serve"):
        RemoteGym("http://127.0.0.1:9", timeout_s=5).reset(TASK)
