"""The judge: verify, then measure. Nothing else constructs an `Attempt`, so nothing counts as fast that was not verified.

`open_case` runs the original once and keeps what every candidate is held against: its answer, its times, its witness
databases. `judge` takes a candidate through the checks, cheapest first, and times it only if it passed them all;
`confirm` looks for a proof and times a winner afresh. A proof is of the printed text against the user's own, whatever
steps led there, and comes on top of the checks: both texts ran on witnesses and on the data.

`querywright.judge.steps` does the same for the steps of an environment, which are judged by the thousand.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from querywright.databases.database import Database
from querywright.databases.sampling import sample
from querywright.engines.protocol import Limits
from querywright.engines.session import Session, engine_of
from querywright.errors import ExecutionError, QueryError, StatementOutOfMemory, StatementTimeout, WorkerLost
from querywright.measure.clock import Baseline, Clock
from querywright.measure.decision import drowned
from querywright.values import Attempt, Bindings, Candidate, Check, Query, Timing, Verdict
from querywright.verification.compare import Comparison, compare
from querywright.verification.declared import DeclaredFacts
from querywright.verification.stored import ORIGINAL, Stored, store_original
from querywright.verification.verdicts import Verifier
from querywright.workers import timing_lock

ACCEPTED = frozenset({"proved", "bounded", "tested"})

_ALL_PROOFS_S = 10.0
"""The most that a search spends on proofs of candidates whose tests are too weak to accept them."""

_COMPARISON_PATIENCE = 5.0
"""A candidate whose answer takes this many times as long as the original's to compute and compare is slower anyway."""

_LEAST_PATIENCE_S = 5.0

FRACTIONS = (0.1, 0.01)
"""Sizes of the samples on which an original is tried that never finishes on the full data."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly and how long to judge.

    ``statement_limit_s`` is the most one execution may take; ``witnesses`` the number of generated databases a
    candidate must pass; ``assume_checked_keys`` lets premises count that today's data satisfies; ``accept_timeout``
    lets a mere lower bound count. ``proof_s`` is the time for one proof.
    """

    statement_limit_s: float = 60.0
    witnesses: int = 100
    assume_checked_keys: bool = False
    accept_timeout: bool = False
    seed: int = 0
    proof_s: float = 2.0


@dataclass
class Bench:
    """One database with the original's answer on it, for the parameter values asked for last."""

    database: Database
    session: Session
    stored: Stored | None = None
    table: str = ORIGINAL
    """Where the answer is kept; benches that share a session keep theirs apart."""

    def answer(self, verifier: Verifier, bindings: Bindings, limit_s: float | None) -> Stored:
        """The original's stored answer, computed once while the parameter values stay the same."""
        if self.stored is None or self.stored.bindings != bindings:
            laboratory = verifier.laboratory
            arguments = (laboratory.text, laboratory.dialect, bindings, self.table)
            self.stored = self.session.call(store_original, *arguments, limit_s=limit_s)
        return self.stored

    def compared(self, verifier: Verifier, candidate: Candidate, bindings: Bindings, limit_s: float) -> Comparison:
        """The candidate's answer held against the original's."""
        stored = self.answer(verifier, bindings, limit_s)
        text = verifier.frozen(candidate.query.sql)
        return self.session.call(compare, stored, text, verifier.laboratory.terms, limit_s=limit_s)

    def forget(self) -> None:
        """Drop the stored answer; where the worker process is gone, so is the answer."""
        stored, self.stored = self.stored, None
        if stored is not None:
            with suppress(WorkerLost):
                self.session.drop(stored.table)


@dataclass
class Case:
    """An original and what is known of its behavior. ``refusal`` says why it cannot be judged at all; ``baseline`` is
    None then."""

    query: Query
    database: Database
    rules: Rules
    verifier: Verifier
    benches: list[Bench] = field(default_factory=list)
    clock: Clock | None = None
    baseline: Baseline | None = None
    refusal: str = ""
    declared: DeclaredFacts | None = None
    proofs_left_s: float = _ALL_PROOFS_S

    @property
    def rows(self) -> int:
        """Rows of the original's answer on the full database, for its first set of parameter values."""
        stored = self.benches[-1].stored if self.benches else None
        return stored.rows if stored is not None else 0

    def conditional(self, attempt: Attempt) -> bool:
        """Whether an accepted attempt rests on premises that the user has not agreed to."""
        return bool(attempt.verdict.conditions) and not self.rules.assume_checked_keys


