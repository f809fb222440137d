"""Certified headroom: a task's reference rewrite is verified by the judge and measured on the visible and on a hidden database.

What is known to be faster by construction is judged like any candidate; the lower of both databases' lower bounds counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from sqlglot import exp

from querywright.analyze import analyze
from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.engines.protocol import Limits
from querywright.engines.session import Session, engine_of
from querywright.errors import ExecutionError, QueryError, StatementTimeout
from querywright.gym.values import Reference
from querywright.judge import ACCEPTED, Bench, compare_data
from querywright.judge.steps import StepCase, judge_step, open_step_case
from querywright.measure.clock import Clock
from querywright.measure.stats import ratio_bounds
from querywright.propose import rules as rule_proposer
from querywright.search.protocol import Position
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.values import Attempt, Candidate, Origin, Query, Timing
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

LEAST_SPEEDUP = 1.5
"""Lower bound of the ratio from which a rewrite is worth a task."""

LEAST_MS = 4.0
MOST_MS = 2500.0
"""Originals faster than this drown in noise, slower ones keep agents waiting."""

_WITNESSES = 40
_MUTATION_S = 10.0
_TIMED_S = 2.0
_ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class Uncertified:
    """Why a query makes no task; ``too_slow`` asks for less data."""

    reason: str
    too_slow: bool = False


@dataclass
class Certifier:
    """Certifies queries, one after the other; a context manager that keeps the databases open.

    ``limits`` are those of each engine, ``limit_s`` the most seconds of one execution. A lower bound falls short of
    what a first look shows: that must exceed it by the factor ``margin``. ``seed`` is that of the witness databases.
    """

    limits: Limits = field(default_factory=Limits)
    limit_s: float = 2 * MOST_MS / 1000
    margin: float = 1.2
    seed: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)
    _databases: dict[str, Database] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _scratches: dict[str, tuple[Scratch, Scratch]] = field(default_factory=dict)

    def __enter__(self) -> Certifier:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def database(self, label: str) -> Database:
        """The database that ``label`` names, generated if need be."""
        if label not in self._databases:
            self._databases[label] = open_database(label)
        return self._databases[label]

    def session(self, label: str) -> Session:
        """An open session on a database."""
        if label not in self._sessions:
            self._sessions[label] = self._stack.enter_context(Session(self.database(label).location, self.limits))
        return self._sessions[label]

    def query(self, sql: str, label: str) -> tuple[Query, exp.Query]:
        """The text as a query of a database, and its qualified tree."""
        database = self.database(label)
        dialect = engine_of(database.location).CAPABILITIES.dialect
        outputs = [name for name, _ in self.session(label).describe(sql)]
        tree = qualify_text(sql, database.schema, dialect, outputs)
        return Query(sql, dialect, fingerprint(tree, dialect)), tree

    def certify(
        self, sql: str, rewrites: Sequence[str], visible: str, hidden: str, rules_s: float = 0.0
    ) -> Reference | Uncertified:
        """The best of ``rewrites``, and of what rules find in ``rules_s`` seconds, that is equal and clearly faster on both
        databases."""
        try:
            unfit = self._unfit(sql, rewrites, visible, rules_s)
            if unfit is not None:
                return unfit
            query, tree = self.query(sql, visible)
            database = self.database(visible)
            scratch = self._scratch_of(database.location.engine)
            verifier = Verifier(
                query,
                database.schema,
                query.dialect,
                seed=self.seed,
                databases=_WITNESSES,
                mutation_s=_MUTATION_S,
                scratch=scratch,
            )
            with open_step_case(verifier, Bench(database, self.session(visible)), None, (), self.limit_s) as case:
                candidates = [self._candidate(rewrite, query, visible) for rewrite in rewrites]
                judged = [judge_step(case, candidate).attempt for candidate in candidates]
                judged += self._rule_attempts(case, Position(query, tree), database, rules_s)
                return self._best(verifier, [attempt for attempt in judged if _promising(attempt)], visible, hidden, judged)
        except (QueryError, ExecutionError) as error:
            return Uncertified(error.message, too_slow=isinstance(error, StatementTimeout))

    def _unfit(self, sql: str, rewrites: Sequence[str], label: str, rules_s: float) -> Uncertified | None:
        """Why a first look says that it is not worth to go on: judging takes a hundred times as long."""
        session = self.session(label)
        slow = _best_ms(session, sql, self.limit_s)
        if slow > MOST_MS:
            return Uncertified(f"It takes {slow:.0f} ms.", too_slow=True)
        if slow < LEAST_MS:
            return Uncertified(f"It takes {slow:.1f} ms only.")
        fast = min((_best_ms(session, rewrite, self.limit_s) for rewrite in rewrites), default=0.0)
        if rewrites and not rules_s and slow < self.margin * LEAST_SPEEDUP * fast:
            return Uncertified(f"Its rewrite gains {slow / fast:.2f}x at first sight.")
        return None

    def _candidate(self, sql: str, original: Query, label: str) -> Candidate:
        return Candidate(self.query(sql, label)[0], original.fingerprint, (), Origin("inverse"))

    def _rule_attempts(self, case: StepCase, start: Position, database: Database, seconds: float) -> Iterator[Attempt]:
        """What rules make of the original, and then of the best that came of it, as long as there is time."""
        best, found = start, list[Attempt]()
        until = time.monotonic() + seconds
        while seconds > 0:
            expanded = best
            analysis = analyze(expanded.query, expanded.tree, database.schema, database.location.engine)
            render = partial(_printed, expanded.query.dialect)
            for proposal in rule_proposer.propose(analysis, expanded.steps, found, render, self.seed):
                if time.monotonic() > until:
                    return
                attempt = judge_step(case, proposal.candidate).attempt
                found.append(attempt)
                yield attempt
                if _promising(attempt) and _ratio(attempt) > 1.1 * best.ratio:
                    best = Position(proposal.candidate.query, proposal.tree, proposal.steps, _ratio(attempt), attempt)
            if best is expanded:
                return

    def _best(
        self, verifier: Verifier, promising: Sequence[Attempt], visible: str, hidden: str, judged: Sequence[Attempt]
    ) -> Reference | Uncertified:
        """The certificate of the fastest attempt that keeps its gain when it is timed afresh on both databases."""
        reason = next((attempt.verdict.reason for attempt in judged if attempt.verdict.reason), "No rewrite is clearly faster.")
        for attempt in sorted(promising, key=_ratio, reverse=True)[:2]:
            bench = Bench(self.database(hidden), self.session(hidden))
            try:
                verdict = compare_data(bench, verifier, attempt.candidate, attempt.verdict, self.limit_s)
            finally:
                bench.forget()
            if verdict.grade not in ACCEPTED:
                reason = verdict.reason
                continue
            query, rewritten = verifier.query, attempt.candidate.query
            clocks = [Clock(self.session(label), label, self.limit_s) for label in (visible, hidden)]
            speedup = min(_lower_bound(clock.confirm(query, rewritten, seconds=_TIMED_S)) for clock in clocks)
            if speedup >= LEAST_SPEEDUP:
                transforms = tuple(dict.fromkeys(step.transform for step in attempt.candidate.steps))
                return Reference(rewritten.sql, round(speedup, 2), verdict.grade, transforms)
            reason = f"The lower bound of its gain is {speedup:.2f}x."
        return Uncertified(reason)

    def _scratch_of(self, engine: str) -> tuple[Scratch, Scratch]:
        if engine not in self._scratches:
            first, second = (self._stack.enter_context(closing(Scratch(engine))) for _ in range(2))
            self._scratches[engine] = (first, second)
        return self._scratches[engine]


def _best_ms(session: Session, sql: str, limit_s: float) -> float:
    """CPU milliseconds of the cheaper of two executions, or of the first if slow; a busy machine disturbs them least."""
    first = session.measure(sql, limit_s=limit_s).cpu_ns / 1e6
    return first if first > MOST_MS else min(first, session.measure(sql, limit_s=limit_s).cpu_ns / 1e6)


def _lower_bound(timing: Timing) -> float:
    """The ratio's one-sided bound with 99 %: enough runs that one disturbed pair does not decide."""
    if timing.censored == "candidate":
        return 0.0
    before, after = ([run.wall_ns for run in runs] for runs in (timing.original, timing.candidate))
    return ratio_bounds(before, after, _ALPHA)[1]


def _ratio(attempt: Attempt) -> float:
    return attempt.timing.ratio if attempt.timing is not None else 0.0


def _promising(attempt: Attempt) -> bool:
    """Whether the attempt rests on nothing that anybody must agree to, and may gain something."""
    return _ratio(attempt) > 1.0 and not attempt.verdict.conditions


def _printed(dialect: str, tree: exp.Query) -> str:
    return tree.sql(dialect, pretty=True)
