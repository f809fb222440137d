"""What the generations of a swarm add up to: ``summary.json`` and ``summary.txt``.

The sample's judgements and the full data's are kept apart: every number in the source's words is of the sample.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from querywright.runs.iteration import Iteration
from querywright.values import Attempt, Outcome, Query

_WIDTH = 70
TOP = 10


def query_number(query: Query) -> int | str:
    """The number in a name such as ``q15``; else the name, or the fingerprint where there is none."""
    name = query.name or query.fingerprint
    match = re.fullmatch(r"(?:q|query)?[ _-]?0*(\d+)(?:\.sql)?", name, re.IGNORECASE)
    return int(match[1]) if match else name


def swarm_summary(query: Query, total: int, generations: Sequence[Iteration], outcome: Outcome | None) -> dict[str, Any]:
    """The swarm in the words of ``summary.json``; ``total`` is how many generations were asked for."""
    speedups = {one.number: _ratio(one.attempts[0]) if one.attempts else None for one in generations}
    valid = {number: ratio for number, ratio in speedups.items() if ratio is not None}
    best = max(valid, key=lambda number: valid[number], default=None)
    return {
        "query_number": query_number(query),
        "total_workers": total,
        "completed": len(generations),
        "valid_count": len(valid),
        "failed_count": len(generations) - len(valid),
        "valid_workers": sorted(valid),
        "speedups": {str(number): round(ratio, 2) for number, ratio in sorted(valid.items())},
        "best_speedup": None if best is None else round(valid[best], 2),
        "best_worker": best,
        "avg_speedup": round(sum(valid.values()) / len(valid), 2) if valid else None,
        "sample_only": True,
        "full": [_on_full(one) for one in generations if len(one.attempts) > 1],
        "recommended_worker": _recommended(generations, outcome),
    }


def summary_text(summary: Mapping[str, Any], outcome: Outcome) -> str:
    """The same for people: counts, the ten fastest on the sample, what the full data says, the winner."""
    rule = "=" * _WIDTH
    lines = [rule, "RESULTS", rule, "", f"Elapsed: {outcome.seconds:.1f}s"]
    lines += [f"Completed: {summary['completed']}/{summary['total_workers']} workers"]
    if summary["completed"] < summary["total_workers"]:
        lines += ["  (there were no further different rewrites, or the budget was spent)"]
    for mark, word in (("✓", "valid"), ("✗", "failed")):
        lines += ["", f"{mark} {word.capitalize()}: {summary[f'{word}_count']}/{summary['completed']}"]
    ranked = sorted(summary["speedups"].items(), key=lambda pair: -pair[1])
    if ranked:
        lines += ["", f"Top {TOP} Speedups (sample only):", "-" * _WIDTH]
        lines += [f"  Gen {int(number):02d}: {ratio:.2f}x" for number, ratio in ranked[:TOP]]
        best = f"#{summary['best_worker']} with {summary['best_speedup']:.2f}x speedup"
        lines += ["", f"Best Generation on the sample: {best}"]
        lines += ["", f"Average speedup (valid only): {summary['avg_speedup']:.2f}x"]
    if summary["full"]:
        lines += ["", "On the full data:", "-" * _WIDTH]
        lines += [f"  Gen {one['worker_id']:02d}: {one['status']}, {one['speedup'] or 0.0:.2f}x" for one in summary["full"]]
    return "\n".join([*lines, "", _recommendation(summary, outcome), rule]) + "\n"


def _recommendation(summary: Mapping[str, Any], outcome: Outcome) -> str:
    if summary["recommended_worker"] is None or outcome.best is None or outcome.best.timing is None:
        return f"Recommended: none. {outcome.reason}".rstrip()
    return f"Recommended: Gen {summary['recommended_worker']:02d}, {outcome.best.timing.ratio:.2f}x confirmed on the full data"


def _recommended(generations: Sequence[Iteration], outcome: Outcome | None) -> int | None:
    if outcome is None or outcome.status != "faster" or outcome.best is None:
        return None
    fingerprint = outcome.best.candidate.query.fingerprint
    found = (one.number for one in generations if one.attempts and one.attempts[0].candidate.query.fingerprint == fingerprint)
    return next(found, None)


def _on_full(generation: Iteration) -> dict[str, Any]:
    attempt = generation.attempts[-1]
    ratio = _ratio(attempt)
    status = "validation_failed" if ratio is None else "pass"
    return {"worker_id": generation.number, "status": status, "speedup": None if ratio is None else round(ratio, 2)}


def _ratio(attempt: Attempt) -> float | None:
    return attempt.timing.ratio if attempt.timing is not None else None
