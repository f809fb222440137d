"""``qw bench`` from the command line to the files it leaves: broken queries, comparison, audit, resuming after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bench_cases import FINE, SLOW
from command_line import Command

from querywright.bench.comparison import rival_file


def rows(out: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in (out / "queries").iterdir() if path.suffix == ".json"}


def test_each_query_has_its_row_and_broken_ones_say_why(benched: Path) -> None:
    found = rows(benched)
    assert {name: row["declared"]["status"] for name, row in found.items()} == {
        "q1": "faster",
        "q2": "none",
        "q3": "broken",
        "q4": "broken",
        "q5": "broken",
        "q10": "broken",
    }
    for name, part in {"q3": "ordres", "q4": "q4.sql is not valid", "q5": "q5.sql is not a text file", "q10": "DROP"}.items():
        assert part in found[name]["declared"]["reason"]
    best = found["q1"]["declared"]
    assert best["grade"] in ("proved", "tested") and best["transforms"] and best["measurement"]["low"] > 1.05
    assert best["measurement"]["original_cpu_ms"] > 0 and found["q1"]["cpu_seconds"] > 0
    assert (benched / "rewrites" / "q1.sql").read_text().strip() == best["sql"].strip()
    assert not (benched / "rewrites" / "q2.sql").exists()


def test_the_figures_count_only_what_is_recommended(benched: Path) -> None:
    told = json.loads((benched / "results.json").read_text())
    figures = told["summary"]["declared"]
    ratio = rows(benched)["q1"]["declared"]["measurement"]["ratio"]
    assert [row["query"] for row in told["rows"]] == ["q1", "q2", "q3", "q4", "q5", "q10"], "in natural order"
    assert (figures["queries"], figures["faster"], told["summary"]["broken"]) == (2, 1, 4)
    assert figures["geomean"] == pytest.approx(ratio**0.5)
    assert told["summary"]["assumed"]["geomean"] == pytest.approx(figures["geomean"])
    curve = told["summary"]["curve"]
    assert curve[-1][1] == pytest.approx(figures["geomean"]) and curve == sorted(curve)


def test_a_wrong_rewrite_of_somebody_else_is_refuted_with_a_counterexample(benched: Path) -> None:
    told = json.loads((benched / "results.json").read_text())
    first, second = told["comparisons"]
    assert (first["theirs"]["status"], first["theirs"]["grade"], first["ours"]["status"]) == ("refuted", "refuted", "faster")
    assert "INSERT" in (benched / "counterexamples" / "q1.sql").read_text()
    assert (second["theirs"]["status"], second["ours"]["status"]) == ("broken", "missing")
    ours, theirs = told["standings"]
    assert ours["geomean"] > 1.0 == theirs["geomean"] and (ours["won"], theirs["won"]) == (1, 0)


def test_the_page_needs_no_other_file(benched: Path) -> None:
    page = (benched / "report.html").read_text()
    assert "q1" in page and "<svg" in page and "refuted" in page
    assert not [mark for mark in ("http://", "https://", "<script", "<link", " src=") if mark in page]


def test_a_finished_bench_is_not_repeated_and_its_audit_finds_nothing(copied: Path, qw: Command) -> None:
    before = rows(copied)
    answer = qw("bench", "--resume", copied, "--audit", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert told["rows"][0] == before["q1"], "what was completed stays as it was"
    (finding,) = told["audit"]["findings"]
    assert finding["state"] == "equal" and finding["ratio"] > 1.0 and len(finding["sources"]) == 2
    assert "a sample of" in finding["sources"][1]


PLANTED = {
    "different": SLOW.replace("> 5", "> 6"),
    "slower": SLOW.replace(
        "(SELECT", "(SELECT 0 * count(*) FROM orders p WHERE p.account_id + 0 = a.id AND p.amount > 5) + (SELECT"
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_the_audit_names_a_planted_offender(kind: str, copied: Path, qw: Command) -> None:
    path = copied / "queries" / "q1.json"
    row = json.loads(path.read_text())
    row["declared"]["sql"] = row["assumed"]["sql"] = PLANTED[kind]
    path.write_text(json.dumps(row))
    answer = qw("bench", "--resume", copied, "--audit")
    assert answer.code == 1, answer.out
    assert f"1 {kind}: q1" in answer.out
    assert f"0 {'slower' if kind == 'different' else 'different'}" in answer.out


def test_a_killed_bench_goes_on_with_the_next_query(shop: Path, tmp_path: Path, qw: Command) -> None:
    folder, out = tmp_path / "queries", tmp_path / "out"
    folder.mkdir()
    for number in range(1, 4):
        (folder / f"{number}.sql").write_text(FINE.replace("count(*)", f"count(*) + {number}"))
    words = ["bench", str(folder), "--db", str(shop), "--out", str(out), "--seconds", "1"]
    command = [sys.executable, "-c", "from querywright.serve.cli import main; main()", *words]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (out / "queries" / "1.json").exists():
            assert process.poll() is None, "the bench ended before it could be killed"
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
    assert not (out / "results.json").exists()
    first = (out / "queries" / "1.json").read_bytes()

    refused = qw(*words[:-1], "3")
    assert refused.code == 2 and "seconds" in refused.err, "another bench does not go on here"
    answer = qw("bench", "--resume", out)
    assert answer.code == 3, answer.err + answer.out
    assert (out / "queries" / "1.json").read_bytes() == first
    assert [row["query"] for row in json.loads((out / "results.json").read_text())["rows"]] == ["1", "2", "3"]


def test_what_rests_on_checked_keys_is_reported_apart(tmp_path: Path, qw: Command) -> None:
    with duckdb.connect(str(tmp_path / "keyless.duckdb")) as connection:
        connection.execute("CREATE TABLE dim AS SELECT 'id' || i AS id, 'n' || i AS name FROM range(200000) AS r(i)")
        connection.execute("CREATE TABLE fact AS SELECT 'id' || i AS dim_id, i % 7 AS v FROM range(200000) AS r(i)")
    (tmp_path / "left.sql").write_text("SELECT f.v, count(*) AS n FROM fact f LEFT JOIN dim d ON d.id = f.dim_id GROUP BY f.v")
    out = tmp_path / "out"
    answer = qw("bench", "left.sql", "--db", "keyless.duckdb", "--out", out, "--seconds", "20", "--audit")
    assert answer.code == 3, "without --assume checked-keys nothing is recommended"
    row = rows(out)["left"]
    assert (row["declared"]["status"], row["assumed"]["status"]) == ("none", "faster")
    (premise,) = row["assumed"]["premises"]
    assert (premise["table"], premise["columns"], premise["basis"]) == ("dim", ["id"], "checked")
    assert not (out / "rewrites" / "left.sql").exists()
    assert "left (checked keys)" in answer.out and "0 different" in answer.out


def test_rewrites_of_numbered_queries_go_by_the_usual_file_names(tmp_path: Path) -> None:
    for name in ("7.sql", "q08.sql", "query_9.sql", "q10_old.sql"):
        (tmp_path / name).write_text(FINE)
    found = [rival_file(tmp_path, query) for query in ("7", "8", "9", "10")]
    assert [path.name if path else None for path in found] == ["7.sql", "q08.sql", "query_9.sql", None]


BAD = {
    "no target": ((), "Nothing to bench"),
    "no such target": (("missing",), "missing does not exist"),
    "a folder without queries": (("empty", "--db", "shop"), "holds no .sql files"),
    "no database": (("queries",), "No database was named"),
    "no such query": (("shop:scale=0.01", "--only", "nine"), "has no query nine"),
    "no bench to resume": (("--resume", "empty"), "There is no bench at empty"),
    "a folder of something else": (("shop:scale=0.01", "--out", "queries"), "holds no bench"),
    "a folder that cannot be made": (("shop:scale=0.01", "--out", "queries/1.sql/out"), "cannot be written"),
    "no rewrites": (("shop:scale=0.01", "--compare", "empty"), "holds no .sql files"),
}


@pytest.mark.parametrize(("words", "message"), BAD.values(), ids=BAD)
def test_bad_input(words: tuple[str, ...], message: str, tmp_path: Path, qw: Command) -> None:
    for name in ("empty", "queries"):
        (tmp_path / name).mkdir()
    (tmp_path / "queries" / "1.sql").write_text(FINE)
    answer = qw("bench", *words)
    assert answer.code == 2 and message in answer.err, answer
    assert len(answer.err.strip().splitlines()) >= 2 and "Traceback" not in answer.err


def test_only_broken_queries_are_bad_input(shop: Path, tmp_path: Path, qw: Command) -> None:
    (tmp_path / "broken.sql").write_text("SELECT 1; SELECT 2")
    answer = qw("bench", tmp_path / "broken.sql", "--db", shop, "--out", tmp_path / "out")
    assert answer.code == 2 and "broken.sql holds 2 statements" in answer.out


def test_a_query_that_cannot_be_verified_is_refused(shop: Path, tmp_path: Path, qw: Command) -> None:
    (tmp_path / "random.sql").write_text("SELECT random() AS r FROM orders")
    answer = qw("bench", tmp_path / "random.sql", "--db", shop, "--out", tmp_path / "out")
    assert answer.code == 3 and rows(tmp_path / "out")["random"]["declared"]["status"] == "refused"
