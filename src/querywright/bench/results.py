"""What a bench records of each query: what is recommended under both settings of premises, and how the search got there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from querywright.judge import ACCEPTED
from querywright.values import SETTLED, Attempt, Grade, Outcome, Premise, Run, Status, Timing

ResultStatus = Status | Literal["broken", "failed"]
"""A status of `querywright.values.Outcome`, or ``broken``: the query cannot be used; ``failed``: Querywright gave up."""

UNUSABLE: frozenset[str] = frozenset({"broken"})
"""Statuses of queries that no mean counts: there is nothing to make faster."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Interleaved runs of an original and a rewrite: ratio of their times with its bounds, wall and CPU milliseconds of each.

    ``bound`` says that the original was stopped at its limit, so that the ratio is only a lower bound.
    """

    ratio: float
    low: float
    high: float
    floor: float
    original_ms: float
    candidate_ms: float
    original_cpu_ms: float
    candidate_cpu_ms: float
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a query under one setting of premises. ``sql`` is the best rewrite, None where there is none."""

    status: ResultStatus
    reason: str = ""
    sql: str | None = None
    transforms: tuple[str, ...] = ()
    grade: Grade | None = None
    premises: tuple[Premise, ...] = ()
    modulo: tuple[str, ...] = ()
    measurement: Measurement | None = None
    run_id: str = ""

    @property
    def conditions(self) -> tuple[Premise, ...]:
        """The premises that the user must agree to."""
        return tuple(premise for premise in self.premises if premise.basis not in SETTLED)

    @property
    def gain(self) -> float:
        """The speedup that counts: never under 1.0, and exactly 1.0 for all that is not recommended."""
        return max(1.0, self.measurement.ratio) if self.status == "faster" and self.measurement else 1.0

    @property
    def cpu_gain(self) -> float:
        """The same of CPU time, which may be under 1.0; 1.0 where nothing is recommended or CPU time was not measured."""
        told = self.measurement
        if self.status != "faster" or told is None or not told.original_cpu_ms or not told.candidate_cpu_ms:
            return 1.0
        return told.original_cpu_ms / told.candidate_cpu_ms


@dataclass(frozen=True, slots=True)
class Row:
    """One query of a bench.

    ``declared`` is its result on what the engine enforces or the schema declares, ``assumed`` with ``--assume checked-keys``.
    ``progress`` holds (seconds since the start, best verified ratio so far in screening) of the first. ``refuted`` are
    the transforms of candidates that were different. ``original_ms`` and ``original_cpu_ms`` are the original's own times.
    ``seconds`` and ``cpu_seconds`` were spent on the query in all, worker processes included.
    """

    query: str
    source: str
    original: str
    declared: Result
    assumed: Result
    progress: tuple[tuple[float, float], ...] = ()
    original_ms: float = 0.0
    original_cpu_ms: float = 0.0
    attempts: int = 0
    refuted: tuple[tuple[str, ...], ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    environment: tuple[tuple[str, str], ...] = ()

    def gain_after(self, seconds: float) -> float:
        """The speedup that a search of so many seconds would have found.

        What screening promised counts only as far as the final, confirmed gain bears it out.
        """
        reached = max((ratio for moment, ratio in self.progress if moment <= seconds), default=1.0)
        return self.declared.gain if seconds >= self.seconds else max(1.0, min(reached, self.declared.gain))


def result_of(outcome: Outcome) -> Result:
    """The outcome in a row's terms."""
    best = outcome.best
    if best is None:
        return Result(outcome.status, outcome.reason, run_id=outcome.run_id)
    return Result(
        outcome.status,
        outcome.reason,
        best.candidate.query.sql,
        tuple(step.transform for step in best.candidate.steps),
        best.verdict.grade,
        best.verdict.premises,
        best.verdict.modulo,
        measured(best.timing) if best.timing is not None else None,
        outcome.run_id,
    )


def measured(timing: Timing) -> Measurement:
    """The numbers of a timing; infinite bounds stay infinite."""
    return Measurement(
        ratio=timing.ratio,
        low=timing.low,
        high=timing.high,
        floor=timing.floor,
        original_ms=timing.original_ms,
        candidate_ms=timing.candidate_ms,
        original_cpu_ms=cpu_milliseconds(timing.original),
        candidate_cpu_ms=cpu_milliseconds(timing.candidate),
        bound=timing.censored == "original",
    )


def verified_ratio(attempt: Attempt) -> float:
    """The measured ratio of an attempt that is verified without conditions; 0 for any other."""
    holds = attempt.verdict.grade in ACCEPTED and not attempt.verdict.conditions
    return attempt.timing.ratio if holds and attempt.timing is not None else 0.0


def cpu_milliseconds(runs: tuple[Run, ...]) -> float:
    """Median CPU time of the runs that came to their end; 0 where there is none."""
    times = sorted(run.cpu_ns for run in runs if run.cpu_ns)
    return times[len(times) // 2] / 1e6 if times else 0.0
