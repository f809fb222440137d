"""What was tried and reached before, in Markdown: for the next prompt, and for ``history.txt``. No row of a database is in it.

Reasons of the judge speak of rows and columns by number. An engine's error message may quote a value that it stumbled over; of
such a message only what the schema and the two queries say is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from querywright.values import Attempt

MOST_TRIES = 8
MOST_RULES = 6
PREVIOUS, OTHERS = "## Previous Iterations", "## The Other Workers"
_ERROR = re.compile(r"^(?:error: |(?:The|Only the) candidate fails: )", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`")
_WORD = re.compile(r"[\w.]+")
_NUMBER = re.compile(r"(?<![\w$])[-+]?\d[\w.:+-]*")


@dataclass(frozen=True, slots=True)
class Round:
    """One iteration, try or worker: its attempts, and the one it ended with, None where nothing passed."""

    number: int
    attempts: tuple[Attempt, ...]
    best: Attempt | None


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


def tries_of_model(attempts: Sequence[Attempt]) -> list[Round]:
    """Each attempt that a model wrote as a round of its own."""
    written = [attempt for attempt in attempts if _by_model(attempt)]
    return [Round(number, (attempt,), attempt) for number, attempt in enumerate(written, 1)]


def history(rounds: Sequence[Round], noun: str, heading: str) -> str:
    """The last rounds, and the one with the fastest attempt, each with its result; the fastest and the last one with their SQL.

    ``noun`` is what a round is called, ``heading`` is `PREVIOUS` or `OTHERS`. Empty where there are no rounds.
    """
    if not rounds:
        return ""
    fastest = max(rounds, key=_reached)
    lines = [heading]
    best = 1.0
    for number, tried in enumerate(rounds, 1):
        if number > len(rounds) - MOST_TRIES or tried is fastest:
            lines += ["", f"### {noun.capitalize()} {tried.number}: {_title(tried, best)}", *_details(tried)]
            if tried.best is not None and (tried is fastest or number == len(rounds)):
                lines += ["**SQL State:**", "```sql", tried.best.candidate.query.sql.strip(), "```"]
        best = max(best, _reached(tried))
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


def _reached(tried: Round) -> float:
    return speedup(tried.best) if tried.best is not None else 0.0


def _title(tried: Round, best: float) -> str:
    ratio = _reached(tried)
    if not ratio:
        return "failed ✗"
    if ratio <= best:
        return f"{ratio:.2f}x speedup ✗ (no improvement on {best:.2f}x)"
    gained = f" (improvement: +{ratio - best:.2f}x)" if best > 1 else ""
    return f"{ratio:.2f}x speedup ✓{gained}"


def _details(tried: Round) -> list[str]:
    lines = _of_attempt(tried.best) if tried.best is not None else []
    others = [attempt for attempt in tried.attempts if attempt != tried.best]
    if others:
        lines += ["**Other tries:**", *(f"- {transforms_of(other)}: {result(other)}" for other in others[:MOST_TRIES])]
    if len(others) > MOST_TRIES:
        lines.append(f"- and {len(others) - MOST_TRIES} more")
    return lines or ["Nothing could be tried."]


def _of_attempt(attempt: Attempt) -> list[str]:
    lines = [f"**Transform:** {transforms_of(attempt)}"]
    steps = [f"{step.transform} at {step.path}" for step in attempt.candidate.steps]
    if changes := [*attempt.candidate.origin.changes, *steps]:
        lines += ["**Key changes:**", *(f"- {change}" for change in changes)]
    if attempt.timing is not None:
        before, after = attempt.timing.original_ms, attempt.timing.candidate_ms
        lines.append(f"**Benchmark:** {before:.0f}ms → {after:.0f}ms ({after - before:+.0f}ms)")
        rows = max((check.rows for check in attempt.verdict.checks), default=0)
        lines.append(f"**Rows compared:** {rows:,} ({attempt.verdict.grade})")
    else:
        lines.append(f"**Failure:** {result(attempt)}")
    return lines
