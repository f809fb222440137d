"""A conversation through a chat window: prompt, answer, verdict, the next prompt that tells of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Command
from sales_data import REFERRED, Save

from querywright.judge import ACCEPTED
from querywright.runs.directory import RunDirectory

COUNTS_TWICE = """SELECT a.city, count(*) AS orders
FROM (SELECT account_id AS k FROM orders WHERE amount > 5
      UNION ALL SELECT referrer_id FROM orders WHERE amount > 5) AS b JOIN accounts AS a ON a.id = b.k
GROUP BY a.city"""
RIGHT = COUNTS_TWICE.replace(") AS b", " AND referrer_id IS DISTINCT FROM account_id) AS b")


def answer(sql: str) -> str:
    nodes = [{"node": "main_query", "sql": sql}]
    return "Here you are:\n" + json.dumps({"rewrite_sets": [{"id": "rs_01", "transform": "or_to_union", "nodes": nodes}]})


@pytest.fixture
def run(sales: Path, save: Save, qw: Command, desk: Path) -> Path:
    """A run that waits for its first answer."""
    save(REFERRED)
    made = qw("prompt", "slow.sql", "--db", sales, "--out", "talk")
    assert made.code == 0, made.err
    return desk / "talk"


def test_a_prompt_is_printed_and_nothing_else(sales: Path, save: Save, qw: Command, desk: Path) -> None:
    save(REFERRED)
    shown = qw("prompt", "slow.sql", "--db", sales, "--no-run")
    assert shown.code == 0
    assert shown.err == "To have the answer judged, add: --out RUN\n"
    assert REFERRED.strip() in shown.out
    assert "## Examples" in shown.out
    assert "accounts (1,200 rows)" in shown.out
    assert not (desk / "runs").exists()


def test_a_prompt_is_messages_and_a_schema_for_programs(sales: Path, save: Save, qw: Command) -> None:
    save(REFERRED)
    document = json.loads(qw("prompt", "slow.sql", "--db", sales, "--no-run", "--json").out)
    assert [message["role"] for message in document["messages"]] == ["system", "user"]
    assert document["schema"]["type"] == "object"


def test_a_conversation_from_a_wrong_answer_to_a_right_one(run: Path, save: Save, qw: Command) -> None:
    wrong = qw("submit", run, save(answer(COUNTS_TWICE), "wrong.txt"))
    assert wrong.code == 3, wrong.err
    assert "different" in wrong.out
    prompt = qw("prompt", run).out
    assert "## Counterexample" in prompt
    assert "INSERT INTO" in prompt

    unusable = qw("submit", run, save("I'm sorry, I can't help with that.", "refusal.txt"))
    assert unusable.code == 3
    assert "Not judged (refusal)" in unusable.out
    prompt = qw("prompt", run).out
    assert "## Unusable Answers" in prompt

    right = qw("submit", run, save(answer(RIGHT), "right.txt"), "--model", "some chat")
    assert right.code in (0, 3)
    assert "or_to_union:" in right.out
    stored = RunDirectory.open(run)
    assert stored.complete
    assert [len(iteration.attempts) for iteration in stored.iterations()] == [1, 0, 1]
    last = stored.iterations()[2].attempts[0]
    assert last.verdict.grade in ACCEPTED
    assert last.candidate.origin.model == "some chat"
    assert [number for number, _ in stored.prompts()] == [1, 2, 3]


def test_literals_that_were_redacted_come_back_in_the_answer(sales: Path, save: Save, qw: Command, desk: Path) -> None:
    save(REFERRED)
    shown = qw("prompt", "slow.sql", "--db", sales, "--out", "talk", "--redact-literals")
    assert "o.amount > $integer_1" in shown.out
    qw("submit", "talk", save(answer(RIGHT.replace("> 5", "> $integer_1")), "right.txt"))
    [iteration] = RunDirectory.open(desk / "talk").iterations()
    assert "amount > 5" in iteration.attempts[0].candidate.query.sql
    assert iteration.attempts[0].verdict.grade in ACCEPTED


@pytest.mark.parametrize(
    ("text", "kind"),
    [("```sql\nDROP TABLE orders\n```", "forbidden"), ("x" * 10_000_000, "too_long"), ("<think>Let me see", "truncated")],
    ids=["a statement that writes", "ten megabytes", "cut off"],
)
def test_answers_that_cannot_be_judged_are_kept_with_the_reason(text: str, kind: str, run: Path, save: Save, qw: Command) -> None:
    told = qw("submit", run, save(text, "answer.txt"))
    assert told.code == 3
    assert f"Not judged ({kind})" in told.out
    stored = json.loads((run / "iterations" / "iteration_1" / "llm_response.json").read_text(encoding="utf-8"))
    assert [fault["kind"] for fault in stored["faults"]] == [kind]
    assert stored["problem"]


def test_an_answer_needs_a_prompt_first(run: Path, save: Save, qw: Command) -> None:
    garbage = save("no idea", "a.txt")
    assert qw("submit", run, garbage).code == 3
    again = qw("submit", run, garbage)
    assert again.code == 2
    assert f"qw prompt {run}" in again.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("submit", "nowhere", "a.txt"), "There is no run at"),
        (("submit", "talk", "missing.txt"), "missing.txt"),
        (("submit", "talk", "empty.txt"), "is empty"),
        (("prompt", "slow.sql"), "No database was named"),
        (("prompt", "slow.sql", "--db", "sales.duckdb", "--out", "talk"), "is there already"),
        (("prompt", "slow.sql", "--db", "sales.duckdb", "--example-strategy", "best"), "--example-strategy best is not known"),
    ],
)
def test_bad_input_is_told_with_a_remedy(run: Path, save: Save, qw: Command, words: tuple[str, ...], said: str) -> None:
    save("no idea", "a.txt")
    save("", "empty.txt")
    told = qw(*words)
    assert told.code == 2
    assert said in told.err


def test_runs_of_optimize_take_no_pasted_answers(sales: Path, save: Save, qw: Command, desk: Path) -> None:
    save("SELECT count(*) AS orders FROM orders", "quick.sql")
    qw("optimize", "quick.sql", "--db", sales)
    [optimized] = (desk / "runs").iterdir()
    told = qw("submit", optimized, save("x", "a.txt"))
    assert told.code == 2
    assert "was not made by qw prompt" in told.err
