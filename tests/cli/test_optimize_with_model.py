"""``qw optimize`` with a model on the wire: a scripted server on loopback, in all four modes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from chat.scripted_server import (
    Action,
    Call,
    Script,
    ScriptedServer,
    drops,
    embeds,
    floods,
    hangs,
    overloaded,
    refuses,
    says,
    truncates,
    unauthorized,
    unknown_model,
)
from command_line import Command
from sales_data import ORDER_COUNTS, Save

from querywright.propose.gold import gold_examples
from querywright.search.asking import REPEATED

BY_ACCOUNT = "SELECT account_id, count(*) AS n FROM orders WHERE amount > 5 GROUP BY account_id"
GOOD = (
    f"SELECT a.id, coalesce(o.n, 0) AS orders FROM accounts a LEFT JOIN ({BY_ACCOUNT}) o ON o.account_id = a.id WHERE a.id <= 400"
)
WRONG = GOOD.replace("LEFT JOIN", "JOIN")
"""Loses the accounts without orders."""


def whole(sql: str) -> str:
    """An answer with a whole query, as chat models write it."""
    return f"This is faster:\n```sql\n{sql}\n```"


@pytest.fixture(autouse=True)
def a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERYWRIGHT_API_KEY", "secret-key")


@pytest.fixture
def sales(databases: Path, desk: Path) -> Path:
    """A copy of the SQLite database on the user's desk."""
    return Path(shutil.copy(databases / "sales.sqlite", desk))


@pytest.fixture
def asked(qw: Command, save: Save, sales: Path) -> Command:
    """``qw optimize`` of a slow SQLite query, with a model of the server alone."""
    query = save(ORDER_COUNTS)

    def run(server: ScriptedServer, *words: object) -> object:
        wire = ("--model", "m", "--base-url", server.url, "--price", "1,1", "--retries", "1")
        return qw("optimize", query, "--db", sales, *wire, "--runs-dir", "runs", *words)

    return run


def run_directory() -> Path:
    (run,) = Path("runs").iterdir()
    return run


def test_iterative_repairs_what_failed(asked: Command) -> None:
    with ScriptedServer([says("I have no idea."), says(whole(WRONG)), says(whole(GOOD))]) as server:
        answer = asked(server, "--proposers", "model", "--mode", "iterative")
    assert answer.code == 0, answer.out
    run = run_directory()
    prompts = [(run / "iterations" / f"iteration_{number}" / "prompt.txt").read_text() for number in (1, 2, 3)]
    assert "count(*)" in prompts[0] and "INSERT" not in prompts[0]
    failure = json.loads((run / "iterations/iteration_1/llm_response.json").read_text())
    assert failure["content"] == "I have no idea." and failure["problem"] and failure["problem"] in prompts[1]
    assert "INSERT INTO" in prompts[2], "the counterexample goes back to the model"
    outcome = json.loads((run / "outcome.json").read_text())
    assert outcome["best"]["candidate"]["origin"]["model"] == "m" and outcome["best"]["candidate"]["origin"]["cost"] > 0
    assert "secret-key" not in "".join(path.read_text() for path in run.rglob("*") if path.is_file())
    shutil.copy(run / "exchanges.jsonl", "recorded.jsonl")
    shutil.rmtree(run)
    with ScriptedServer([says("never asked")]) as server:
        answer = asked(server, "--proposers", "model", "--mode", "iterative", "--replay", "recorded.jsonl")
    assert answer.code == 0 and not server.calls


def test_single_stops_at_the_first_success(asked: Command) -> None:
    with ScriptedServer([refuses(), truncates("SELECT a.id"), says(whole(GOOD)), says("never asked")]) as server:
        answer = asked(server, "--proposers", "model", "--mode", "single")
    assert answer.code == 0, answer.out
    assert len(server.calls) == 3


def test_a_repeated_answer_is_told_so_and_what_was_paid_is_summed_up(asked: Command) -> None:
    with ScriptedServer([says(whole(WRONG)), says(whole(WRONG)), says(whole(GOOD), tokens=(1000, 500))]) as server:
        answer = asked(server, "--proposers", "model", "--mode", "single")
    assert answer.code in (0, 3), answer.err
    assert [REPEATED in call.question for call in server.calls] == [False, False, True]
    spending = json.loads((run_directory() / "summary.json").read_text())["model_spending"]
    assert (spending["calls"], spending["prompt_tokens"], spending["completion_tokens"]) == (3, 1200, 520)
    assert "Model: 3 calls, 1,200 + 520 tokens, $0.0017" in answer.out


