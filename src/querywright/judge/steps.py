"""The judge of an environment's steps: as strict, but quick, and on hidden databases as well.

The run whose answer is compared is the first that is timed; what is clearly slower is not timed further, and only what shows
a gain runs on the hidden *twin*, a database of equal size and other rows. The lower speed counts, so that a query which
recognizes the visible data gains nothing. Several cases share sessions: each keeps its answers in tables of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from querywright.errors import ExecutionError, QueryError, StatementOutOfMemory, StatementTimeout, WorkerLost
from querywright.judge import ACCEPTED, Bench, attempted, unequal
from querywright.measure.clock import Clock, beyond_noise, drifted, noise_band
from querywright.values import Attempt, Candidate, Check, Query, Run, Timing, Verdict
from querywright.verification.compare import Comparison
from querywright.verification.digest import Digest, alike, digest
from querywright.verification.stored import timed_store
from querywright.verification.verdicts import Verifier
from querywright.workers import timing_lock

LEAST_LIMIT_S = 2.0
PATIENCE = 5.0
"""A candidate may take `LEAST_LIMIT_S`, or this many times the original's time."""

_RUNS = 3
_RECHECKED_AFTER = 12
"""Steps after which the original is timed again: the machine may have become slower, or its caches warm."""

_SOON_S = 1.0
"""Originals that take longer are run twice when a case is opened, others `_RUNS` times."""

_CHEAP_NS = 300_000_000
_DOUBTFUL = 0.8
"""A speed on the twin that falls short of the visible one by more is measured again, where that is cheap or decides."""

_SMALL_GAIN = 1.5
"""A gain below must show twice, and the lower one counts: by chance, a wrapped original once took 1.24 times less."""

_RERUN = "querywright_rerun"
_FAILURES = ((StatementTimeout, "timeout"), (StatementOutOfMemory, "out of memory"), (WorkerLost, "worker lost"))


@dataclass
class StepCase:
    """An original with its databases and what is known of its behavior there.

    ``known`` are its latest runs on the visible database, storing the answer; ``digests`` those on the twin.
    """

    verifier: Verifier
    clock: Clock
    visible: Bench
    twin: Bench | None = None
    hidden: Sequence[Bench] = ()
    known: list[Run] = field(default_factory=list)
    digests: list[Digest] = field(default_factory=list)
    steps: int = 0

    @property
    def query(self) -> Query:
        """The original."""
        return self.verifier.query

    @property
    def limit_s(self) -> float:
        """The most that one execution of a candidate may take."""
        slowest = max((run.wall_ns for run in self.known), default=0) / 1e9
        return min(self.clock.limit_s, max(LEAST_LIMIT_S, PATIENCE * slowest))

    def time_again(self) -> None:
        """Run the original once more on the visible database."""
        text = self.verifier.laboratory.text
        self.known.append(self.visible.session.call(timed_store, _RERUN, text, limit_s=self.clock.limit_s))
        del self.known[:-_RUNS]

    def digest_again(self, twin: Bench) -> None:
        """Run the original once more on the twin."""
        laboratory = self.verifier.laboratory
        self.digests.append(twin.session.call(digest, laboratory.text, laboratory.dialect, limit_s=self.clock.limit_s))
        del self.digests[:-_RUNS]


@dataclass(frozen=True, slots=True)
class StepAttempt:
    """A candidate judged for a step of an environment.

    ``shown`` is the comparison on the visible database, None where the candidate failed there; ``hidden`` the timing on the
    hidden twin, None where none was needed.
    """

    attempt: Attempt
    shown: Comparison | None
    hidden: Timing | None = None


@contextmanager
def open_step_case(
    verifier: Verifier, visible: Bench, twin: Bench | None, hidden: Sequence[Bench], limit_s: float
) -> Iterator[StepCase]:
    """Run the original everywhere. The caller keeps the sessions of the benches and the verifier, which other cases may share.

    Raises `QueryError` where the original cannot be judged, and the `ExecutionError` with which it fails.
    """
    if verifier.unverifiable:
        raise QueryError(f"The query cannot be verified: {verifier.unverifiable}", "Choose another query.")
    case = StepCase(verifier, Clock(visible.session, visible.database.name, limit_s), visible, twin, hidden)
    try:
        verifier.laboratory.answers()
        for bench in (visible, *hidden):
            bench.answer(verifier, (), limit_s)
        with timing_lock():
            began = time.monotonic()
            while len(case.known) < 2 or (len(case.known) < _RUNS and time.monotonic() - began < _SOON_S):
                case.time_again()
                if twin is not None:
                    case.digest_again(twin)
        yield case
    finally:
        for bench in (visible, *hidden):
            bench.forget()


