"""``qw factory`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import command, private_machine

Words = tuple[object, ...]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--engine", "oracle"), "There is no engine 'oracle'"),
        (("run", "--proposers", "wishes"), "There is no proposer 'wishes'"),
        (("run", "--proposers", ","), "No proposer was named"),
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
    assert (tmp_path / "run" / "stats" / "rewards.svg").is_file()
    assert qw("factory", "export", "run").code == 0
    lines = 0
    for name in ("training_data", "validation", "test"):
        checked = qw("factory", "check", f"run/finetuning/{name}.jsonl", "--rows", 1000, "--json")
        assert checked.code == 0, checked.out
        lines += json.loads(checked.out)["lines"]
    assert lines == stats["examples"]
