"""Judges slow queries and their solutions, and scores what holds.

The clean query is what all others of an order are held against: slow queries and solutions must answer as it does on its witness
databases and on the data. What counts as speed are interleaved runs of a slow query and its solution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from querywright.advise.candidates import propose_indexes
from querywright.advise.trial import try_indexes
from querywright.errors import DatabaseError, ExecutionError
from querywright.factory.curing import pattern_left
from querywright.factory.drafting import Draft
from querywright.factory.features import FEATURES, difficulty, features, pattern_of, table_count
from querywright.factory.proposing import MODEL, REFERENCE, transforms_of
from querywright.factory.stock import Stock
from querywright.factory.values import Example, Order, Plan, Solution, Try
from querywright.generation.identity import skeleton, task_id
from querywright.judge import ACCEPTED, Bench
from querywright.judge.steps import StepCase, judge_step, open_step_case
from querywright.measure.clock import LEAST_BAND
from querywright.propose.protocol import Proposal
from querywright.scoring.readability import readability
from querywright.scoring.reward import band, reward
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.values import Candidate, Grade, Origin, Query, Run, Timing
from querywright.verification.verdicts import Verifier
from querywright.workers import timing_lock

CLOSE = 0.03
"""A reward that lies so near to the threshold is measured again, and the lower one counts."""

AGREEING = 1.25
"""Two measurements of a speedup that differ by less need no third one."""

_PAIR = range(1, 2)
MOST_PAIRS = 4
"""So many pairs of runs decide whether they agree or not."""

WITNESSES = 12
_REJECTED = 3
_LONGEST_RUN_S = 2.0


_NOTHING = Try("no gain")


@dataclass(frozen=True)
class Trial:
    """A slow query on the data of a tier, on which it takes ``slow_ms``.

    ``wanted`` are the proposals to be judged, the best first, each with how many times as fast first runs show it to be,
    ``hopeless`` those that a first run rejected; ``indexing``: indexes are tried as well.
    """

    draft: Draft
    bench: Bench
    tier: int
    slow_ms: float
    said: Try = _NOTHING
    wanted: tuple[tuple[float, Proposal], ...] = ()
    hopeless: tuple[Proposal, ...] = ()
    indexing: bool = False

    @property
    def solution(self) -> str:
        """The fingerprint of the first solution to be judged; empty where indexes alone are tried."""
        return self.wanted[0][1].fingerprint if self.wanted else ""


@dataclass(frozen=True)
class _Slow:
    """A slow query that was found equal to the clean one: its text without clocks, its ``run`` and the ``grade`` of that."""

    trial: Trial
    query: Query
    run: Run
    grade: Grade


class Examiner:
    """Judges the trials of one order."""

    def __init__(self, engine: str, plan: Plan, stock: Stock) -> None:
        self._engine = engine
        self._plan = plan
        self._stock = stock

    def tries(self, order: Order, trials: Sequence[Trial]) -> Iterator[Try]:
        """What becomes of the trials, which all have one clean query. Raises the error with which that one fails."""
        if not trials:
            return
        texts = tuple(trial.draft.slow.sql for trial in trials)
        verifier = self._verifier(trials[0].draft.solution, trials[0].bench, texts)
        for tier in dict.fromkeys(trial.tier for trial in trials):
            here = [trial for trial in trials if trial.tier == tier]
            with open_step_case(verifier, here[0].bench, None, (), _LONGEST_RUN_S) as case:
                for trial in here:
                    yield self._judged(order, case, trial)

    def _verifier(self, query: Query, bench: Bench, reading: Sequence[str] = ()) -> Verifier:
        return Verifier(
            query,
            bench.database.schema,
            self._engine,
            databases=WITNESSES,
            mutation_s=0.0,
            aimed=0,
            shrink_s=0.0,
            scratch=(self._stock.scratch, self._stock.scratch),
            reading=reading,
        )

    def _judged(self, order: Order, case: StepCase, trial: Trial) -> Try:
        slow = self._verified(case, trial)
        if slow is None:
            return replace(trial.said, fate="not verified", judged=1)
        accepted: list[Solution] = []
        rejected: list[Solution] = []
        judged, fate = 1, trial.said.fate
        for solution in self._solutions(case, slow):
            judged += 1
            if not solution.speedup or solution.reward < self._plan.threshold:  # what was refuted was not measured
                rejected.append(solution)
                fate = "not verified" if solution.grade not in ACCEPTED else fate
            elif {_pattern(trial, solution), band(solution.speedup)} & order.closed:
                fate = "quota"
            else:
                accepted.append(solution)
                if self._plan.stage == 2:
                    break
        rejected += [_rejected(proposal) for proposal in trial.hopeless[: _REJECTED if accepted else 0]]
        examples = tuple(self._example(trial, solution, rejected) for solution in accepted)
        return replace(trial.said, fate="kept" if examples else fate, examples=examples, judged=judged)

    def _verified(self, case: StepCase, trial: Trial) -> _Slow | None:
        """The slow query, if it answers as the clean one does."""
        query = trial.draft.query
        found = judge_step(case, Candidate(query, trial.draft.clean.fingerprint, (), Origin("habits")), timed=False)
        verdict, shown = found.attempt.verdict, found.shown
        if verdict.grade not in ACCEPTED or verdict.conditions or shown is None or shown.run is None:
            return None
        return _Slow(trial, replace(query, sql=case.verifier.frozen(query.sql)), shown.run, verdict.grade)

    def _solutions(self, case: StepCase, slow: _Slow) -> Iterator[Solution]:
        """Judged solutions: indexes where they are wanted, then rewrites, the most promising first."""
        if slow.trial.indexing and (found := self._with_indexes(case, slow)):
            yield found
        for expected, proposal in slow.trial.wanted:
            yield self._rewritten(case, slow, proposal, expected)

    def _with_indexes(self, case: StepCase, slow: _Slow) -> Solution | None:
        """The slow query as it is, with indexes; None where there are none that help, they cannot be built, or the
        database cannot be copied."""
        draft, bench = slow.trial.draft, slow.trial.bench
        indexes = propose_indexes(Facts(draft.slow.tree, bench.database.schema, draft.clean.dialect), 1)
        if not indexes:
            return None
        own = StepCase(self._verifier(draft.query, bench), case.clock, bench, known=[slow.run])
        unchanged = Candidate(draft.query, draft.query.fingerprint)
        try:
            tried = try_indexes(own, unchanged, indexes, self._stock.host, self._stock.limits)
        except (ExecutionError, DatabaseError):
            return None
        if tried.timing is None:
            return None
        statements = tuple(index.statement for index in tried.indexes)
        solution = Solution(draft.slow.sql, "indexes", (), statements, draft.slow.fingerprint, slow.grade)
        return scored(solution, tried.timing, draft.clean.dialect)

    def _rewritten(self, case: StepCase, slow: _Slow, proposal: Proposal, expected: float) -> Solution:
        """The solution that a proposal is, measured if it holds."""
        candidate, dialect = proposal.candidate, case.query.dialect
        solution = Solution(
            candidate.query.sql, candidate.origin.proposer, transforms_of(proposal), (), proposal.fingerprint, slow.grade
        )
        first: Run | None = case.known[-1]
        if proposal.fingerprint != case.query.fingerprint:
            found = judge_step(case, candidate, timed=False)
            verdict, first = found.attempt.verdict, found.shown.run if found.shown is not None else None
            solution = replace(solution, grade=verdict.grade, reason=verdict.reason[:300])
            if verdict.grade not in ACCEPTED or verdict.conditions or first is None:
                return solution
        query = replace(candidate.query, sql=case.verifier.frozen(candidate.query.sql))
        assert first is not None
        solution = scored(solution, self._timing(case, slow, query, first, expected), dialect)
        if abs(solution.reward - self._plan.threshold) < CLOSE:
            again = scored(solution, self._timing(case, slow, query, first, expected), dialect)
            solution = min(solution, again, key=lambda one: one.reward)
        return solution

    def _timing(self, case: StepCase, slow: _Slow, query: Query, first: Run, expected: float) -> Timing:
        """Pairs of runs, until the speedup of the fastest is near to what it was one pair earlier, or to that of first runs."""
        with timing_lock():
            before, after = list[Run](), list[Run]()
            while True:
                pair = case.clock.step(slow.query, query, [slow.run], first, LEAST_BAND, _PAIR)
                before, after = [*before, *pair.original], [*after, *pair.candidate]
                timing = case.clock.fastest(before, after, LEAST_BAND, stopped=pair.ratio == 0)
                if timing.ratio == 0 or len(after) >= MOST_PAIRS or 1 / AGREEING < timing.ratio / expected < AGREEING:
                    return timing
                expected = timing.ratio

    def _example(self, trial: Trial, solution: Solution, rejected: Sequence[Solution]) -> Example:
        draft, schema = trial.draft, trial.bench.database.schema
        dialect = draft.clean.dialect
        slow = Facts(draft.slow.tree, schema, dialect)
        fast = Facts(qualify_text(solution.sql, schema, dialect, draft.slow.tree.named_selects), schema, dialect)
        shown = {*features(slow), *features(fast)}
        used, tables = tuple(name for name in FEATURES if name in shown), table_count(slow)
        specification = trial.bench.database.specification
        return Example(
            id=task_id(f"{draft.slow.fingerprint}:{solution.text}", specification, self._plan.seed),
            engine=self._engine,
            schema=specification.partition(":")[0],
            database=specification,
            tier=trial.tier,
            shape=draft.clean.shape,
            question=draft.clean.question,
            slow=draft.slow.sql,
            clean=draft.clean.sql,
            solution=solution,
            fingerprint=draft.slow.fingerprint,
            family=skeleton(draft.slow.tree),
            split=draft.split,
            habits=draft.habits,
            injected=draft.slow.injected,
            pattern=_pattern(trial, solution),
            features=used,
            tables=tables,
            difficulty=difficulty(used, tables, len(draft.slow.injected)),
            slow_readability=round(readability(parse_query(draft.slow.sql, dialect)).score, 4),
            rejected=tuple([one for one in rejected if one.text != solution.text][:_REJECTED]),
            stage=self._plan.stage,
        )


def scored(solution: Solution, timing: Timing, dialect: str) -> Solution:
    """The solution with its times, its readability and its reward."""
    reads = readability(parse_query(solution.sql, dialect)).score
    return replace(
        solution,
        speedup=round(timing.ratio, 3),
        slow_ms=round(timing.original_ms, 3),
        fast_ms=round(timing.candidate_ms, 3),
        readability=round(reads, 4),
        reward=round(reward(timing.ratio, reads), 4) if timing.ratio > 0 else 0.0,
    )


def _rejected(proposal: Proposal) -> Solution:
    return Solution(
        proposal.candidate.query.sql,
        proposal.candidate.origin.proposer,
        transforms_of(proposal),
        fingerprint=proposal.fingerprint,
        reason="A first run shows no gain.",
    )


def _pattern(trial: Trial, solution: Solution) -> str:
    """The kind of optimization; that of the clean query is what cures the habits that were put in, that of a model's answer what
    cures those that it left."""
    if solution.proposer == REFERENCE:
        return trial.draft.pattern
    if solution.proposer == MODEL:
        return pattern_left(trial.draft.slow, solution.sql, trial.bench.database.schema, trial.draft.clean.dialect)
    return pattern_of(solution.transforms, bool(solution.statements))
