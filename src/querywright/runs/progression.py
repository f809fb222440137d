"""What the iterations of a run add up to: speedups, the stack of transforms, convergence, original against winner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import unified_diff
from typing import Any

from querywright.runs.iteration import Iteration, summarize
from querywright.values import Attempt, Outcome, Query


def speedup(attempt: Attempt | None) -> float | None:
    """The attempt's ratio to the original; None where it was not timed."""
    return attempt.timing.ratio if attempt and attempt.timing else None


def speedups(iterations: Sequence[Iteration]) -> list[float | None]:
    """The speedup each complete iteration ended with; None where nothing was timed."""
    return [speedup(iteration.best) for iteration in iterations if iteration.complete]


def fastest(iterations: Iterable[Iteration]) -> Attempt | None:
    """The best attempt so far on the full data: the highest ratio among those with which complete iterations ended."""
    ended = [iteration.best for iteration in iterations if iteration.best is not None]
    timed = [attempt for attempt in ended if attempt.timing and attempt.timing.phase != "sample"]
    return max(timed, key=lambda attempt: speedup(attempt) or 0.0, default=None)


def transform_stack(attempt: Attempt | None) -> list[str]:
    """Transforms from the original to ``attempt``, in order; its steps count from the original, not from its parent."""
    return [step.transform for step in attempt.candidate.steps] if attempt is not None else []


def convergence(iterations: Sequence[Iteration]) -> str:
    """The rate of improvement in words, one line per complete iteration."""
    best, lines = 1.0, ["Rate of improvement", ""]
    for iteration in (iteration for iteration in iterations if iteration.complete):
        reached = speedup(iteration.best)
        if reached is None:
            lines.append(f"Iteration {iteration.number}: nothing was timed, best stays {best:.2f}x")
            continue
        gain = reached - best
        note = f"{gain:+.2f}x, {gain / best:+.0%}" if gain > 0 else f"no improvement on {best:.2f}x"
        lines.append(f"Iteration {iteration.number}: {reached:.2f}x ({note})")
        best = max(best, reached)
    rounds = sum(iteration.complete for iteration in iterations)
    average = (best - 1) / rounds if rounds else 0.0
    return "\n".join([*lines, "", f"Best: {best:.2f}x after {rounds} iterations, {average:+.2f}x an iteration"]) + "\n"


def comparison(original: Query, winner: Attempt) -> str:
    """Original against winner: times, bounds, evidence, and the difference of the texts."""
    timing, verdict = winner.timing, winner.verdict
    lines = ["Original against winner", ""]
    if timing:
        lines += [
            f"Original:  {timing.original_ms:.1f} ms",
            f"Winner:    {timing.candidate_ms:.1f} ms",
            f"Speedup:   {timing.ratio:.2f}x, at least {timing.low:.2f}x at error {timing.alpha:g}",
            f"Noise:     {timing.floor:.2f}x original against itself",
            f"Runs:      {len(timing.candidate)} a side, {timing.phase}, on {timing.database}",
        ]
    lines += [f"Evidence:  {verdict.grade}" + (f" ({verdict.reason})" if verdict.reason else "")]
    lines += [
        f"Premise:   {premise.kind} {premise.table}({', '.join(premise.columns)}), {premise.basis}"
        for premise in verdict.premises
    ]
    before, after = original.sql.splitlines(), winner.candidate.query.sql.splitlines()
    return "\n".join([*lines, "", *unified_diff(before, after, "original.sql", "optimized.sql", lineterm="")]) + "\n"


def summary(outcome: Outcome, iterations: Sequence[Iteration]) -> dict[str, Any]:
    """The outcome in the words of ``summary.json``."""
    best, fingerprint = outcome.best, outcome.best.candidate.query.fingerprint if outcome.best else None
    found = (
        step.number for step in iterations if any(attempt.candidate.query.fingerprint == fingerprint for attempt in step.attempts)
    )
    return {
        "query_id": outcome.original.name or outcome.original.fingerprint,
        "fingerprint": outcome.original.fingerprint,
        "status": outcome.status,
        "reason": outcome.reason,
        "best": summarize(best) if best else None,
        "best_iteration": next(found, None),
        "transform_stack": transform_stack(best),
        "speedups": speedups(iterations),
        "attempts": len(outcome.attempts),
        "conditional": len(outcome.conditional),
        "seconds": outcome.seconds,
        "environment": dict(outcome.environment),
    }
