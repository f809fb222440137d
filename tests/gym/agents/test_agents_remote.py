"""The same agents against a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_server import Desk, desk_service, serving

from querywright.errors import ExecutionError, GymError, InputError
from querywright.gym.agents.driver import Chosen, recruiting
from querywright.gym.evaluation.playing import play
from querywright.gym.remote import RemoteGym
from querywright.gym.wire import Answer, Suggestion

TASK = "task_1_basic_antipatterns"


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
