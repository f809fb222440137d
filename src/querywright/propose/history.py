"""What was tried and reached before, in Markdown, for the next prompt. Nothing in it comes from the rows of a database.

Reasons of the judge speak of rows and columns by number. An engine's error message may quote a value that it stumbled over; of
such a message only what the schema and the two queries say is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from querywright.values import Attempt

MOST_TRIES = 8
MOST_RULES = 6
_ERROR = re.compile(r"^(?:error: |The candidate fails: )", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`")
_WORD = re.compile(r"[\w.]+")
_NUMBER = re.compile(r"(?<![\w$])[-+]?\d[\w.:+-]*")


def reached_without_model(attempts: Sequence[Attempt], shown: str) -> str:
    """What the rules achieved; ``shown`` is the fingerprint of the query that the prompt shows."""
    tried = sorted((attempt for attempt in attempts if not _by_model(attempt)), key=lambda attempt: -speedup(attempt))
    if not tried:
        return ""
    lines = ["## Reached Without You", "Rewriting rules came first. Go beyond them; do not repeat them."]
    for attempt in tried[:MOST_RULES]:
        here = " (the query shown below)" if attempt.candidate.query.fingerprint == shown else ""
        lines.append(f"- {transforms_of(attempt)}: {result(attempt)}{here}")
    if len(tried) > MOST_RULES:
        lines.append(f"- and {len(tried) - MOST_RULES} more, none of them faster")
    return "\n".join(lines)


def history(attempts: Sequence[Attempt], *, others: bool) -> str:
    """The model's earlier tries, in order, each with its result, the fastest and the last one with their SQL.

    ``others`` says that they are those of other workers.
    """
    tries = [attempt for attempt in attempts if _by_model(attempt)]
    if not tries:
        return ""
    fastest = max(tries, key=speedup)
    lines = ["## The Other Workers" if others else "## Previous Iterations"]
    first = max(0, len(tries) - MOST_TRIES)
    best = 1.0
    for number, attempt in enumerate(tries, 1):
        ratio = speedup(attempt)
        if number > first or attempt is fastest:
            lines += ["", f"### {'Worker' if others else 'Iteration'} {number}: {_title(attempt, best)}", *_details(attempt)]
            if attempt is fastest or number == len(tries):
                lines += ["**SQL State:**", "```sql", attempt.candidate.query.sql.strip(), "```"]
        best = max(best, ratio)
    return "\n".join(lines)


def challenge(speedup_reached: float, target: float) -> str:
    """Current speedup, target and gap."""
    gap = target - speedup_reached
    lines = ["## Current Challenge", f"**Current speedup:** {speedup_reached:.2f}x", f"**Target:** {target:.1f}x"]
    if gap > 0:
        lines.append(f"**Gap:** {gap:.2f}x (need {gap / speedup_reached:.0%} more improvement)")
    return "\n".join(lines)


def speedup(attempt: Attempt) -> float:
    """The measured ratio, 0 where nothing was measured."""
    return attempt.timing.ratio if attempt.timing is not None else 0.0


def transforms_of(attempt: Attempt) -> str:
    """The transforms of an attempt, joined."""
    return " + ".join(dict.fromkeys(step.transform for step in attempt.candidate.steps)) or "rewrite"


def result(attempt: Attempt) -> str:
    """What became of an attempt, in words without data: its speedup, or why it has none."""
    if attempt.timing is not None:
        return f"{speedup(attempt):.2f}x"
    reason = attempt.failure or attempt.verdict.reason
    if attempt.verdict.grade == "refuted" and not _ERROR.match(reason):
        return f"not equal: {reason}"
    return private(reason, attempt.candidate.query.sql) or f"not verified ({attempt.verdict.grade})"


def private(message: str, sql: str) -> str:
    """An engine's message without quoted words and numbers that do not stand in ``sql``."""
    known = set(_WORD.findall(sql.lower()))

    def kept(match: re.Match[str]) -> str:
        return match[0] if known.issuperset(_WORD.findall(match[0].lower())) else "…"

    if not _ERROR.match(message):
        return message
    return _NUMBER.sub(kept, _QUOTED.sub(kept, message))


def _by_model(attempt: Attempt) -> bool:
    return attempt.candidate.origin.proposer != "rules"


def _title(attempt: Attempt, best: float) -> str:
    ratio = speedup(attempt)
    if attempt.timing is None:
        return "failed ✗"
    if ratio <= best:
        return f"{ratio:.2f}x speedup ✗ (no improvement on {best:.2f}x)"
    gained = f" (improvement: +{ratio - best:.2f}x)" if best > 1 else ""
    return f"{ratio:.2f}x speedup ✓{gained}"


def _details(attempt: Attempt) -> list[str]:
    lines = [f"**Transform:** {transforms_of(attempt)}"]
    if attempt.candidate.steps:
        lines += ["**Key changes:**", *(f"- {step.transform} at {step.path}" for step in attempt.candidate.steps)]
    if attempt.timing is not None:
        before, after = attempt.timing.original_ms, attempt.timing.candidate_ms
        lines.append(f"**Benchmark:** {before:.0f}ms → {after:.0f}ms ({after - before:+.0f}ms)")
        rows = max((check.rows for check in attempt.verdict.checks), default=0)
        lines.append(f"**Rows compared:** {rows:,} ({attempt.verdict.grade})")
    else:
        lines.append(f"**Failure:** {result(attempt)}")
    return lines