@contextmanager
def open_case(
    query: Query, database: Database, smaller: Database | None = None, limits: Limits | None = None, rules: Rules | None = None
) -> Iterator[Case]:
    """Open the databases and run the original on them.

    An original that never finishes on the full database is verified on the largest sample on which it does. Raises
    `QueryError` where the original itself fails.
    """
    limits, rules = limits or Limits(), rules or Rules()
    verifier = Verifier(query, database.schema, database.location.engine, seed=rules.seed, databases=rules.witnesses)
    case = Case(query, database, rules, verifier, declared=DeclaredFacts(database, limits))
    if verifier.unverifiable:
        case.refusal = verifier.unverifiable
        yield case
        return
    with ExitStack() as stack:
        stack.enter_context(verifier)
        session = stack.enter_context(Session(database.location, limits))
        case.clock = Clock(session, database.name, rules.statement_limit_s, tuple(_settings(limits)))
        full = Bench(database, session)
        bindings = query.bindings[0] if query.bindings else ()
        try:
            with timing_lock():  # this execution warms up for those that are timed, or is the only one of a slow query
                answered = full.answer(verifier, bindings, rules.statement_limit_s)
            case.baseline = case.clock.baseline(query, first=answered.run)
        except StatementTimeout:
            case.baseline = case.clock.never_finished()
        except ExecutionError as error:
            out_of_memory = isinstance(error, StatementOutOfMemory)
            remedy = "Give the engine more with --memory." if out_of_memory else "Correct the query."
            raise QueryError(f"{query.name or 'The query'} fails on {database.name}: {error.message}", remedy) from error
        if smaller is not None:
            case.benches.append(Bench(smaller, stack.enter_context(Session(smaller.location, limits))))
            case.benches[-1].answer(verifier, bindings, None)
        if not case.baseline.stopped:
            case.benches.append(full)
        elif smaller is None:
            case.benches.extend(_largest_finished(case, bindings, stack, limits))
        yield case


def _largest_finished(case: Case, bindings: Bindings, stack: ExitStack, limits: Limits) -> Iterator[Bench]:
    """The largest of a few samples on which the original finishes, if there is one."""
    for fraction in FRACTIONS:
        smaller = sample(case.database, fraction)
        bench = Bench(smaller, stack.enter_context(Session(smaller.location, limits)))
        try:
            bench.answer(case.verifier, bindings, case.rules.statement_limit_s)
        except StatementTimeout:
            bench.session.close()
            continue
        yield bench
        return


def judge(case: Case, candidate: Candidate) -> Attempt:
    """Verify ``candidate`` and, if the verdict accepts, screen its speed."""
    began = time.monotonic()
    try:
        verdict = _verify(case, candidate)
    except StatementTimeout:
        reason = f"The candidate did not finish within {_patience_s(case):.3g} s, which the original's time allows it."
        return attempted(candidate, Verdict("unknown", reason=reason), began, "timeout")
    except StatementOutOfMemory:
        return attempted(candidate, Verdict("unknown", reason="The candidate ran out of memory."), began, "out of memory")
    except ExecutionError as error:
        return attempted(candidate, Verdict("unknown", reason=error.message), began, f"error: {error.message}")
    if verdict.grade not in ACCEPTED:
        return attempted(candidate, verdict, began)
    assert case.clock is not None
    try:
        timing = case.clock.screen(case.query, candidate.query, case.baseline)
    except ExecutionError as error:
        return attempted(candidate, verdict, began, f"error: {error.message}")
    if case.database.role == "sample":
        timing = replace(timing, phase="sample")  # says so for good: a gain on a sample recommends nothing
    return attempted(candidate, verdict, began, timing=timing)