def test_parallel_asks_for_all_workers_at_once(asked: Command) -> None:
    everybody = threading.Barrier(5, timeout=120)

    def script(call: Call) -> Action:
        if call.number <= 5:
            everybody.wait()
        return says(whole(GOOD)) if call.number == 4 else says(whole("DROP TABLE orders"))

    with ScriptedServer(script) as server:
        answer = asked(server, "--proposers", "model", "--mode", "parallel")
    assert answer.code == 0, answer.out
    assert server.most_at_once == 5 and len(server.calls) == 9, "five workers, and one retry of each of the four that failed"
    retried = [path for path in run_directory().glob("workers/*/retry_llm_response.json")]
    assert len(retried) == 4
    below = [part.partition("]")[0] for part in answer.out.split("\n[Worker ")[1:] if "Asked the model" in part]
    assert below[:5] == [f"{number}/5" for number in range(1, 6)], "each answer stands below its worker"


def test_swarm_asks_twenty_at_once_and_keeps_every_failure(asked: Command, sales: Path) -> None:
    before = sales.read_bytes()
    answers = [whole(GOOD), whole(WRONG), whole("DROP TABLE orders"), '{"rewrite_sets": [', "SELECT nothing FROM nowhere"]

    everybody = threading.Barrier(20, timeout=120)

    def script(call: Call) -> Action:
        everybody.wait()
        return says(answers[call.number % 5])

    with ScriptedServer(script) as server:
        answer = asked(server, "--proposers", "model", "--mode", "swarm")
    assert answer.code == 0, answer.out
    assert server.most_at_once == 20 and len(server.calls) == 20
    summary = json.loads((run_directory() / "summary.json").read_text())
    assert (summary["completed"], summary["valid_count"], summary["failed_count"]) == (20, 4, 16)
    for number in range(1, 21):
        generation = run_directory() / f"gen_{number:02d}"
        told = json.loads((generation / "validation.json").read_text())
        assert (generation / "prompt.txt").read_text() and (generation / "response.txt").read_text()
        assert told["error"] if told["status"] == "validation_failed" else told["speedup"] > 0
    assert sales.read_bytes() == before


def test_a_swarm_keeps_each_answer_the_moment_it_comes(asked: Command) -> None:
    """The last of five waits until the folders of the others are there."""
    kept: list[str] = []

    def script(call: Call) -> Action:
        if call.number < 5:
            return says(whole(WRONG))
        deadline = time.monotonic() + 120
        while len(kept) < 12 and time.monotonic() < deadline:
            kept[:] = [path.name for path in Path("runs").glob("*/gen_*/*") if path.suffix in (".txt", ".sql")]
            time.sleep(0.05)
        return says(whole(GOOD))

    with ScriptedServer(script) as server:
        answer = asked(server, "--proposers", "model", "--mode", "swarm", "--workers", "5")
    assert answer.code == 0, answer.out
    assert sorted(kept) == sorted(4 * ["optimized.sql", "prompt.txt", "response.txt"])
    summary = json.loads((run_directory() / "summary.json").read_text())
    assert (summary["valid_count"], summary["failed_count"]) == (1, 4)


UNLIKELY = next(example for example in gold_examples() if example.transform == "running_sum_join_to_window")
"""An example that is not built like the query."""


def by_theme(call: Call) -> Action:
    """Vectors that hold the query of the tests and the unlikely example to be alike; no answer that can be judged."""
    return embeds(lambda text: (1.0, float("accounts" in text or text == UNLIKELY.query))) if call.texts else says("")


def test_an_embedding_model_chooses_examples(asked: Command) -> None:
    words = ("--proposers", "model", "--iterations", "1", "--example-strategy", "retrieved")
    with ScriptedServer(by_theme) as server:
        asked(server, *words)
        asked(server, *words, "--embedding-model", "vectors", "--redact-literals")
    by_words, vectors, by_vectors = server.calls
    assert UNLIKELY.query.strip() not in by_words.question and UNLIKELY.query.strip() in by_vectors.question
    assert vectors.path == "/v1/embeddings" and vectors.body["model"] == "vectors"
    assert sum("accounts" in text for text in vectors.texts) == 1
    assert "400" not in vectors.texts[-1] and "$integer_2" in vectors.texts[-1], "redaction holds for vectors, too"


def test_without_vectors_the_words_decide(asked: Command) -> None:
    def script(call: Call) -> Action:
        return unknown_model() if call.texts else says(whole(GOOD))

    words = ("--proposers", "model", "--example-strategy", "retrieved", "--embedding-model", "vectors")
    with ScriptedServer(script) as server:
        answer = asked(server, *words)
    assert answer.code == 0, answer.out
    assert "Examples are compared by their words" in answer.out and "--embedding-model NAME" in answer.out


def test_an_embedding_model_without_the_strategy_is_refused(asked: Command) -> None:
    with ScriptedServer([says("never asked")]) as server:
        answer = asked(server, "--embedding-model", "vectors")
    assert answer.code == 2 and "--example-strategy retrieved" in answer.err and not server.calls


