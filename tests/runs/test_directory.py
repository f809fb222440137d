from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stored_runs import FIRST, ORIGINAL, SECOND, WRONG, attempt, complete_run, interrupted_run

from querywright.errors import RunError
from querywright.runs.directory import RunDirectory
from querywright.runs.files import append_line, read_lines
from querywright.values import Outcome, Query

ITERATION = {
    "attempts.jsonl",
    "benchmark_runs.json",
    "benchmark_summary.json",
    "examples.json",
    "input.sql",
    "ml_hints.json",
    "optimized.sql",
    "verdict.json",
}
WITH_RULES = {
    "input": {"metadata.json", "original.sql", "query_dag.json"},
    "iterations/iteration_1": ITERATION,
    "iterations/iteration_2": ITERATION | {"history.txt"},
    "progression": {"convergence_analysis.txt", "speedup_graph.json", "transform_stack.json"},
    "winner": {"comparison.txt", "optimized.sql", "transform_stack.txt"},
    ".": {"outcome.json", "summary.json"},
}


def files(path: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in path.rglob("*"):
        if file.is_file():
            found.setdefault(str(file.parent.relative_to(path)), set()).add(file.name)
    return found


def test_the_tree_of_a_complete_run(tmp_path: Path) -> None:
    run = complete_run(tmp_path)
    assert files(run.path) == WITH_RULES
    assert re.fullmatch(r"q1_\d{8}_\d{6}_iterative", run.run_id)
    assert (run.path / "input/original.sql").read_bytes().decode() == ORIGINAL.sql
    assert json.loads((run.path / "progression/speedup_graph.json").read_text()) == [1.45, 1.72]
    stack = ["decorrelate", "pushdown", "date_cte_isolate"]
    assert json.loads((run.path / "progression/transform_stack.json").read_text()) == stack
    assert (run.path / "winner/transform_stack.txt").read_text() == "decorrelate → pushdown → date_cte_isolate\n"
    assert (run.path / "winner/optimized.sql").read_text() == SECOND.candidate.query.sql
    runs = json.loads((run.path / "iterations/iteration_1/benchmark_runs.json").read_text())
    assert [len(runs[side]) for side in ("original", "optimized")] == [5, 5]
    summary = json.loads((run.path / "summary.json").read_text())
    assert (summary["status"], summary["best"]["speedup"], summary["best_iteration"]) == ("faster", 1.72, 2)


def test_what_a_model_said_is_kept(tmp_path: Path) -> None:
    iteration = RunDirectory.create(tmp_path, ORIGINAL, "single", {}).iteration(1)
    iteration.begin(ORIGINAL.sql)
    iteration.record_model("Rewrite this.", {"rewrite_sets": []})
    assert (iteration.path / "prompt.txt").read_text() == "Rewrite this."
    assert json.loads((iteration.path / "llm_response.json").read_text()) == {"rewrite_sets": []}


def test_a_complete_run_opens_as_it_was(tmp_path: Path) -> None:
    run = complete_run(tmp_path)
    again = RunDirectory.open(run.path, ORIGINAL)
    assert again == run
    assert again.complete
    assert again.configuration == {"target_speedup": 2.0}
    outcome = again.outcome()
    assert outcome is not None
    assert outcome.best == SECOND


def test_an_interrupted_run_returns_what_was_completed_and_goes_on(tmp_path: Path) -> None:
    run = RunDirectory.open(interrupted_run(tmp_path).path, ORIGINAL)
    first, second = run.iterations()
    assert (first.complete, first.attempts, first.best) == (True, (WRONG, FIRST), FIRST)
    assert (second.complete, second.attempts, second.best) == (False, (SECOND,), None)
    assert second.input_sql == FIRST.candidate.query.sql
    assert not run.complete
    assert run.outcome() is None
    run.iteration(2).finish(SECOND)
    run.finish(Outcome(ORIGINAL, "faster", SECOND, (WRONG, FIRST, SECOND)))
    assert run.complete
    assert files(run.path) == WITH_RULES


def test_a_line_cut_short_is_dropped_and_written_over(tmp_path: Path) -> None:
    run = interrupted_run(tmp_path)
    path = run.iteration(2).path / "attempts.jsonl"
    path.write_bytes(path.read_bytes() + b'{"candidate": {"que\xc3')
    assert run.iterations()[1].attempts == (SECOND,)
    third = attempt("third", ratio=0.9)
    run.iteration(2).record(third)
    assert run.iterations()[1].attempts == (SECOND, third)


def test_lines_keep_every_character_but_the_newline(tmp_path: Path) -> None:
    lines = ["a\u2028b", "c\rd", "", "é"]
    for line in lines:
        append_line(tmp_path / "lines", line)
    assert read_lines(tmp_path / "lines") == lines
    assert read_lines(tmp_path / "absent") == []


def test_the_best_of_an_iteration_need_not_be_recorded_before(tmp_path: Path) -> None:
    iteration = RunDirectory.create(tmp_path, ORIGINAL, "single", {}).iteration(1)
    iteration.begin(ORIGINAL.sql)
    iteration.finish(FIRST)
    stored = iteration.read()
    assert stored is not None
    assert (stored.attempts, stored.best) == ((FIRST,), FIRST)


def test_an_iteration_without_result_and_a_run_without_winner(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, ORIGINAL, "single", {})
    run.iteration(1).begin(ORIGINAL.sql)
    run.iteration(1).finish(None)
    run.finish(Outcome(ORIGINAL, "none", None, ()))
    assert run.complete
    assert not (run.path / "winner").exists()
    assert json.loads((run.path / "progression/speedup_graph.json").read_text()) == [None]


def test_runs_of_the_same_second_get_names_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: RunDirectory.create(tmp_path, ORIGINAL, "single", {}), range(24)))
    assert len({run.run_id for run in runs}) == 24
    assert len(list(tmp_path.iterdir())) == 24


