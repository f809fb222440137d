"""The history section: what earlier iterations tried and reached, for the next one's prompt and for ``history.txt``."""

from __future__ import annotations

from collections.abc import Sequence

from querywright.runs.iteration import Iteration
from querywright.runs.progression import fastest, speedup
from querywright.values import Attempt

MOST_TRIES = 10
"""How many tries of an iteration beside its best one are told."""


def history(iterations: Sequence[Iteration], target: float) -> str:
    """The complete iterations and the gap to ``target`` (a ratio) in Markdown; empty where there are none yet."""
    complete = [iteration for iteration in iterations if iteration.complete]
    if not complete:
        return ""
    sections = ["## Previous Iterations"]
    best, best_number = 1.0, 0
    for iteration in complete:
        sections.append(_iteration(iteration, best, best_number))
        reached = speedup(iteration.best) or 0.0
        if reached > best:
            best, best_number = reached, iteration.number
    return "\n\n".join([*sections, _challenge(complete, best, target)]) + "\n"


def others(workers: Sequence[Iteration], number: int) -> str:
    """How the other workers fared, the fastest first, in Markdown: what the retry of worker ``number`` sees."""
    lines = ["## The Other Workers"]
    for worker in workers:
        if worker.number == number:
            continue
        tried = sorted(worker.attempts, key=lambda attempt: -(speedup(attempt) or 0.0))
        lines += ["", f"### Worker {worker.number}"]
        lines += [f"- {_transforms(attempt)}: {_result(attempt)}" for attempt in tried[:MOST_TRIES]] or ["- found nothing to try"]
    best = max((speedup(attempt) or 0.0 for worker in workers for attempt in worker.attempts), default=0.0)
    goal = f"Try again from the original: the best of all workers is {best:.2f}x." if best else "Nothing has passed yet."
    return "\n".join([*lines, "", goal]) + "\n"


def _iteration(iteration: Iteration, best: float, best_number: int) -> str:
    attempt, reached = iteration.best, speedup(iteration.best)
    if attempt is None or reached is None:
        lines = [f"### Iteration {iteration.number}: failed ✗"]
    elif reached <= best:
        lines = [f"### Iteration {iteration.number}: {reached:.2f}x speedup ✗ (no improvement on {best:.2f}x)"]
    else:
        gained = f" (improvement: +{reached - best:.2f}x over iteration {best_number})" if best_number else ""
        lines = [f"### Iteration {iteration.number}: {reached:.2f}x speedup ✓{gained}"]
    if attempt is not None:
        lines += _details(attempt)
    others = [other for other in iteration.attempts if other != attempt]
    if others:
        lines += ["**Other tries:**", *(f"- {_transforms(other)}: {_result(other)}" for other in others[:MOST_TRIES])]
    if len(others) > MOST_TRIES:
        lines.append(f"- and {len(others) - MOST_TRIES} more")
    return "\n".join(lines)


def _details(attempt: Attempt) -> list[str]:
    candidate, timing = attempt.candidate, attempt.timing
    lines = [f"**Transform:** {_transforms(attempt)}"]
    if candidate.steps:
        lines += ["**Key changes:**", *(f"- {step.transform} at {step.path}" for step in candidate.steps)]
    if timing:
        before, after = timing.original_ms, timing.candidate_ms
        lines.append(f"**Benchmark:** {before:.0f}ms → {after:.0f}ms ({after - before:+.0f}ms)")
    rows = max((check.rows for check in attempt.verdict.checks), default=0)
    lines.append(f"**Rows compared:** {rows} ({attempt.verdict.grade})")
    if timing is None:
        lines.append(f"**Failure:** {_result(attempt)}")
    return [*lines, "**SQL State:**", "```sql", candidate.query.sql.strip(), "```"]


def _challenge(iterations: Sequence[Iteration], best: float, target: float) -> str:
    gap = target - best
    lines = ["## Current Challenge", f"**Current best:** {best:.2f}x speedup", f"**Target:** {target:.1f}x"]
    if gap > 0:
        lines.append(f"**Gap:** {gap:.2f}x (need {gap / best:.0%} more improvement)")
    lines += ["", "**Analysis:**"]
    winner = fastest(iterations)
    for iteration in iterations:
        if iteration.best is not None:
            role = " (the best so far)" if iteration.best == winner and best > 1 else ""
            lines.append(f"- {_transforms(iteration.best)}: {_result(iteration.best)}{role}")
    goal = f"bridge the {gap:.2f}x gap" if gap > 0 else f"go beyond {best:.2f}x"
    return "\n".join([*lines, "", f"Now try to {goal} while preserving all previous optimizations."])


def _transforms(attempt: Attempt) -> str:
    names = dict.fromkeys(step.transform for step in attempt.candidate.steps)
    return " + ".join(names) or f"rewrite by {attempt.candidate.origin.model or attempt.candidate.origin.proposer}"


def _result(attempt: Attempt) -> str:
    reached = speedup(attempt)
    if reached is not None:
        return f"{reached:.2f}x"
    return attempt.failure or attempt.verdict.reason or f"not timed, {attempt.verdict.grade}"
