"""Judges slow queries and their solutions, and scores what holds.

The clean query is what all others of an order are held against: slow queries and solutions must answer as it does on its witness
databases and on the data. What counts as speed are interleaved runs of a slow query and its solution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from querywright.advise.candidates import IndexCandidate, propose_indexes
from querywright.advise.trial import try_indexes
from querywright.databases.specification import schema_title
from querywright.errors import DatabaseError, ExecutionError
from querywright.factory.curing import pattern_left
from querywright.factory.drafting import Draft
from querywright.factory.features import FEATURES, difficulty, features, pattern_of, table_count, with_indexing
from querywright.factory.proposing import INDEXES, MIXED, MODEL, transforms_of
from querywright.factory.stock import Stock
from querywright.factory.values import Example, Order, Plan, Solution, Try
from querywright.generation.identity import skeleton, task_id
from querywright.judge import ACCEPTED, Bench
from querywright.judge.steps import StepCase, judge_step, open_step_case
from querywright.measure.clock import CLEARLY, LEAST_BAND
from querywright.propose.protocol import Proposal
from querywright.scoring.readability import readability
from querywright.scoring.reward import CAP, band, reward
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

LEFT_MS = 0.5
"""A rewrite that takes less has too little left that an index could take away and the clock could show."""

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
    ``hopeless`` those that a first run rejected; ``indexing``: indexes are tried as well. ``advised`` are those that a model
    wants for a query, by its fingerprint.
    """

    draft: Draft
    bench: Bench
    tier: int
    slow_ms: float
    said: Try = _NOTHING
    wanted: tuple[tuple[float, Proposal], ...] = ()
    hopeless: tuple[Proposal, ...] = ()
    indexing: bool = False
    advised: Mapping[str, tuple[IndexCandidate, ...]] = field(default_factory=dict)

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
        for alternatives in self._solutions(order, case, slow):
            for solution in alternatives:
                judged += 1
                if not solution.speedup or solution.reward < self._plan.threshold:  # what was refuted was not measured
                    rejected.append(solution)
                    fate = "not verified" if solution.grade not in ACCEPTED else fate
                elif accepted and self._plan.stage == 2:
                    rejected += [solution] if solution.speedup < accepted[0].speedup else []
                elif {_pattern(trial, solution), band(solution.speedup)} & order.closed:
                    fate = "quota"
                else:
                    accepted.append(solution)
            if accepted and self._plan.stage == 2:
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

    def _solutions(self, order: Order, case: StepCase, slow: _Slow) -> Iterator[Sequence[Solution]]:
        """Judged solutions, the most promising first, of which some come together: the slow query with indexes is preferred to
        rewrites, for it is seldom one, and a rewrite with indexes, where it is clearly faster than either, to both."""
        draft = slow.trial.draft
        unchanged = Solution(draft.slow.sql, INDEXES, (), (), draft.slow.fingerprint, slow.grade)
        indexed = list(self._with_indexes(order, case, slow, unchanged, draft.slow.tree))
        for number, (expected, proposal) in enumerate(slow.trial.wanted):
            alone = self._rewritten(case, slow, proposal, expected)
            found = self._with_indexes(order, case, slow, alone, proposal.tree) if alone.speedup else ()
            mixed = [one for one in found if all(_clearly_faster(one, other) for other in (*indexed, alone))]
            yield [*sorted(mixed, key=lambda one: -one.speedup), *(indexed if number == 0 else ()), alone]
        if not slow.trial.wanted:
            yield indexed

    def _with_indexes(self, order: Order, case: StepCase, slow: _Slow, alone: Solution, tree: exp.Query) -> Iterator[Solution]:
        """The query of the solution ``alone`` with the indexes that the model wants for it, and with those that its conditions
        and joins suggest, measured against the slow query without any.

        Nothing comes where there are no indexes, they cannot be built, or the database cannot be copied.
        """
        trial, unchanged = slow.trial, alone.fingerprint == slow.query.fingerprint
        advised, suggested = trial.advised.get(alone.fingerprint, ()), tuple[IndexCandidate, ...]()
        if trial.indexing and (unchanged or self._worth_mixing(alone)):
            suggested = propose_indexes(Facts(tree, trial.bench.database.schema, trial.draft.clean.dialect), 1)
        wanted = [indexes for indexes in dict.fromkeys((advised, suggested)) if indexes]
        if wanted and _pattern(trial, replace(alone, statements=("",))) in order.closed:
            return
        for indexes in wanted:
            timing = self._indexed(case, slow, alone, indexes)
            if timing is not None:
                whole = MODEL if indexes == advised else INDEXES
                proposer = whole if unchanged or alone.proposer == whole else MIXED
                found = replace(alone, proposer=proposer, statements=tuple(index.statement for index in indexes))
                yield scored(found, timing, trial.draft.clean.dialect)

    def _worth_mixing(self, alone: Solution) -> bool:
        """Whether indexes of our own are tried for a rewrite: somebody rewrites, and there is something left to gain."""
        rewriting = {"rules", "model"} & set(self._plan.proposers)
        return bool(rewriting) and alone.fast_ms >= LEFT_MS and alone.speedup < CAP

    def _indexed(self, case: StepCase, slow: _Slow, alone: Solution, indexes: Sequence[IndexCandidate]) -> Timing | None:
        """The slow query on the database as it is against the query of a solution on a copy with the indexes, in turns."""
        draft, bench = slow.trial.draft, slow.trial.bench
        own = StepCase(self._verifier(draft.query, bench), case.clock, bench, known=[slow.run])
        candidate = Candidate(replace(draft.query, sql=alone.sql, fingerprint=alone.fingerprint), draft.slow.fingerprint)
        try:
            return try_indexes(own, candidate, indexes, self._stock.host, self._stock.limits).timing
        except (ExecutionError, DatabaseError):
            return None

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
            schema=schema_title(specification),
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


def _clearly_faster(found: Solution, alone: Solution) -> bool:
    """Whether a rewrite with indexes is worth more than one of the two alone: by its own times, and by those of the slow query in
    turns with it as well, for the machine may have become less busy in between."""
    return found.speedup >= CLEARLY * alone.speedup and alone.fast_ms >= CLEARLY * found.fast_ms


def _rejected(proposal: Proposal) -> Solution:
    return Solution(
        proposal.candidate.query.sql,
        proposal.candidate.origin.proposer,
        transforms_of(proposal),
        fingerprint=proposal.fingerprint,
        reason="A first run shows no gain.",
    )


def _pattern(trial: Trial, solution: Solution) -> str:
    """The kind of optimization, which is indexing as well where the solution has indexes."""
    if not solution.statements:
        return _pattern_of_rewrite(trial, solution)
    if solution.fingerprint == trial.draft.slow.fingerprint:
        return pattern_of((), True)
    return with_indexing(_pattern_of_rewrite(trial, solution))


def _pattern_of_rewrite(trial: Trial, solution: Solution) -> str:
    """That of the transforms; that of the clean query is what cures the habits that were put in, that of a model's answer what
    cures those that it left."""
    draft = trial.draft
    if solution.transforms:
        return pattern_of(solution.transforms, False)
    if solution.fingerprint == draft.clean.fingerprint and solution.proposer != MODEL:
        return draft.pattern
    return pattern_left(draft.slow, solution.sql, trial.bench.database.schema, draft.clean.dialect)