def confirm(case: Case, attempt: Attempt) -> Attempt:
    """Look for a proof of an accepted attempt, then time it afresh, with enough pairs for a recommendation.

    An attempt that relies on declared facts which the data violates is not accepted any more, and has no timing.
    """
    assert case.clock is not None and attempt.verdict.grade in ACCEPTED
    began = time.monotonic()
    attempt = replace(attempt, verdict=_substantiated(case, attempt))
    if attempt.verdict.grade not in ACCEPTED:
        return replace(attempt, timing=None)
    try:
        timing = case.clock.confirm(case.query, attempt.candidate.query, screened=attempt.timing)
        if drowned(timing):
            timing = case.clock.confirm(case.query, attempt.candidate.query, screened=attempt.timing)
    except ExecutionError as error:
        return replace(attempt, timing=None, failure=f"error: {error.message}")
    return replace(attempt, timing=timing, seconds=attempt.seconds + time.monotonic() - began)


def environment(case: Case) -> tuple[tuple[str, str], ...]:
    """What the measurement was made with."""
    capabilities = engine_of(case.database.location).CAPABILITIES
    return (
        ("querywright", version("querywright")),
        ("engine", f"{case.database.location.engine} {capabilities.version}"),
        ("database", case.database.name),
        ("python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
    )


def attempted(
    candidate: Candidate, verdict: Verdict, began: float, failure: str | None = None, timing: Timing | None = None
) -> Attempt:
    """The attempt of a candidate whose judgment ``began`` then."""
    return Attempt(candidate, verdict, timing, failure, round(time.monotonic() - began, 4))


def _verify(case: Case, candidate: Candidate) -> Verdict:
    """Cheapest refutation first: witness databases, the sample, the full data."""
    verdict = _rescued(case, candidate, case.verifier.verdict(candidate))
    limit_s = _patience_s(case)
    for bench in case.benches:
        if verdict.grade not in ACCEPTED:
            break
        verdict = compare_data(bench, case.verifier, candidate, verdict, limit_s)
    return verdict


def _patience_s(case: Case) -> float:
    assert case.baseline is not None
    return max(_LEAST_PATIENCE_S, _COMPARISON_PATIENCE * case.baseline.milliseconds / 1000)


def _rescued(case: Case, candidate: Candidate, verdict: Verdict) -> Verdict:
    """A verdict that the tests are too weak for, raised by a proof as long as there is time for more of them."""
    if verdict.grade in ACCEPTED or case.proofs_left_s <= 0:
        return verdict
    began = time.monotonic()
    verdict = case.verifier.strengthened(candidate, verdict, min(case.rules.proof_s, case.proofs_left_s))
    case.proofs_left_s -= time.monotonic() - began
    return verdict


def _substantiated(case: Case, attempt: Attempt) -> Verdict:
    """The attempt's verdict, proved where possible, after checking on the data what is merely declared."""
    assert case.declared is not None
    candidate, tested = attempt.candidate, attempt.verdict
    if tested.grade == "proved":
        tested = replace(tested, grade="unknown")
    proved = case.verifier.strengthened(candidate, attempt.verdict, case.rules.proof_s)
    relied = [premise for step in candidate.steps for premise in step.premises]
    return case.declared.settled(proved, tested, relied)


def compare_data(bench: Bench, verifier: Verifier, candidate: Candidate, verdict: Verdict, limit_s: float) -> Verdict:
    """``verdict`` after comparing on real data, for every set of parameter values; data can only take away from it."""
    checks = list(verdict.checks)
    for bindings in candidate.query.bindings or ((),):
        began = time.monotonic()
        comparison = bench.compared(verifier, candidate, bindings, limit_s)
        seconds = round(time.monotonic() - began, 4)
        checks.append(Check(bench.database.role, bench.database.name, comparison.rows, seconds=seconds))
        if not comparison.equal:
            return unequal(bench, comparison, checks)
    return replace(verdict, checks=tuple(checks))


def unequal(bench: Bench, comparison: Comparison, checks: Sequence[Check]) -> Verdict:
    """The verdict of a comparison that did not show equality."""
    if comparison.difference is not None:
        return Verdict("refuted", checks=tuple(checks), reason=f"On {bench.database.name}: {comparison.difference.reason}")
    return Verdict("unknown", checks=tuple(checks), reason=comparison.undecided)


def _settings(limits: Limits) -> Iterator[tuple[str, str]]:
    if limits.threads is not None:
        yield "threads", str(limits.threads)
    if limits.memory_bytes is not None:
        yield "memory_bytes", str(limits.memory_bytes)
