"""From attempts to an outcome: the fastest are measured afresh, and only a confirmed one is recommended."""

from __future__ import annotations

from collections.abc import Sequence

from querywright.judge import ACCEPTED, Case, confirm
from querywright.measure.decision import LEAST_GAIN, recommended
from querywright.values import Attempt, Outcome, Status

MOST_CONFIRMATIONS = 3
"""Winners that are measured afresh before the search is declared fruitless."""


def conclude(case: Case, attempts: Sequence[Attempt]) -> Outcome:
    """Confirm the fastest attempts afresh until one is recommended; only that one counts as faster.

    What was timed on a sample only is no evidence for the full data and is passed over.
    """
    query = case.query
    if case.refusal:
        return Outcome(query, "refused", None, (), reason=case.refusal)
    judged = [attempt for attempt in attempts if attempt.timing is None or attempt.timing.phase != "sample"]
    timed = sorted((a for a in judged if a.timing is not None), key=lambda a: -a.timing.ratio if a.timing else 0.0)
    usable = [
        attempt for attempt in timed if not case.conditional(attempt) and attempt.timing and attempt.timing.ratio > LEAST_GAIN
    ]
    conditional = tuple(
        attempt for attempt in timed if case.conditional(attempt) and attempt.timing and attempt.timing.ratio > 1.0
    )
    confirmed: list[Attempt] = []
    for attempt in usable[:MOST_CONFIRMATIONS]:
        confirmed.append(confirm(case, attempt))
        timing = confirmed[-1].timing
        if timing is not None and recommended(timing, accept_timeout=case.rules.accept_timeout):
            return Outcome(query, "faster", confirmed[-1], tuple(attempts), conditional=conditional)
    if not confirmed:
        return Outcome(query, "none", None, tuple(attempts), conditional=conditional, reason=_why_none(judged))
    best = confirmed[0]
    if best.timing is None and best.verdict.grade not in ACCEPTED:
        return Outcome(query, "none", None, tuple(attempts), conditional=conditional, reason=best.verdict.reason)
    censored = best.timing is not None and best.timing.censored == "original"
    reason = (
        "The original never finished within its limit, so the gain is only a lower bound. Add --accept-timeout to recommend it."
        if censored
        else "Fresh runs did not show a gain of at least 1.05 that noise cannot explain, within four times the memory."
    )
    status: Status = "unconfirmed" if censored or (best.timing is not None and best.timing.ratio > 1.05) else "none"
    return Outcome(
        query, status, best if status == "unconfirmed" else None, tuple(attempts), conditional=conditional, reason=reason
    )


def _why_none(attempts: Sequence[Attempt]) -> str:
    if not attempts:
        return "There was no rewrite to try. `qw analyze` shows where transforms apply and which preconditions are missing."
    refuted = sum(attempt.verdict.grade == "refuted" for attempt in attempts)
    timed = [attempt for attempt in attempts if attempt.timing is not None]
    premised = sum(bool(attempt.verdict.conditions) for attempt in timed)
    slower, rest = len(timed) - premised, len(attempts) - len(timed) - refuted
    told = f"{slower} verified but not faster, {refuted} different, {rest} not verified, {premised} under premises"
    return f"{len(attempts)} candidates tried: {told}."