@pytest.mark.parametrize(
    ("name", "label"),
    [("../../etc/pass wd.sql", "etc_pass_wd"), ("tpcds:15", "tpcds_15"), (None, "query_original"), ("…", "query_original")],
)
def test_names_are_safe(tmp_path: Path, name: str | None, label: str) -> None:
    run = RunDirectory.create(tmp_path, Query("SELECT 1", "duckdb", "original", name=name), "single", {})
    assert run.path.parent == tmp_path
    assert run.run_id.startswith(label + "_2")


def test_another_querys_run_is_refused(tmp_path: Path) -> None:
    run = interrupted_run(tmp_path)
    with pytest.raises(RunError, match="another query") as caught:
        RunDirectory.open(run.path, Query("SELECT 2", "duckdb", "other"))
    assert "--resume" in caught.value.remedy


def test_missing_and_damaged_runs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run"):
        RunDirectory.open(tmp_path / "absent")
    run = complete_run(tmp_path)
    for damage in ("", "[]", "{}", '{"query": 1}'):
        (run.path / "input/metadata.json").write_text(damage)
        with pytest.raises(RunError, match=re.escape("metadata.json")):
            RunDirectory.open(run.path)


def test_a_damaged_attempt_names_its_file(tmp_path: Path) -> None:
    run = interrupted_run(tmp_path)
    (run.iteration(1).path / "attempts.jsonl").write_text("{}\n")
    with pytest.raises(RunError, match=r"iteration_1/attempts\.jsonl is damaged"):
        run.iterations()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written") as caught:
        RunDirectory.create(tmp_path / "file" / "runs", ORIGINAL, "single", {})
    assert "QUERYWRIGHT_RUNS" in caught.value.remedy


def test_modes_that_are_not_kept_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="magic"):
        RunDirectory.create(tmp_path, ORIGINAL, "magic", {})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
