"""The directory of a swarm: the files of the source's tree, readable with its own recipes, whole at any moment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stored_runs import ORIGINAL, complete_swarm, generation, interrupted_swarm

from querywright.runs.catalogue import Catalogue
from querywright.runs.directory import RunDirectory
from querywright.runs.swarm import query_number
from querywright.values import Query

SOURCE_TREE = {"config.json", "original.sql", "plan_summary.txt", "plan_full.txt", "plan.json", "base_prompt.txt"}
SUMMARIES = {"summary.json", "summary.txt"}
GENERATION = {"optimized.sql", "validation.json", "prompt.txt", "response.txt"}

STAND_IN = """#!{python}
import json, sys
option, path, *files = sys.argv[1:]
assert option == "-r" and path[0] == "."
value = json.load(open(files[0]))[path[1:]]
print(value if isinstance(value, str) else json.dumps(value))
"""
"""What the recipes use of jq, for machines without it."""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return complete_swarm(tmp_path / "runs")


@pytest.fixture(params=["jq", "stand-in"])
def jq(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder with ``jq`` in it."""
    if request.param == "jq":
        found = shutil.which("jq")
        if found is None:
            pytest.skip("jq is not installed; the stand-in runs the same recipes")
        return str(Path(found).parent)
    script = tmp_path / "bin" / "jq"
    script.parent.mkdir()
    script.write_text(STAND_IN.format(python=sys.executable))
    script.chmod(0o755)
    return str(script.parent)


