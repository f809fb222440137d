"""The judge: verify, then measure. Nothing else constructs an `Attempt`, so nothing counts as fast that was not verified.

`open_case` runs the original once and keeps what every candidate is held against: its answer, its times, its witness databases. `judge`
takes a candidate through the checks, cheapest first, and times it only if it passed them all; `confirm` times a winner afresh.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from sqlglot import exp

from querywright.databases.database import Database
from querywright.engines.protocol import Limits
from querywright.engines.session import Session, engine_of
from querywright.errors import ExecutionError, QueryError, StatementOutOfMemory, StatementTimeout
from querywright.measure.clock import Baseline, Clock
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.values import Attempt, Bindings, Candidate, Check, Query, Timing, Verdict
from querywright.verify.compare import Comparison, Stored, Terms, compare, store_original, terms_of

ACCEPTED = frozenset({"proved", "bounded", "tested"})

_COMPARISON_PATIENCE = 5.0
"""A candidate whose answer takes this many times as long as the original's to compute and compare is slower anyway."""

_LEAST_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly and how long to judge.

    ``statement_limit_s`` is the most one execution may take; ``witnesses`` the number of generated databases a candidate must pass;
    ``assume_checked_keys`` lets premises count that today's data satisfies; ``accept_timeout`` lets a mere lower bound count.
    """

    statement_limit_s: float = 60.0
    witnesses: int = 100
    assume_checked_keys: bool = False
    accept_timeout: bool = False
    seed: int = 0


@dataclass
class Bench:
    """One database with the original's answer on it, ready to compare candidates with."""

    database: Database
    session: Session
    stored: Stored | None = None


@dataclass
class Case:
    """An original and what is known of its behavior. ``refusal`` says why it cannot be judged at all; ``baseline`` is None then."""

    query: Query
    tree: exp.Query
    database: Database
    rules: Rules
    terms: Terms
    benches: list[Bench] = field(default_factory=list)
    clock: Clock | None = None
    baseline: Baseline | None = None
    refusal: str = ""

    @property
    def rows(self) -> int:
        """Rows of the original's answer on the full database, for its first set of parameter values."""
        stored = self.benches[-1].stored if self.benches else None
        return stored.rows if stored is not None else 0

    def conditional(self, attempt: Attempt) -> bool:
        """Whether an accepted attempt rests on premises that the user has not agreed to."""
        return bool(attempt.verdict.premises) and not self.rules.assume_checked_keys


@contextmanager
def open_case(
    query: Query, tree: exp.Query, database: Database, sample: Database | None, limits: Limits, rules: Rules
) -> Iterator[Case]:
    """Open the databases and run the original on them.

    An original that never finishes on the full database is verified on the largest sample on which it does. Raises `QueryError` where the
    original itself fails.
    """
    facts = Facts(tree, database.schema, query.dialect)
    capabilities = engine_of(database.location).CAPABILITIES
    terms = terms_of(query.sql, facts, exact_decimals=capabilities.exact_decimals)
    case = Case(query, tree, database, rules, terms)
    chance = [found.reason for found in ambiguities(facts) if found.kind in ("random", "sample")]
    if chance:
        case.refusal = " ".join(chance)
        yield case
        return
    with ExitStack() as stack:
        session = stack.enter_context(Session(database.location, limits))
        case.clock = Clock(session, database.name, rules.statement_limit_s, tuple(_settings(limits)))
        try:
            case.baseline = case.clock.baseline(query)
        except ExecutionError as error:
            raise QueryError(f"{query.name or 'The query'} fails on {database.name}: {error.message}", "Correct the query.") from error
        if sample is not None:
            case.benches.append(Bench(sample, stack.enter_context(Session(sample.location, limits))))
        if not case.baseline.stopped:
            case.benches.append(Bench(database, session))
        for bench in case.benches:
            _store(case, bench, query.bindings[0] if query.bindings else ())
        yield case


def judge(case: Case, candidate: Candidate) -> Attempt:
    """Verify ``candidate`` and, if the verdict accepts, screen its speed."""
    began = time.monotonic()
    try:
        verdict = _verify(case, candidate)
    except StatementTimeout:
        return _attempt(candidate, Verdict("unknown", reason="The candidate did not finish in time."), began, "timeout")
    except StatementOutOfMemory:
        return _attempt(candidate, Verdict("unknown", reason="The candidate ran out of memory."), began, "out of memory")
    except ExecutionError as error:
        return _attempt(candidate, Verdict("unknown", reason=error.message), began, f"error: {error.message}")
    if verdict.grade not in ACCEPTED:
        return _attempt(candidate, verdict, began)
    assert case.clock is not None
    try:
        timing = case.clock.screen(case.query, candidate.query, case.baseline)
    except ExecutionError as error:
        return _attempt(candidate, verdict, began, f"error: {error.message}")
    return _attempt(candidate, verdict, began, timing=timing)


def confirm(case: Case, attempt: Attempt) -> Attempt:
    """Time an accepted attempt afresh, with enough pairs for a recommendation."""
    assert case.clock is not None and attempt.verdict.grade in ACCEPTED
    began = time.monotonic()
    try:
        timing = case.clock.confirm(case.query, attempt.candidate.query)
    except ExecutionError as error:
        return replace(attempt, timing=None, failure=f"error: {error.message}")
    return replace(attempt, timing=timing, seconds=attempt.seconds + time.monotonic() - began)


def _attempt(
    candidate: Candidate, verdict: Verdict, began: float, failure: str | None = None, timing: Timing | None = None
) -> Attempt:
    return Attempt(candidate, verdict, timing, failure, round(time.monotonic() - began, 4))


def _verify(case: Case, candidate: Candidate) -> Verdict:
    """Cheapest refutation first: witness databases, the sample, the full data."""
    checks: list[Check] = []
    for bench in case.benches:
        for bindings in case.query.bindings or ((),):
            began = time.monotonic()
            comparison = _compared(case, bench, candidate, bindings)
            if comparison.difference is not None:
                return Verdict("refuted", checks=tuple(checks), reason=comparison.difference.reason)
            if comparison.undecided:
                return Verdict("unknown", checks=tuple(checks), reason=comparison.undecided)
            seconds = round(time.monotonic() - began, 4)
            checks.append(Check(bench.database.role, bench.database.name, comparison.rows, seconds=seconds))
    return Verdict("tested", checks=tuple(checks))


def _compared(case: Case, bench: Bench, candidate: Candidate, bindings: Bindings) -> Comparison:
    if bench.stored is None or bench.stored.bindings != bindings:
        _store(case, bench, bindings)
    assert bench.stored is not None and case.baseline is not None
    limit_s = max(_LEAST_PATIENCE_S, _COMPARISON_PATIENCE * case.baseline.milliseconds / 1000)
    return bench.session.call(compare, bench.stored, candidate.query.sql, case.terms, limit_s=limit_s)


def _store(case: Case, bench: Bench, bindings: Bindings) -> None:
    bench.stored = bench.session.call(store_original, case.query.sql, case.terms, bindings)


def _settings(limits: Limits) -> Iterator[tuple[str, str]]:
    if limits.threads is not None:
        yield "threads", str(limits.threads)
    if limits.memory_bytes is not None:
        yield "memory_bytes", str(limits.memory_bytes)
