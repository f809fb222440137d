"""A run that is killed at any moment keeps what it had completed, and ``--resume`` brings it to its end."""

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

MOMENTS = {
    "the input is stored": "input/metadata.json",
    "an attempt is judged": "iterations/iteration_1/attempts.jsonl",
    "the iteration is over": "iterations/iteration_1/benchmark_summary.json",
}
"""When the run is killed: as soon as this file is there. The confirmation, which comes later, takes longer than all before it."""


def kill_when(file: str, sales: Path, desk: Path) -> Path:
    """Start a run and kill it once ``file`` is in its directory; returns the directory."""
    words = [sys.executable, "-c", "from querywright.serve.cli import main; main()", "optimize", "slow.sql", "--db", str(sales)]
    with subprocess.Popen(words, cwd=desk, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (found := list((desk / "runs").glob(f"[!.]*/{file}"))):
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
    return found[0].parents[file.count("/")]


@pytest.mark.parametrize("file", MOMENTS.values(), ids=MOMENTS)
def test_a_killed_run_is_resumed(file: str, sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save(REFERRED)
    run = kill_when(file, sales, desk)
    assert not (run / "summary.json").exists()
    before = attempts(run)
    listed = qw("runs", "--json")
    assert listed.code == 0 and run.name in listed.out, listed.err

    answer = qw("optimize", "slow.sql", "--db", sales, "--resume", run)
    assert answer.code == 0, answer.err + answer.out
    assert [path for path in (desk / "runs").iterdir() if not path.name.startswith(".")] == [run]
    assert attempts(run)[: len(before)] == before, "what was completed stays as it was"
    judged = [json.loads(line)["candidate"]["query"]["fingerprint"] for line in attempts(run)]
    assert len(set(judged)) == len(judged), "nothing is judged twice"
    assert json.loads((run / "summary.json").read_text())["run_id"] == run.name
    assert (run / "winner" / "optimized.sql").is_file() and (desk / "slow_optimized.sql").is_file()


def attempts(run: Path) -> list[str]:
    """The complete lines of the first iteration's attempts."""
    path = run / "iterations" / "iteration_1" / "attempts.jsonl"
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.exists() else []