@pytest.mark.parametrize(
    ("script", "words", "told"),
    [
        pytest.param([unauthorized("secret-key")], (), "key", id="wrong-key"),
        pytest.param([unknown_model()], (), "model", id="unknown-model"),
        pytest.param([drops()], (), "", id="no-answer"),
        pytest.param([hangs()], ("--reply-timeout", "0.5"), "", id="timeout"),
        pytest.param([overloaded(retry_after="0")], (), "429", id="rate-limit"),
        pytest.param([says("never asked")], ("--max-calls", "0"), "--max-calls", id="budget"),
        pytest.param([says("never asked")], ("--offline",), "offline", id="offline"),
    ],
)
def test_the_rules_deliver_whatever_the_model_does(asked: Command, script: Script, words: tuple[str, ...], told: str) -> None:
    with ScriptedServer(script) as server:
        answer = asked(server, "--proposers", "rules,model", "--target-speedup", "100000", "--iterations", "2", *words)
    assert answer.code == 0, answer.out
    assert "The model is left out" in answer.out and told in answer.out and "secret-key" not in answer.out
    assert json.loads((run_directory() / "outcome.json").read_text())["best"]["candidate"]["origin"]["proposer"] == "rules"


def test_every_unusable_answer_is_kept_with_its_reason_and_the_rules_deliver(asked: Command) -> None:
    answers = [floods(5), says('{"rewrite_sets": [{"id":'), says(whole("DROP TABLE orders")), refuses(), truncates("SELECT a.id")]
    with ScriptedServer(answers) as server:
        answer = asked(server, "--proposers", "rules,model", "--target-speedup", "100000", "--iterations", "5")
    assert answer.code == 0, answer.out
    run = run_directory()
    kept = [json.loads((run / f"iterations/iteration_{number}/llm_response.json").read_text()) for number in range(1, 6)]
    assert "larger than 4 MiB" in kept[0]["problem"] and "--max-tokens 4096" in kept[0]["remedy"]
    assert "--max-tokens 4096" in answer.out, "the user is told what to type"
    assert [fault["kind"] for one in kept[1:] for fault in one["faults"]] == ["malformed", "forbidden", "refusal", "truncated"]
    assert all(one["problem"] in answer.out for one in kept)
    assert json.loads((run / "outcome.json").read_text())["best"]["candidate"]["origin"]["proposer"] == "rules"


def test_without_a_key_the_rules_go_on_and_a_model_alone_is_an_error(
    qw: Command, save: Save, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUERYWRIGHT_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    words = ("optimize", save(ORDER_COUNTS), "--db", sales, "--provider", "openai", "--model", "gpt-4o")
    answer = qw(*words, "--proposers", "rules,model")
    assert answer.code == 0 and "OPENAI_API_KEY" in answer.out
    answer = qw(*words, "--proposers", "model")
    assert answer.code == 2 and "OPENAI_API_KEY" in answer.err


def test_no_model_is_asked_unless_one_is_named(qw: Command, save: Save, sales: Path) -> None:
    answer = qw("optimize", save(ORDER_COUNTS), "--db", sales, "--runs-dir", "runs")
    assert answer.code == 0 and not (run_directory() / "exchanges.jsonl").exists()


def test_unknown_proposers_are_named(qw: Command, save: Save, sales: Path) -> None:
    answer = qw("optimize", save(ORDER_COUNTS), "--db", sales, "--proposers", "oracle")
    assert answer.code == 2 and "rules,model" in answer.err


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_resumes_without_a_repeated_call(sent: signal.Signals, save: Save, sales: Path) -> None:
    query = save(ORDER_COUNTS)

    def script(call: Call) -> Action:
        return hangs() if call.number == 3 else says(whole(WRONG) if call.number < 4 else whole(GOOD))

    with ScriptedServer(script) as server:
        words = [query, "--db", sales, "--model", "m", "--base-url", server.url, "--price", "1,1"]
        words += ["--proposers", "model", "--mode", "parallel", "--workers", "3", "--runs-dir", "runs"]
        code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # which a shell's background ignores
        code += "; from querywright.serve.cli import main; main()"
        command = [sys.executable, "-c", code, "optimize", *map(str, words)]
        killed = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ})
        while len(server.served) < 2:
            assert killed.poll() is None
            time.sleep(0.05)
        time.sleep(0.2)
        killed.send_signal(sent)
        told, _ = killed.communicate()
        assert sent == signal.SIGKILL or f"--resume {run_directory()}" in told
        again = [*command[:4], str(query), "--db", str(sales), "--resume", str(run_directory())]
        finished = subprocess.run(again, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    served = server.served
    assert len(served) == len(set(served)), "an answer that was paid for is not asked for again"
    assert len(served) <= 6, "three workers still, each with one retry at most"
    assert len(served) > 2, "the model of the interrupted run is asked on, without being named again"
