"""``qw gym baseline``, ``infer``, ``ablate``, ``replay`` and ``evaluate`` as a user types them, with queries that really run."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from chat.scripted_server import ScriptedServer, says, unauthorized
from command_line import Command

from querywright.gym.examiner import Examiner

TASK = "task_1_basic_antipatterns"
VARIABLES = ("MODEL_NAME", "API_BASE_URL", "HF_TOKEN", "API_KEY")
GOOD = (
    "SELECT * FROM orders WHERE customer_id = 5000 "
    "AND created_at >= TIMESTAMP '2024-01-01' AND created_at < TIMESTAMP '2025-01-01'"
)


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *(f"QUERYWRIGHT_{name}" for name in ("MODEL", "PROVIDER", "BASE_URL", "API_KEY", "OFFLINE"))):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def one_examiner(examiner: Examiner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands share an examiner instead of starting one each."""
    monkeypatch.setattr("querywright.gym.examiner.Examiner", lambda: nullcontext(examiner))


@pytest.mark.usefixtures("one_examiner")
def test_a_baseline_is_kept_and_goes_on(qw: Command) -> None:
    said = qw("gym", "baseline", "--agents", "rules,idle", "--tasks", TASK, "--steps", 1, "--out", "base")
    assert said.code == 0, said.err
    assert "| rules" in said.out and "| idle" in said.out and "difference" in said.out
    base = Path("base")
    assert {path.name for path in base.iterdir()} == {"episodes.jsonl", "baseline.json", "baseline.md", "baseline.svg"}
    [rules, idle] = json.loads((base / "baseline.json").read_text())["agents"]
    assert (rules["agent"], idle["agent"], idle["score"]) == ("rules", "idle", 0.05)
    assert rules["correct"] == 1.0

    again = qw(
        "gym", "baseline", "--agents", "rules,idle", "--tasks", TASK, "--steps", 1, "--seeds", 2, "--out", "base", "--json"
    )
    assert again.code == 0 and "seed 0" not in again.err and again.err.count("seed 1") == 2
    document = json.loads(again.out)
    assert [row["episodes"] for row in document["agents"]] == [2, 2] and document["agents"][1]["score_low"] == 0.05

    replayed = qw("gym", "replay", "base", "--out", "page/replay.html")
    assert replayed.code == 0 and "4 steps of 4 episodes" in replayed.out
    assert json.loads(Path("page/replay.json").read_text())["episodes"][0]["agent"] == "rules"

    compared = qw("gym", "evaluate", "base", "base", "--out", "both")
    assert compared.code == 2 and "Name one: base#rules or base#idle" in compared.err
    compared = qw("gym", "evaluate", "base#idle", "base#rules", "--out", "both")
    assert compared.code in (0, 3) and "rules" in compared.out and Path("both/evaluation.svg").is_file()


def test_inference_prints_the_lines_of_the_protocol(qw: Command) -> None:
    said = qw("gym", "infer", "--agent", "idle", "--tasks", TASK, "--steps", 2)
    assert said.code == 0, said.err
    start, first, second, end = said.out.splitlines()
    assert start == f"[START] task={TASK} env=querywright model=idle"
    assert re.fullmatch(r"\[STEP\] step=1 action=SELECT \* FROM orders WHERE .* reward=0\.05 done=false error=null", first)
    assert second.startswith("[STEP] step=2")
    assert end == "[END] success=false steps=2 score=0.05 rewards=0.05,0.05"


