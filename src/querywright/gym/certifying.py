"""Certified headroom: a task's reference rewrite is verified by the judge and measured on the visible and on a hidden database.

What is known to be equal by construction is judged like any answer, on all databases of the task, and proved where that takes no
time. First runs, without the timing lock and by processor time, only decide what is worth judging.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from sqlglot import exp

from querywright.analyze import analyze
from querywright.databases.database import Database
from querywright.engines.protocol import Limits
from querywright.engines.session import engine_of, timed_run
from querywright.errors import ExecutionError, QueryError, StatementTimeout
from querywright.gym.shared_databases import SharedDatabases
from querywright.gym.values import Reference
from querywright.gym.weakest import weakest
from querywright.judge import ACCEPTED
from querywright.judge.steps import StepCase, judge_step, open_step_case
from querywright.propose import rules as rule_proposer
from querywright.search.protocol import Position
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.values import Attempt, Candidate, Origin, Query, Run
from querywright.verification.verdicts import Verifier

LEAST_SPEEDUP = 1.5
"""What a rewrite has to gain for sure to be worth a task."""

LEAST_MS = {"duckdb": 7.0, "sqlite": 4.0}
MOST_MS = 60.0
"""Milliseconds of processor time. Originals that take less are tried on more rows, where planning does not count as much;
those that take more on fewer rows, where agents wait less."""

_LONGEST_LOOK_S = 0.5
_LOOKS = 3
_MOVES = 3

_WITNESSES = 20
_PROOF_S = 0.15
_PAIRS = 5
"""Pairs of runs on each database."""


@dataclass(frozen=True, slots=True)
class Uncertified:
    """Why a query makes no task."""

    reason: str


Place = tuple[str, tuple[str, ...]]
"""A task's database, and its hidden ones: the first of equal size."""