def judge_step(case: StepCase, candidate: Candidate, timed: bool = True) -> StepAttempt:
    """Like `querywright.judge.judge`, in a fraction of the time; the timings hold few runs and recommend nothing.

    The candidate first answers on the visible database, so that its rows and its time are known whatever comes of it. Then
    come small hidden databases and witnesses. What shows a gain also runs on the hidden twin. With ``timed`` false nothing runs
    beyond what the verdict needs.
    """
    began = time.monotonic()
    shown: Comparison | None = None
    try:
        with timing_lock():
            shown = case.visible.compared(case.verifier, candidate, (), case.limit_s)
        verdict = _verdict(case, candidate, shown)
        if verdict.grade not in ACCEPTED or shown.run is None or not timed:
            return StepAttempt(attempted(candidate, verdict, began), shown)
        with timing_lock():
            timing = _timing(case, candidate, shown.run)
            hidden, alike_there = None, True
            if case.twin is not None and timing.ratio > timing.floor:
                hidden, alike_there = _hidden_timing(case, case.twin, candidate, timing)
    except ExecutionError as error:
        failure = next((name for kind, name in _FAILURES if isinstance(error, kind)), f"error: {error.message}")
        return StepAttempt(attempted(candidate, Verdict("unknown", reason=error.message), began, failure), shown)
    if case.twin is not None and not alike_there:
        reason = f"On {case.twin.database.name}: The rows differ."
        return StepAttempt(attempted(candidate, Verdict("refuted", checks=verdict.checks, reason=reason), began), shown)
    return StepAttempt(attempted(candidate, verdict, began, timing=timing), shown, hidden)


def _verdict(case: StepCase, candidate: Candidate, shown: Comparison) -> Verdict:
    """Cheapest refutation first, now that the candidate has run on the visible database anyway."""
    checks = [Check(case.visible.database.role, case.visible.database.name, shown.rows)]
    if not shown.equal:
        return unequal(case.visible, shown, checks)
    for bench in case.hidden:
        comparison = bench.compared(case.verifier, candidate, (), case.limit_s)
        checks.append(Check(bench.database.role, bench.database.name, comparison.rows))
        if not comparison.equal:
            return unequal(bench, comparison, checks)
    verdict = case.verifier.verdict(candidate)
    return replace(verdict, checks=(*checks, *verdict.checks))


def _timing(case: StepCase, candidate: Candidate, first: Run) -> Timing:
    case.steps += 1
    if case.steps % _RECHECKED_AFTER == 0:
        case.time_again()
    text = replace(candidate.query, sql=case.verifier.frozen(candidate.query.sql))
    timed = partial(case.clock.step, case.query, text, case.known, first, noise_band(case.known))
    timing = timed()
    if 1 < beyond_noise(timing) < _SMALL_GAIN:
        return min(timing, timed(), key=beyond_noise)
    return timing


def _hidden_timing(case: StepCase, twin: Bench, candidate: Candidate, timing: Timing) -> tuple[Timing, bool]:
    """The timing on the twin, and whether the answer there may be the original's."""
    text, dialect = case.verifier.frozen(candidate.query.sql), case.query.dialect
    if case.steps % _RECHECKED_AFTER == 0:
        case.digest_again(twin)
    found = twin.session.call(digest, text, dialect, limit_s=case.limit_s)
    runs = [found.run]
    choice = case.verifier.laboratory.terms.lifted is not None
    equal = found.rows == case.digests[-1].rows if choice else alike(found, case.digests[-1])
    known = [one.run for one in case.digests]
    fastest = min(run.wall_ns for run in known)
    ratio = fastest / found.run.wall_ns
    doubtful = ratio < _DOUBTFUL * timing.ratio and (fastest < _CHEAP_NS or ratio < timing.floor)
    if equal and (doubtful or drifted(known, found.run)):
        case.digest_again(twin)
        runs.append(twin.session.call(digest, text, dialect, limit_s=case.limit_s).run)
        known = [one.run for one in case.digests]
    return case.clock.fastest(known, runs, noise_band(known), twin.database.name), equal