@pytest.mark.parametrize("variable", ["HF_TOKEN", "API_KEY"])
@pytest.mark.usefixtures("one_examiner")
def test_the_published_variables_name_the_model(variable: str, qw: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer([says(json.dumps({"optimized_query": GOOD}))]) as server:
        for name, value in {"MODEL_NAME": "org/small", "API_BASE_URL": server.url, variable: "a-key"}.items():
            monkeypatch.setenv(name, value)
        said = qw("gym", "infer", "--tasks", TASK, "--steps", 1)
        assert said.code == 0, said.err
        assert server.calls[0].headers["authorization"] == "Bearer a-key" and server.calls[0].body["model"] == "org/small"
    assert f"[START] task={TASK} env=querywright model=org/small" in said.out
    assert f"action={GOOD} reward=" in said.out and "done=" in said.out


@pytest.mark.usefixtures("one_examiner")
def test_an_episode_that_the_model_leaves_has_its_last_line_all_the_same(qw: Command) -> None:
    with ScriptedServer([says(json.dumps({"optimized_query": GOOD})), unauthorized()]) as server:
        said = qw("gym", "infer", "--model", "small", "--base-url", server.url, "--tasks", TASK)
    assert said.code == 2 and "Incorrect API key" in said.err
    assert [line.split()[0] for line in said.out.splitlines()] == ["[START]", "[STEP]", "[END]"]


def test_without_a_model_it_says_how_to_name_one(qw: Command) -> None:
    said = qw("gym", "infer", "--tasks", TASK)
    assert said.code == 2 and "No model is named" in said.err and "--model NAME" in said.err


@pytest.mark.usefixtures("one_examiner")
def test_a_quick_ablation(qw: Command) -> None:
    said = qw("gym", "ablate", "--quick", "--agents", "rules,idle", "--tasks", TASK, "--out", "ablation.json")
    assert said.code == 0, said.err
    assert "2 answers of 2 episodes, each examined once and graded 8 times." in said.err
    assert [line.split("|")[1].strip() for line in said.out.splitlines()[2:]] == [
        "full",
        *(f"without {name}" for name in ("speedup", "correctness", "issue_detection", "approval", "summary", "severity")),
        "execution only",
    ]
    masks = json.loads(Path("ablation.json").read_text())["masks"]
    assert masks["without correctness"]["scores"]["idle"] == pytest.approx(masks["full"]["scores"]["idle"] - 0.2, abs=1e-4)


@pytest.mark.usefixtures("one_examiner")
def test_a_replay_without_a_log_is_played_now(qw: Command) -> None:
    said = qw("gym", "replay", "--agent", "idle")
    assert said.code == 0, said.err
    assert "replay.html: 5 steps of 5 episodes; data: replay.json" in said.out
    assert "task_5_window_functions" in Path("replay.html").read_text()


@pytest.mark.usefixtures("one_examiner")
def test_before_and_after(qw: Command) -> None:
    said = qw("gym", "evaluate", "idle", "rules", "--tasks", f"{TASK},task_4_implicit_join", "--steps", 1, "--json")
    document = json.loads(said.out)
    assert said.code == (0 if document["gain"]["low"] > 0 else 3), said.err
    assert (document["before"], document["after"], document["pairs"]) == ("idle", "rules", 2)
    folder = Path("evaluation")
    assert {path.name for path in folder.iterdir()} == {"episodes.jsonl", "evaluation.json", "evaluation.md", "evaluation.svg"}
    assert "![scores](evaluation.svg)" in (folder / "evaluation.md").read_text()


@pytest.mark.usefixtures("one_examiner")
def test_two_servers_of_one_model_are_two_sides(qw: Command) -> None:
    answers = [says(json.dumps({"optimized_query": text})) for text in (GOOD, "SELECT id FROM orders")]
    with ScriptedServer([answers[1]]) as before, ScriptedServer([answers[0]]) as after:
        sides = [f"model:small@{server.url}" for server in (before, after)]
        said = qw("gym", "evaluate", *sides, "--tasks", TASK, "--steps", 1, "--json")
        again = qw("gym", "evaluate", *reversed(sides), "--tasks", TASK, "--steps", 1, "--json", "--out", "reversed")
        assert said.code == again.code == 3, said.err
        assert len(before.calls) == len(after.calls) == 2
    first, second = json.loads(said.out), json.loads(again.out)
    assert first["better"] == second["worse"] == 1 and first["before"] == second["after"]
    assert first["before"].startswith("model:small@127.0.0.1:") and first["before"] != first["after"]
    assert len(list(Path("evaluation").glob("exchanges_model_small_127.0.0.1_*.jsonl"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["baseline", "--agents", "ruels"], "There is no agent 'ruels'"),
        (["baseline", "--tasks", "task_9"], "There is no task 'task_9'"),
        (["baseline", "--family", "none"], "There is no task of family none"),
        (["baseline", "--profile", "none"], "Profiles: "),
        (["baseline", "--url", "localhost"], "--url http://HOST:PORT"),
        (["replay", "nowhere"], "qw gym baseline --out"),
        (["evaluate", "idle", "ruels"], "and no file of that name"),
        (["ablate", "--agents", ""], "Agents: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_says_what_to_type(words: list[str], message: str, qw: Command) -> None:
    said = qw("gym", *words)
    assert said.code == 2 and message in said.err and "Traceback" not in said.err
