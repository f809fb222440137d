"""``qw optimize --mode``: parallel and swarm from the file to the run directory; what is refused before anything is opened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Command
from sales_data import REFERRED, Save

WORKER = {"input.sql", "examples.json", "ml_hints.json", "benchmark_runs.json", "benchmark_summary.json"}


def test_parallel(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save(REFERRED)
    answer = qw("optimize", "slow.sql", "--db", sales, "--mode", "parallel", "--beam", 1)
    assert answer.code == 0, answer.err + answer.out
    assert "[Worker 1/5]" in answer.out and "Examples: decorrelate, early_filter, or_to_union" in answer.out
    (run,) = (desk / "runs").glob("slow_*_parallel")
    workers = sorted(path.name for path in (run / "workers").iterdir())
    assert workers == [f"worker_{number}" for number in range(1, 6)]
    for worker in workers:
        folder = run / "workers" / worker
        assert {path.name for path in folder.iterdir()} >= WORKER
        assert (folder / "input.sql").read_text().strip() == REFERRED.strip(), "always the original"
    assert json.loads((run / "workers/worker_1/benchmark_summary.json").read_text())["transforms"] == ["or_join_to_union"]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["best_worker"] in range(1, 6)
    # The third worker had nothing of its own to try, so it retried, and saw what the first had found.
    assert "or_join_to_union" in (run / "workers/worker_3/history.txt").read_text()
    assert "=== " not in qw("runs", "show", run.name, "--prompts").out


def test_swarm(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save(REFERRED)
    answer = qw("optimize", "slow.sql", "--db", sales, "--mode", "swarm", "--workers", 3, "--beam", 1)
    assert answer.code == 0, answer.err + answer.out
    assert "Gen 01: pass, " in answer.out and "(sample only)" in answer.out and "(full data)" in answer.out
    (run,) = (desk / "runs").glob("slow_*_swarm")
    assert (run / "summary.txt").read_text() in answer.out
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["total_workers"], summary["sample_only"], len(summary["full"])) == (3, True, 1)
    assert summary["recommended_worker"] == summary["full"][0]["worker_id"]
    assert json.loads((run / "plan.json").read_text())["operator"] and (run / "plan_full.txt").read_text().count("\n") > 2
    outcome = json.loads((run / "outcome.json").read_text())
    phases = [attempt["timing"]["phase"] for attempt in outcome["attempts"] if attempt["timing"]]
    assert phases.count("screen") == 1 and phases.count("sample") == summary["valid_count"]
    assert [check["method"] for check in outcome["best"]["verdict"]["checks"]].count("full") == 1
    prompts = qw("runs", "show", run.name, "--prompts").out
    assert "=== generation 1\n# Generation 1 of 3\nAsked: rules (no model took part), seed 0" in prompts
    assert len(json.loads(qw("runs", "show", run.name, "--valid", "--json").out)) == summary["valid_count"] + 1
    best = json.loads(qw("runs", "show", run.name, "--best", "--json").out)
    assert best["phase"] == "screen"


def test_a_killed_swarm_resumes_in_its_own_mode(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save(REFERRED)
    words = [sys.executable, "-c", "from querywright.serve.cli import main; main()", "optimize", "slow.sql"]
    with subprocess.Popen(
        [*words, "--db", str(sales), "--mode", "swarm", "--workers", "4"],
        cwd=desk,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not (found := list((desk / "runs").glob("[!.]*/gen_*/validation.json"))):
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
    run = found[0].parents[1]
    before = {path.name: (path / "attempts.jsonl").read_text() for path in run.glob("gen_*")}
    assert not (run / "summary.json").exists()

    other = qw("optimize", "slow.sql", "--db", sales, "--mode", "single", "--resume", run)
    assert other.code == 2 and "--mode swarm" in other.err
    answer = qw("optimize", "slow.sql", "--db", sales, "--resume", run)
    assert answer.code in (0, 3), answer.err + answer.out
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["completed"], summary["total_workers"]) == (4, 4)
    for name, stored in before.items():
        assert (run / name / "attempts.jsonl").read_text().startswith(stored), "what was completed stays as it was"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--mode", "turbo"), ("no mode turbo", "iterative | parallel | single | swarm")),
        (("--example-strategy", "random"), ("--example-strategy random", "rotate | diverse | hints")),
        (("--resume", "absent"), ("no run at absent", "qw runs")),
    ],
)
def test_refused_before_the_database_is_opened(
    words: tuple[str, ...], told: tuple[str, ...], desk: Path, save: Save, qw: Command
) -> None:
    save(REFERRED)
    answer = qw("optimize", "slow.sql", "--db", "absent.duckdb", *words)
    assert answer.code == 2 and answer.out == ""
    assert answer.err.count("\n") <= 2 and "absent.duckdb" not in answer.err
    for text in told:
        assert text in answer.err
    assert not (desk / "runs").exists()


def test_flags_of_the_iterative_source(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save(REFERRED)
    flags = ("--iterations", 1, "--no-early-stop", "--no-ml-hints", "--example-strategy", "hints", "--target-speedup", 3)
    answer = qw("optimize", "slow.sql", "--full-db", sales, "--sample-db", sales, *flags)
    assert answer.code == 0, answer.err + answer.out
    (run,) = (desk / "runs").glob("slow_*_iterative")
    assert "or_to_union" in json.loads((run / "iterations/iteration_1/examples.json").read_text())
    configuration = json.loads((run / "input/metadata.json").read_text())["configuration"]
    assert (configuration["early_stop"], configuration["example_strategy"], configuration["workers"]) == (False, "hints", 1)
