"""Runs to store: a query, attempts with and without timing, a whole iterative run, a swarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from querywright.runs.directory import RunDirectory
from querywright.values import Attempt, Candidate, Check, Origin, Outcome, Query, Run, Step, Timing, Verdict

HISTORY = "## Previous Iterations\n"
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
    second.begin(FIRST.candidate.query.sql, ("pushdown",), {}, HISTORY)
    second.record(SECOND)
    return run


def complete_run(root: Path) -> RunDirectory:
    run = interrupted_run(root)
    run.iteration(2).finish(SECOND)
    run.finish(Outcome(ORIGINAL, "faster", SECOND, (WRONG, FIRST, SECOND), run_id=run.run_id, seconds=3.5))
    return run


SAMPLED = {1: 1.23, 2: 1.87, 3: 2.15, 4: None, 11: 2.45}
"""Speedups of the swarm's generations on the sample; generation 4 is wrong."""


def on_sample(judged: Attempt) -> Attempt:
    return replace(judged, timing=judged.timing and replace(judged.timing, phase="sample"))


def generation(number: int, *, full: float | None = None) -> Attempt:
    """A generation's attempt: on the sample, or on the full data with the given speedup."""
    ratio = SAMPLED[number]
    if ratio is None:
        return attempt(f"gen{number}", "or_to_union", failure="A row is\nmissing.")
    transforms = ("decorrelate", "pushdown") if number % 2 else ("pushdown",)
    judged = attempt(f"gen{number}", *transforms, ratio=full or ratio)
    return judged if full is not None else on_sample(judged)


def interrupted_swarm(root: Path) -> RunDirectory:
    """Five of twenty generations, completed in another order than that of their numbers."""
    run = RunDirectory.create(root, ORIGINAL, "swarm", {"workers": 20})
    run.write_swarm_input("seq_scan t\n", "1 operators: 1 scan\n", {"operator": "scan"}, "Rewrite this.\n")
    for number in (3, 1, 11, 2, 4):
        run.generation(number).record(generation(number), f"Prompt {number}\n", f"Response {number}\n")
    return run


def complete_swarm(root: Path) -> RunDirectory:
    """The fastest on the sample is slower on the full data; the second fastest is recommended."""
    run = interrupted_swarm(root)
    run.generation(11).record_full(generation(11, full=0.9))
    run.generation(3).record_full(generation(3, full=1.6))
    judged = tuple(one for iteration in run.iterations() for one in iteration.attempts)
    run.finish(Outcome(ORIGINAL, "faster", generation(3, full=1.6), judged, run_id=run.run_id, seconds=45.3))
    return run
