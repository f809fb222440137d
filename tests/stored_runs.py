"""Runs to store: a query, attempts with and without timing, and a whole iterative run."""

from __future__ import annotations

from pathlib import Path

from querywright.runs.directory import RunDirectory
from querywright.runs.history import history
from querywright.values import Attempt, Candidate, Check, Origin, Outcome, Query, Run, Step, Timing, Verdict

ORIGINAL = Query("SELECT *\nFROM t\nWHERE a > 1\n", "duckdb", "original", name="q1")


def timing(ratio: float, original_ms: float = 12431.0) -> Timing:
    def runs(milliseconds: float) -> tuple[Run, ...]:
        return tuple(Run(int(milliseconds * 1e6), int(milliseconds * 1e6), 1 << 20, n) for n in range(5))

    candidate_ms = original_ms / ratio
    return Timing(
        original=runs(original_ms),
        candidate=runs(candidate_ms),
        ratio=ratio,
        low=ratio * 0.95,
        high=ratio * 1.05,
        alpha=0.05,
        floor=1.0,
        phase="screen",
        database="test.duckdb",
        original_ms=original_ms,
        candidate_ms=candidate_ms,
    )


def attempt(
    name: str, *transforms: str, ratio: float | None = None, parent: str = "original", failure: str | None = None
) -> Attempt:
    return Attempt(
        Candidate(
            Query(f"SELECT 1 AS {name}", "duckdb", name),
            parent,
            tuple(Step(transform, f"node_{n}") for n, transform in enumerate(transforms)),
            Origin("rules"),
        ),
        Verdict("refuted", reason=failure) if failure else Verdict("tested", checks=(Check("sample", "test", rows=42),)),
        None if ratio is None else timing(ratio),
        failure,
    )


FIRST = attempt("first", "decorrelate", ratio=1.45)
WRONG = attempt("wrong", "or_to_union", failure="A row is missing.")
SECOND = attempt("second", "decorrelate", "pushdown", "date_cte_isolate", ratio=1.72, parent="first")


def interrupted_run(root: Path) -> RunDirectory:
    """One complete iteration and one that was interrupted after its first attempt."""
    run = RunDirectory.create(root, ORIGINAL, "iterative", {"target_speedup": 2.0})
    first = run.iteration(1)
    first.begin(ORIGINAL.sql, ("decorrelate", "early_filter", "or_to_union"), {"recommendations": []})
    first.record(WRONG)
    first.record(FIRST)
    first.finish(FIRST)
    second = run.iteration(2)
    second.begin(FIRST.candidate.query.sql, ("pushdown",), {}, history(run.iterations(), 2.0))
    second.record(SECOND)
    return run


def complete_run(root: Path) -> RunDirectory:
    run = interrupted_run(root)
    run.iteration(2).finish(SECOND)
    run.finish(Outcome(ORIGINAL, "faster", SECOND, (WRONG, FIRST, SECOND), run_id=run.run_id, seconds=3.5))
    return run
