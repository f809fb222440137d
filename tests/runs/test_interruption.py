"""SIGKILL at any moment loses nothing completed, and leaves a run that lists and resumes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from stored_runs import ORIGINAL

from querywright.runs.catalogue import Catalogue
from querywright.runs.directory import RunDirectory
from querywright.values import Outcome

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from stored_runs import ORIGINAL, attempt
from querywright.runs.directory import RunDirectory
from querywright.values import Outcome

def say(*words):
    print(*words, flush=True)

say("started")
while True:
    run = RunDirectory.create(Path(sys.argv[2]), ORIGINAL, "iterative", {})
    say("run", run.run_id)
    for number in range(1, 4):
        iteration = run.iteration(number)
        iteration.begin(ORIGINAL.sql, ("pushdown",), {}, "## Previous Iterations")
        for n in range(3):
            iteration.record(attempt(f"c{number}_{n}", "pushdown", ratio=1.0 + number / 10))
            say("attempt", run.run_id, number)
        iteration.finish(attempt(f"c{number}_2", "pushdown", ratio=1.0 + number / 10))
        run.write_progression()
        say("iteration", run.run_id, number)
    run.finish(Outcome(ORIGINAL, "none", None, ()))
    say("finished", run.run_id)
"""


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_writer_loses_nothing_it_completed(tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-c", WRITER, str(Path(__file__).parents[1]), str(tmp_path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "started\n"
    said = [writer.stdout.readline() for _ in range(Random(seed).randrange(40))]
    writer.kill()
    said += writer.stdout.readlines()
    writer.wait()
    words = [line.split() for line in said if line.endswith("\n")]

    with Catalogue.read(tmp_path) as catalogue:
        rows = catalogue.sql("SELECT run_id, status, attempts FROM runs").rows
        statuses = {str(run_id): status for run_id, status, _ in rows}
        stored = {str(run_id): int(str(attempts)) for run_id, _, attempts in rows}
        assert set(statuses.values()) <= {"none", "interrupted"}
    for _, run_id in (line for line in words if line[0] == "run"):
        run = RunDirectory.open(tmp_path / run_id, ORIGINAL)
        assert len([line for line in words if line[:2] == ["attempt", run_id]]) <= stored[run_id]
        completed = {int(line[2]) for line in words if line[:2] == ["iteration", run_id]}
        assert completed <= {iteration.number for iteration in run.iterations() if iteration.complete}
        assert run.complete or ["finished", run_id] not in words
        for iteration in run.iterations():
            assert iteration.complete or iteration.best is None
        run.finish(Outcome(ORIGINAL, "none", None, ()))
        assert run.complete