@dataclass
class Certifier:
    """Certifies queries, one after the other; a context manager that keeps databases open.

    ``limit_s`` are the most seconds of one execution. What is certified falls short of what a first look shows: that must exceed
    it by the factor ``margin``. ``seed`` is that of the witness databases.
    """

    limit_s: float = 5.0
    margin: float = 1.15
    seed: int = 0
    databases: SharedDatabases = field(
        default_factory=lambda: SharedDatabases(Limits(threads=min(2, os.cpu_count() or 1), memory_bytes=1 << 30))
    )

    def __enter__(self) -> Certifier:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.databases.close()

    def placed(self, sql: str, places: Sequence[Place]) -> Place | Uncertified:
        """The place, of some in the order of their size, where the query takes neither too long nor next to nothing."""
        number, tried = min(1, len(places) - 1), set[int]()
        reason = "There is no database."
        while number in range(len(places)) and number not in tried and len(tried) <= _MOVES:
            tried.add(number)
            visible = places[number][0]
            try:
                milliseconds = self._looked(visible, sql)
            except ExecutionError as error:
                return Uncertified(error.message)
            if milliseconds is None or milliseconds > MOST_MS:
                reason, number = "It takes too long.", number - 1
            elif milliseconds < LEAST_MS[self.databases.database(visible).location.engine]:
                reason, number = f"It takes {milliseconds:.1f} ms only.", number + 1
            else:
                return places[number]
        return Uncertified(reason)

    def certify(
        self, sql: str, rewrites: Sequence[str], visible: str, hidden: Sequence[str], rules_s: float = 0.0
    ) -> Reference | Uncertified:
        """The best of ``rewrites``, and of what rules find in ``rules_s`` seconds, that is equal on all databases and clearly
        faster on the visible and on the first hidden one."""
        if self.databases.lost:
            self.databases.renew()
        try:
            slow = self._run(visible, sql, self.limit_s)
            first = [(gain, text) for text in rewrites if (gain := self._first_gain(visible, text, slow))]
            if not first and not rules_s:
                return Uncertified("Its rewrite gains little at first sight.")
            query, tree = self._query(sql, visible)
            benches = [self.databases.bench(label) for label in (visible, *hidden)]
            schema = weakest(bench.database.schema for bench in benches)
            engine = benches[0].database.location.engine
            scratch = self.databases.scratch(engine)
            verifier = Verifier(
                query,
                schema,
                engine,
                seed=self.seed,
                databases=_WITNESSES,
                mutation_s=0.0,
                aimed=0,
                shrink_s=0.0,
                scratch=(scratch, scratch),
            )
            with open_step_case(verifier, benches[0], None, benches[1:], self.limit_s) as case:
                ordered = sorted(first, reverse=True)
                judged = [judge_step(case, self._candidate(text, query, visible)).attempt for _, text in ordered]
                judged += self._rule_attempts(case, Position(query, tree), benches[0].database, rules_s)
            return self._best(verifier, judged, visible, hidden[0])
        except (QueryError, ExecutionError) as error:
            return Uncertified(error.message)

    # ------------------------------------------------------------------ first looks

    def _looked(self, label: str, sql: str) -> float | None:
        """Milliseconds of processor time of one run; None where it takes too long."""
        if self.databases.lost:
            self.databases.renew()
        try:
            return self._run(label, sql, _LONGEST_LOOK_S).cpu_ns / 1e6
        except StatementTimeout:
            return None

    def _run(self, label: str, sql: str, limit_s: float) -> Run:
        return self.databases.session(label).call(timed_run, sql, (), 0, limit_s=limit_s)

    def _first_gain(self, label: str, sql: str, slow: Run) -> float | None:
        """How much less processor time a rewrite takes in the best of three runs; None where that is not enough."""
        fastest = slow.cpu_ns
        for _ in range(_LOOKS):
            try:
                run = self._run(label, sql, max(_LONGEST_LOOK_S, slow.wall_ns / 1e9))
            except StatementTimeout:
                return None
            fastest = min(fastest, max(1, run.cpu_ns))
            if self.margin * LEAST_SPEEDUP * fastest <= slow.cpu_ns:
                return slow.cpu_ns / fastest
        return None

    # ------------------------------------------------------------------ judging

    def _query(self, sql: str, label: str) -> tuple[Query, exp.Query]:
        """The text as a query of a database, and its qualified tree."""
        database = self.databases.database(label)
        dialect = engine_of(database.location).CAPABILITIES.dialect
        outputs = [name for name, _ in self.databases.session(label).describe(sql)]
        tree = qualify_text(sql, database.schema, dialect, outputs)
        return Query(sql, dialect, fingerprint(tree, dialect)), tree

    def _candidate(self, sql: str, original: Query, label: str) -> Candidate:
        return Candidate(self._query(sql, label)[0], original.fingerprint, (), Origin("inverse"))

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

    def _best(self, verifier: Verifier, judged: Sequence[Attempt], visible: str, hidden: str) -> Reference | Uncertified:
        """The certificate of the fastest attempt whose gain is there when it is timed further, and whose verdict holds out."""
        reason = next((attempt.verdict.reason for attempt in judged if attempt.verdict.reason), "No rewrite is clearly faster.")
        for attempt in sorted(filter(_promising, judged), key=_ratio, reverse=True)[:2]:
            timing, rewritten = attempt.timing, attempt.candidate.query
            assert timing is not None
            speedup = self._gain(visible, verifier.query, rewritten, timing.original, timing.candidate)
            if speedup >= LEAST_SPEEDUP:
                speedup = min(speedup, self._gain(hidden, verifier.query, rewritten))
            if speedup < LEAST_SPEEDUP:
                reason = f"It gains {speedup:.2f}x for sure."
                continue
            verdict = verifier.strengthened(attempt.candidate, attempt.verdict, _PROOF_S)
            if verdict.grade in ACCEPTED:
                transforms = tuple(dict.fromkeys(step.transform for step in attempt.candidate.steps))
                return Reference(rewritten.sql, round(speedup, 2), verdict.grade, transforms)
            reason = verdict.reason
        return Uncertified(reason)

    def _gain(
        self, label: str, original: Query, candidate: Query, before: Sequence[Run] = (), after: Sequence[Run] = ()
    ) -> float:
        """How much faster the candidate is for sure: the fastest of `_PAIRS` runs of the original over the second fastest of its
        own, by the clock or by processor time, whichever shows less. Some of the runs may be known.

        Where the clock alone shows too little, other processes may have taken the time: as many pairs are run again, once."""
        session = self.databases.session(label)
        sides = [(original, list(before)), (candidate, list(after))]
        wall = cpu = 0.0
        for pairs in (_PAIRS, 2 * _PAIRS):
            for number in range(len(sides[1][1]), pairs):
                for query, runs in reversed(sides) if number % 2 else sides:
                    runs.append(session.measure(query.sql, limit_s=self.limit_s))
            slow, fast = ([(run.wall_ns, run.cpu_ns or run.wall_ns) for run in runs] for _, runs in sides)
            wall, cpu = (min(one[clock] for one in slow) / sorted(one[clock] for one in fast)[1] for clock in (0, 1))
            if wall >= LEAST_SPEEDUP or cpu < LEAST_SPEEDUP:
                break
        return min(wall, cpu)


def _ratio(attempt: Attempt) -> float:
    return attempt.timing.ratio if attempt.timing is not None else 0.0


def _promising(attempt: Attempt) -> bool:
    """Whether the attempt rests on nothing that anybody must agree to, and may gain something."""
    return _ratio(attempt) > 1.0 and not attempt.verdict.conditions and attempt.verdict.grade in ACCEPTED


def _printed(dialect: str, tree: exp.Query) -> str:
    return tree.sql(dialect, pretty=True)
