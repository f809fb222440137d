"""``qw factory`` as a user types it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Answer, command, private_machine

Words = tuple[object, ...]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--engine", "oracle"), "There is no engine 'oracle'"),
        (("run", "--proposers", "wishes"), "There is no proposer 'wishes'"),
        (("run", "--proposers", ","), "No proposer was named"),
        (("run", "--proposers", "model", "--price", "cheap"), "--price cheap is not two numbers"),
        (("run", "--engine", "sqlite", "--db", "nowhere.sqlite"), "does not exist"),
        (("run", "--out", "file/run"), "cannot be written"),
        (("stats", "nowhere"), "holds no run of the factory"),
        (("augment", "nowhere"), "holds no run of the factory"),
        (("export", "nowhere"), "holds no run of the factory"),
        (("check", "nowhere.jsonl"), "cannot be read"),
    ],
)
def test_bad_input_is_named_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: Words, said: str
) -> None:
    private_machine(monkeypatch, tmp_path)
    (tmp_path / "file").write_text("")
    answer = command(monkeypatch, capsys)("factory", *words)
    assert answer.code == 2
    assert said in answer.err and len(answer.err.strip().splitlines()) == 2


def test_a_run_from_making_to_checking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    private_machine(monkeypatch, tmp_path)
    qw = command(monkeypatch, capsys)
    made = qw("factory", "run", "--engine", "sqlite", "--iterations", 1, "--threshold", 0, "--out", "run", "--json")
    assert made.code == 0, made.err
    summary = json.loads(made.out)
    assert summary["questions"] == 20
    assert qw("factory", "augment", "run", "--variants", 1).code == 0
    stats = json.loads(qw("factory", "stats", "run", "--json").out)
    assert stats["examples"] == summary["examples"] + stats["variants"] and stats["leaks"] == []
    assert stats["runs"]["stage2"]["slow_queries_tried"] == summary["slow_queries_tried"]
    assert stats["runs"]["stage2"]["seconds"] == summary["seconds"] > 0
    assert (tmp_path / "run" / "stats" / "rewards.svg").is_file()
    (tmp_path / "run" / "stage2" / "metrics.json").unlink()  # as in a run that was killed before it wrote any
    assert qw("factory", "export", "run").code == 0
    lines = 0
    for name in ("training_data", "validation", "test"):
        checked = qw("factory", "check", f"run/finetuning/{name}.jsonl", "--rows", 1000, "--json")
        if not (tmp_path / "run" / "finetuning" / f"{name}.jsonl").stat().st_size:
            assert checked.code == 2 and "is empty" in checked.err
            continue
        assert checked.code == 0, checked.out
        lines += json.loads(checked.out)["lines"]
    assert lines == stats["examples"]


def test_lines_that_do_not_hold_are_named_and_decide_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    private_machine(monkeypatch, tmp_path)
    qw = command(monkeypatch, capsys)
    fast = "SELECT u.id FROM users AS u WHERE u.id < 5"
    row = {
        "messages": [{"role": "assistant", "content": f"{fast};"}],
        "engine": "duckdb",
        "database": "ecommerce:rows=3000",
        "renaming": "{}",
        "slow": "SELECT u.id FROM users AS u WHERE u.id < 5 AND u.id < 9",
        "fast": fast,
        "indexes": "",
    }
    holds, differs = json.dumps(row), json.dumps({**row, "slow": "SELECT u.id FROM users AS u WHERE u.id < 4"})

    def checked(*lines: str) -> Answer:
        (tmp_path / "lines.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return qw("factory", "check", "lines.jsonl", "--rows", 1000)

    assert checked(holds, holds).code == 0
    answer = checked(holds, differs, holds)
    assert answer.code == 1 and "line 2: " in answer.out and "2 of 3 lines hold" in answer.out
    answer = checked(holds, "{", differs, "[]")
    assert answer.code == 2
    assert all(said in answer.out for said in ("line 2: not JSON", "line 3: ", "line 4: not an object"))
    assert "line 1: " not in answer.out


def test_a_run_that_never_began_binds_nobody_and_one_that_did_goes_on_without_its_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    private_machine(monkeypatch, tmp_path)
    qw = command(monkeypatch, capsys)
    with closing(sqlite3.connect("own.sqlite")) as connection:
        connection.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, minutes INTEGER NOT NULL)")
        rows = [(number, "walk in" if number % 3 else "order", number * 13 % 240) for number in range(1500)]
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?)", rows)
        connection.commit()
    words = ("factory", "run", "--out", "run", "--threshold", 0, "--iterations", 1)
    assert "does not exist" in qw(*words, "--db", "mistyped.sqlite").err
    refused = qw(*words, "--db", "own.sqlite", "--engine", "duckdb")
    assert refused.code == 2 and refused.err.splitlines()[-1] == "Add --engine sqlite."
    assert qw(*words, "--db", "own.sqlite").code == 0

    again = qw("factory", "run", "--out", "run", "--json")
    assert again.code == 0 and json.loads(again.out)["questions"] == 20
    further = qw("factory", "run", "--out", "run", "--iterations", 2, "--json")
    assert json.loads(further.out)["questions"] == 40
    other = qw("factory", "run", "--out", "run", "--seed", 7)
    assert other.code == 2 and "holds a run with other seed" in other.err
