"""``qw verify --pairs``: a batch goes on past bad lines, and past its own death."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Command

DDL = "CREATE TABLE t (id INT PRIMARY KEY, x INT)"
LINES = [
    json.dumps({"id": "equal", "a": "SELECT id FROM t WHERE x > 1", "b": "SELECT id FROM t WHERE NOT x <= 1", "schema": DDL}),
    json.dumps({"id": "different", "a": "SELECT id FROM t WHERE x > 1", "b": "SELECT id FROM t WHERE x >= 1", "schema": DDL}),
    "this is no JSON",
    json.dumps({"id": "cut", "a": "SELECT id FROM t", "b": "SELECT id FROM", "schema": DDL}),
    json.dumps({"id": "no schema", "a": "SELECT id FROM t", "b": "SELECT id FROM t", "schema": "nowhere.sql"}),
    json.dumps({"id": "half", "a": "SELECT id FROM t"}),
    json.dumps({"id": "equal", "a": "SELECT 1", "b": "SELECT 1", "schema": DDL}),
    json.dumps({"id": "columns", "a": "SELECT id, x FROM t", "b": "SELECT id FROM t", "schema": "t.sql"}),
    "[1, 2]",
]
GRADES = ["proved", "refuted", *["unverifiable"] * 5, "refuted", "unverifiable"]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    file = tmp_path / "pairs.jsonl"
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "t.sql").write_text(DDL)
    file.write_text("\n".join(LINES))
    return file


def test_every_line_gets_a_verdict(qw: Command, pairs: Path) -> None:
    answer = qw("verify", "--pairs", pairs, "--json")
    assert answer.code == 1
    verdicts = [json.loads(line) for line in answer.out.splitlines()]
    assert [verdict["grade"] for verdict in verdicts] == GRADES
    assert all(verdict["reason"] for verdict in verdicts if verdict["grade"] != "proved")
    assert "CREATE TABLE" in verdicts[1]["counterexample"]
    assert {"id", "grade", "reason", "premises", "seconds"} <= verdicts[0].keys()
    assert "repeats the id equal" in verdicts[6]["reason"]


def test_a_batch_goes_on_where_it_was_killed(qw: Command, pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "verdicts.jsonl"
    known = {"id": "equal", "grade": "proved", "reason": "from before", "premises": [], "seconds": 1.0, "counterexample": None}
    out.write_text(json.dumps(known) + "\n" + '{"id": "different", "gra')
    answer = qw("verify", "--pairs", pairs, "--out", out)
    assert "equal: proved" in answer.out
    assert "9 pairs" in answer.out
    stored = [json.loads(line) for line in out.read_text().splitlines()]
    assert [verdict["grade"] for verdict in stored] == ["proved", *GRADES[1:]]
    before = out.read_bytes()
    assert qw("verify", "--pairs", pairs, "--out", out).code == 1
    assert out.read_bytes() == before


def test_what_cannot_be_used_is_said_first(qw: Command, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("something else\n")
    for words, problem in (
        (("--pairs", "missing.jsonl"), "missing.jsonl does not exist"),
        (("--pairs", tmp_path / "other.txt"), "other.txt holds no pair that can be used. Line 1 is not JSON"),
        (("--pairs", pairs, "--out", tmp_path / "other.txt"), "other.txt is not a file of verdicts"),
        (("--pairs", pairs, "--out", "nowhere/out.jsonl"), "cannot be written"),
        (("--pairs", pairs, "--dialect", "klingon"), "klingon"),
        ((), "--pairs"),
    ):
        answer = qw("verify", *words)
        assert answer.code == 2
        assert problem in answer.err


def test_pairs_of_other_dialects(qw: Command, tmp_path: Path) -> None:
    ddl = "CREATE TABLE `emp` (`id` int(11) NOT NULL, `sal` int, PRIMARY KEY (`id`), KEY `s` (`sal`)) ENGINE=InnoDB"
    lines = [
        {"id": "calcite", "a": "SELECT $f0 FROM (SELECT COUNT(*) AS $f0 FROM EMP) AS t", "b": "SELECT COUNT(*) FROM EMP"},
        {"id": "mysql", "a": "SELECT `id` FROM `emp` WHERE `sal` > 3", "b": "SELECT `id` FROM `emp` WHERE `sal` >= 3"},
        {
            "id": "once",
            "a": "SELECT ID FROM EMP e",
            "b": "SELECT t.$f0 FROM (SELECT SINGLE_VALUE(ID) AS $f0, ID FROM EMP GROUP BY ID) t",
        },
        {"id": "nowhere", "a": "SELECT NO_SUCH(id) FROM emp", "b": "SELECT id FROM emp"},
    ]
    file = tmp_path / "dialects.jsonl"
    file.write_text("\n".join(json.dumps({**line, "schema": ddl}) for line in lines))
    verdicts = [json.loads(line) for line in qw("verify", "--pairs", file, "--json").out.splitlines()]
    calcite, mysql, once, nowhere = verdicts
    assert calcite["grade"] in ("proved", "tested") and calcite["dialect"] == "calcite" and "$f0" in calcite["executed"][0]
    assert mysql["grade"] == "refuted" and mysql["executed"] and "`" not in mysql["counterexample"]
    assert once["grade"] == "proved" and "Neither was run" in once["reason"]
    assert nowhere["grade"] == "unverifiable" and "does not run on duckdb" in nowhere["reason"]
