"""The model agent with a scripted server on the wire and an examiner that really runs what the model says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from chat.scripted_server import Action, Call, Script, ScriptedServer, drops, says, unauthorized

from querywright.chat.options import ChatOptions
from querywright.errors import ChatRefused
from querywright.gym.agents.driver import Chosen, recruiting
from querywright.gym.evaluation.episodes import EpisodeLog
from querywright.gym.evaluation.playing import play
from querywright.gym.local import LocalGym
from querywright.gym.rewards.verified import FLOOR

TASK = "task_1_basic_antipatterns"
GOOD = (
    "SELECT * FROM orders WHERE customer_id = 5000 "
    "AND created_at >= TIMESTAMP '2024-01-01' AND created_at < TIMESTAMP '2025-01-01'"
)
WRONG = GOOD.replace("2025-01-01", "2024-02-01").replace("5000", "50")


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "QUERYWRIGHT_API_KEY",
        "QUERYWRIGHT_MODEL",
        "QUERYWRIGHT_BASE_URL",
        "QUERYWRIGHT_PROVIDER",
        "QUERYWRIGHT_OFFLINE",
    ):
        monkeypatch.delenv(name, raising=False)


Played = Callable[..., tuple[EpisodeLog, ScriptedServer]]


@pytest.fixture
def played(gym: LocalGym) -> Played:
    """An episode against a script, and the server that has served it."""

    def run(script: Script | list[Action], recording: Path | None = None) -> tuple[EpisodeLog, ScriptedServer]:
        with ScriptedServer(script) as server:
            options = ChatOptions(model="small", base_url=server.url, retries=0)
            with recruiting(Chosen("model", options), recording) as make:
                return play(gym, make(0), TASK, name="model:small"), server

    return run


def action(sql: str) -> Action:
    return says(json.dumps({"optimized_query": sql, "suggestions": [{"issue_type": "select_star"}]}))


def test_the_model_learns_what_came_of_each_answer(played: Played) -> None:
    episode, server = played([action(WRONG), says("I have no idea."), action(GOOD)])
    wrong, unread, good = episode.moves
    assert wrong.score == 0 and not wrong.execution.results_match
    assert unread.score == FLOOR and unread.answer.optimized_query == episode.opening.sql_query
    assert good.execution.results_match and good.score >= FLOOR
    assert episode.best is good or good.score == FLOOR
    asked = [call.body["messages"] for call in server.calls]
    assert [len(messages) for messages in asked] == [2, 4, 6]
    assert "does not return the same rows" in asked[1][-1]["content"] and WRONG in asked[1][-2]["content"]
    assert "no query that can be run" in asked[2][-1]["content"]
    assert asked[0][:2] == asked[2][:2]


def test_each_episode_begins_afresh(gym: LocalGym) -> None:
    def script(call: Call) -> Action:
        return action(GOOD)

    with ScriptedServer(script) as server:
        options = ChatOptions(model="small", base_url=server.url)
        with recruiting(Chosen("model", options)) as make:
            for seed in (0, 1):
                play(gym, make(seed), TASK, name="model", steps=1, seed=seed)
        assert [len(call.body["messages"]) for call in server.calls] == [2, 2]


def test_a_recorded_answer_is_not_paid_for_again(played: Played, tmp_path: Path) -> None:
    recording = tmp_path / "exchanges.jsonl"
    first, _ = played([action(GOOD)], recording)
    second, server = played([drops()], recording)
    assert not server.calls
    assert [move.answer for move in first.moves] == [move.answer for move in second.moves]


def test_a_server_that_goes_away_ends_the_episode_with_what_it_had(played: Played) -> None:
    episode, _ = played([action(GOOD), drops()])
    assert len(episode.moves) == 1 and episode.failure and episode.score > 0


def test_a_wrong_key_ends_everything(played: Played) -> None:
    with pytest.raises(ChatRefused):
        played([unauthorized()])