def recipe(text: str, run: RunDirectory, jq: str) -> list[str]:
    """The lines that a recipe of the source prints; its ``q1_*`` is a glob for the run."""
    path = f"{jq}{os.pathsep}{os.environ['PATH']}"
    command = text.replace("research/experiments/v5_parallel_20/q1_*", f"{run.path.parent}/q1_*")
    done = subprocess.run(["bash", "-c", command], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_tree(run: RunDirectory) -> None:
    assert {path.name for path in run.path.iterdir() if path.is_file()} >= SOURCE_TREE | SUMMARIES
    generations = sorted(path.name for path in run.path.glob("gen_*"))
    assert generations == ["gen_01", "gen_02", "gen_03", "gen_04", "gen_11"]
    for name in generations:
        assert {path.name for path in (run.path / name).iterdir()} >= GENERATION
    assert (run.path / "original.sql").read_bytes().decode() == ORIGINAL.sql
    assert json.loads((run.path / "config.json").read_text())["total_workers"] == 20


def test_validations_carry_the_keys_of_the_source_and_say_that_they_are_of_the_sample(run: RunDirectory) -> None:
    passed = json.loads((run.path / "gen_03/validation.json").read_text())
    told = {key: passed[key] for key in ("worker_id", "status", "speedup", "error", "original_time", "optimized_time")}
    expected = {"status": "pass", "speedup": 2.15, "error": None, "original_time": 12.431, "optimized_time": 5.78186}
    assert told == {"worker_id": 3, **expected}
    assert passed["sample_only"] is True
    failed = json.loads((run.path / "gen_04/validation.json").read_text())
    assert (failed["status"], failed["speedup"], failed["error"]) == ("validation_failed", 0.0, "A row is missing.")
    full = json.loads((run.path / "gen_11/full_validation.json").read_text())
    assert (full["speedup"], full["sample_only"]) == (0.9, False)


def test_the_summary(run: RunDirectory) -> None:
    summary = json.loads((run.path / "summary.json").read_text())
    expected = {
        "query_number": 1,
        "total_workers": 20,
        "completed": 5,
        "valid_count": 4,
        "failed_count": 1,
        "valid_workers": [1, 2, 3, 11],
        "speedups": {"1": 1.23, "2": 1.87, "3": 2.15, "11": 2.45},
        "best_speedup": 2.45,
        "best_worker": 11,
        "avg_speedup": 1.93,
        "sample_only": True,
        "recommended_worker": 3,
    }
    assert {key: summary[key] for key in expected} == expected
    assert [one["worker_id"] for one in summary["full"]] == [3, 11]
    text = (run.path / "summary.txt").read_text()
    for line in ("Elapsed: 45.3s", "Completed: 5/20 workers", "✓ Valid: 4/5", "✗ Failed: 1/5", "Top 10 Speedups (sample only):"):
        assert line in text
    assert text.index("Gen 11: 2.45x") < text.index("Gen 03: 2.15x") < text.index("Gen 01: 1.23x")
    assert "Average speedup (valid only): 1.93x" in text
    assert "Recommended: Gen 03, 1.60x confirmed on the full data" in text


def test_recipe_best(run: RunDirectory, jq: str) -> None:
    best = "BEST=$(jq -r '.best_worker' research/experiments/v5_parallel_20/q1_*/summary.json)\n"
    for file in ("optimized.sql", "prompt.txt", "response.txt"):
        shown = recipe(f"{best}cat research/experiments/v5_parallel_20/q1_*/gen_$(printf '%02d' $BEST)/{file}", run, jq)
        assert shown == (run.path / "gen_11" / file).read_text().splitlines()


def test_recipe_all_speedups(run: RunDirectory, jq: str) -> None:
    text = """
for f in research/experiments/v5_parallel_20/q1_*/gen_*/validation.json; do
    echo "$(basename $(dirname $f)): $(jq -r '.speedup' $f)x ($(jq -r '.status' $f))"
done | sort -t: -k2 -rn"""
    assert recipe(text, run, jq)[:2] == ["gen_11: 2.45x (pass)", "gen_03: 2.15x (pass)"]


def test_recipe_all_valid(run: RunDirectory, jq: str) -> None:
    text = """
for f in research/experiments/v5_parallel_20/q1_*/gen_*/validation.json; do
    if [ "$(jq -r '.status' $f)" = "pass" ]; then
        echo "=== $(basename $(dirname $f)) ==="
        cat $(dirname $f)/optimized.sql
        echo ""
    fi
done"""
    shown = recipe(text, run, jq)
    assert [line for line in shown if line.startswith("===")] == [f"=== gen_{n} ===" for n in ("01", "02", "03", "11")]
    assert generation(2).candidate.query.sql in shown


def test_recipe_failed(run: RunDirectory, jq: str) -> None:
    text = """
for f in research/experiments/v5_parallel_20/q1_*/gen_*/validation.json; do
    if [ "$(jq -r '.status' $f)" != "pass" ]; then
        echo "$(basename $(dirname $f)): $(jq -r '.error' $f)"
    fi
done"""
    assert recipe(text, run, jq) == ["gen_04: A row is missing."]


def test_recipe_summary_text(run: RunDirectory, jq: str) -> None:
    shown = recipe("cat research/experiments/v5_parallel_20/q1_*/summary.txt", run, jq)
    assert shown == (run.path / "summary.txt").read_text().splitlines()


def test_an_interrupted_swarm_keeps_what_was_complete(tmp_path: Path) -> None:
    path = interrupted_swarm(tmp_path).path
    (path / ".gen_05.tmp").mkdir()
    (path / ".gen_05.tmp" / "prompt.txt").write_text("cut sho")
    run = RunDirectory.open(path, ORIGINAL)
    assert not run.complete
    assert {one.number: one.attempts for one in run.iterations()} == {n: (generation(n),) for n in (1, 2, 3, 4, 11)}
    run.generation(5).record(generation(2), "Prompt 5\n", "Response 5\n")
    assert run.prompts()[-2:] == [(5, "Prompt 5\n"), (11, "Prompt 11\n")]


def test_the_full_data_outweighs_the_sample_in_the_catalogue(run: RunDirectory) -> None:
    interrupted_swarm(run.path.parent)
    with Catalogue.read(run.path.parent) as catalogue:
        best = catalogue.attempts(run.run_id, "best")
        assert best.rows[0][best.columns.index("fingerprint")] == "gen3"
        tried = {row[0]: row[1:4] for row in catalogue.transforms().rows}
        assert tried["pushdown"] == (8, 8, 7), "gen 11 counts as slower where the full data says so"
        speedups = dict(catalogue.sql("SELECT status, speedup FROM runs").rows)
        assert speedups == {"faster": 1.6, "interrupted": None}


@pytest.mark.parametrize(
    ("name", "number"), [("q1", 1), ("query_07.sql", 7), ("15", 15), ("slow", "slow"), (None, "fingerprint"), ("tpcds", "tpcds")]
)
def test_query_numbers(name: str | None, number: int | str) -> None:
    assert query_number(Query("SELECT 1", "duckdb", "fingerprint", name=name)) == number
