"""Makes examples of one engine to order, in a process of its own: draft, find the size at which it is slow, solve, judge, score.

First runs, without the timing lock and by CPU time, only decide what is worth judging. What counts is the judge's: equality on
witness databases and on the data, and interleaved runs.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from querywright.advise.candidates import IndexCandidate, propose_indexes
from querywright.advise.trial import ENGINES as INDEXED_ENGINES
from querywright.advise.trial import try_indexes
from querywright.antipatterns.driver import antipatterns
from querywright.chat.options import ChatOptions
from querywright.engines.session import timed_run
from querywright.errors import ExecutionError, QueryError, StatementError, StatementTimeout
from querywright.factory.asking import Model
from querywright.factory.drafting import Draft
from querywright.factory.features import INDEXING, difficulty, features, pattern_of, table_count
from querywright.factory.proposing import REFERENCE, curing, reference, ruled, transforms_of
from querywright.factory.stock import DRAFTED_ON, Stock
from querywright.factory.values import Example, Fate, Order, Plan, Product, Solution
from querywright.generation.identity import skeleton, task_id
from querywright.judge import ACCEPTED, Bench
from querywright.judge.steps import StepCase, judge_step, open_step_case
from querywright.propose.protocol import Proposal
from querywright.scoring.readability import readability
from querywright.scoring.reward import band, reward
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.values import Candidate, Timing
from querywright.verification.verdicts import Verifier

FASTEST_MS = {"duckdb": 4.0, "sqlite": 2.0}
"""Slow queries that take less are tried on more rows: next to nothing cannot be measured."""

SLOWEST_S = 0.1
"""Slow queries that take longer are tried on fewer rows."""

LEAST_PROMISE = 1.7
"""A solution that a first run does not show to be so much faster is not judged."""

CLOSE = 0.03
"""A reward that lies so near to the threshold is measured again, and the lower one counts."""

WITNESSES = 12
COLLECTION = (50_000, 20, 100)
"""Thresholds of the garbage collector: query trees are thousands of small objects."""

_EXPLORING = 16
"""One in so many slow queries goes to the rules although the clean query is no faster."""

_UNNAMED = 1.15
"""The clean query has to be so much faster than a rewrite by rules to come first: named steps teach more than none."""

_DOUBT = 1.3
"""A speedup that is so near to the next band may end up there."""

_MOVES = 2
_REJECTED = 3
_LONGEST_RUN_S = 2.0


@dataclass(frozen=True)
class _Bench:
    """The slow query on the size of data at which it is slow."""

    bench: Bench
    tier: int
    slow_ms: float


class Workshop:
    """Makes the products of one engine; the state of a `querywright.workers.Worker`."""

    def __init__(self, engine: str, plan: Plan, recording: Path | None = None) -> None:
        """``recording`` is the file of a model's answers, which are not paid twice."""
        gc.set_threshold(*COLLECTION)
        self._engine = engine
        self._plan = plan
        self._stock = Stock(engine, plan.seed)
        self._model: Model | None = None
        if "model" in plan.proposers:
            budget = None if plan.max_cost is None else plan.max_cost / len(plan.engines)
            self._model = Model(ChatOptions(model=plan.model, max_cost=budget), recording)

    def make(self, order: Order) -> Product:
        """The product of an order. Raises `DatabaseError` where its database cannot be opened."""
        began, busy = time.monotonic(), time.process_time()
        calls, cost = (self._model.calls, self._model.cost) if self._model else (0, 0.0)
        if self._stock.host.lost:
            self._stock.close()
            self._stock = Stock(self._engine, self._plan.seed)
        try:
            product = self._made(order)
        except (ExecutionError, QueryError) as error:
            product = Product(order, "failed", reason=error.message[:300])
        spent = time.process_time() - busy + self._stock.cpu_s()
        if self._model is not None:
            product = replace(product, calls=self._model.calls - calls, cost=self._model.cost - cost)
        return replace(product, seconds=round(time.monotonic() - began, 4), cpu_s=round(spent, 4))

    def interrupt(self) -> None:
        """Stop what is running."""
        self._stock.host.kill()

    def close(self) -> None:
        """End the worker process, and the connection to the model."""
        if self._model is not None:
            self._model.__exit__(None, None, None)
        self._stock.close()

    # ------------------------------------------------------------------ making

    def _made(self, order: Order) -> Product:
        draft = self._stock.drafter(order.schema).draft(order)
        if draft is None:
            return Product(order, "unsuitable", order.shape)
        if self._model is not None:
            schema = self._stock.bench(order.schema, DRAFTED_ON).database.schema
            draft = self._model.junior(draft, schema, f"{order.number}") or draft
        used = features(Facts(draft.slow.tree, self._stock.drafter(order.schema).schema, draft.clean.dialect))
        said = Product(order, "no gain", draft.clean.shape, draft.slow.injected, used)
        placed = self._placed(order, draft)
        if not isinstance(placed, _Bench):
            return replace(said, fate=placed)
        promising, hopeless = self._screened(order, draft, placed)
        wanted = [proposal for milliseconds, proposal in promising if self._wanted(order, draft, proposal, placed, milliseconds)]
        indexing = self._indexing(order) and placed.slow_ms >= FASTEST_MS[self._engine]
        if not wanted and not indexing:
            return replace(said, fate="quota") if promising else said
        return self._judged(draft, placed, wanted, hopeless, indexing, said)

    def _placed(self, order: Order, draft: Draft) -> _Bench | Fate:
        """The slow query at the tier of its order, or at another one where it takes too long or next to nothing."""
        tiers = self._stock.tiers(order.schema)
        tier = min(order.tier, tiers[-1])
        fate: Fate = "too slow"
        tried: set[int] = set()
        for _ in range(1 + _MOVES):
            tried.add(tier)
            bench = self._stock.bench(order.schema, tier)
            try:
                run = bench.session.call(timed_run, draft.slow.sql, (), 0, limit_s=SLOWEST_S)
            except StatementTimeout:
                fate, tier = "too slow", max(tier - 2, min(tier - 1, 0))
            else:
                milliseconds = run.cpu_ns / 1e6
                if milliseconds >= FASTEST_MS[self._engine] or len(tiers) == 1:
                    return _Bench(bench, tier, milliseconds)
                fate, tier = "too fast", tier + 1
            if tier in tried or tier not in tiers:
                break
        return fate

    def _screened(self, order: Order, draft: Draft, placed: _Bench) -> tuple[list[tuple[float, Proposal]], list[Proposal]]:
        """Proposals in the order of the milliseconds of one run each, and those that such a run rejects."""
        first = reference(draft)
        timed = [(milliseconds, first)] if (milliseconds := self._first_run(draft, placed, first)) else []
        hopeless = [] if timed else [first]
        if "rules" in self._plan.proposers and (timed or order.number % _EXPLORING == 0):
            schema, most = placed.bench.database.schema, self._plan.candidates - 1
            for proposal in ruled(draft, schema, self._engine, most, order.number):
                if milliseconds := self._first_run(draft, placed, proposal):
                    timed = [item for item in timed if item[1].fingerprint != proposal.fingerprint]
                    timed.append((milliseconds, proposal))
                else:
                    hopeless.append(proposal)
        if self._model is not None:
            asked = self._model.solution(draft, placed.bench.database.schema, order.shots, f"{order.number}")
            if asked is not None and (milliseconds := self._first_run(draft, placed, asked)):
                timed.append((milliseconds, asked))
        timed.sort(key=lambda item: item[0] * (1.0 if item[1].steps else _UNNAMED))
        return timed, hopeless

    def _wanted(self, order: Order, draft: Draft, proposal: Proposal, placed: _Bench, milliseconds: float) -> bool:
        """Whether the quotas have room for the proposal, as far as can be said before it is judged."""
        ratio = placed.slow_ms / milliseconds
        bands = {band(ratio / _DOUBT), band(ratio), band(ratio * _DOUBT)}
        proposer = REFERENCE if not proposal.steps else ""
        return _pattern(draft, proposer, transforms_of(proposal), False) not in order.closed and not bands <= order.closed

    def _first_run(self, draft: Draft, placed: _Bench, proposal: Proposal) -> float | None:
        """The milliseconds of one run; None where they show that there is no gain."""
        text = proposal.tree.sql(draft.clean.dialect)
        try:
            run = placed.bench.session.call(timed_run, text, (), 0, limit_s=SLOWEST_S)
        except (StatementTimeout, StatementError):
            return None
        milliseconds = run.cpu_ns / 1e6
        return milliseconds if milliseconds * LEAST_PROMISE < placed.slow_ms else None

    def _judged(
        self,
        draft: Draft,
        placed: _Bench,
        promising: Sequence[Proposal],
        hopeless: Sequence[Proposal],
        indexing: bool,
        said: Product,
    ) -> Product:
        schema = placed.bench.database.schema
        scratch = (self._stock.scratch, self._stock.scratch)
        verifier = Verifier(
            draft.query,
            schema,
            self._engine,
            databases=WITNESSES,
            mutation_s=0.0,
            aimed=0,
            shrink_s=0.0,
            scratch=scratch,
        )
        accepted: list[Solution] = []
        rejected: list[Solution] = []
        judged, fate = 0, said.fate
        with open_step_case(verifier, placed.bench, None, (), _LONGEST_RUN_S) as case:
            for solution in self._solutions(case, draft, promising, indexing):
                judged += 1
                if solution.reward < self._plan.threshold:
                    rejected.append(solution)
                    fate = "not verified" if solution.grade not in ACCEPTED else fate
                elif {_pattern_of(draft, solution), band(solution.speedup)} & said.order.closed:
                    fate = "quota"
                else:
                    accepted.append(solution)
                    if self._plan.stage == 2:
                        break
        rejected += [_rejected(proposal) for proposal in hopeless[: _REJECTED if accepted else 0]]
        examples = tuple(self._example(draft, placed, solution, rejected) for solution in accepted)
        return replace(said, fate="kept" if examples else fate, examples=examples, judged=judged)

    def _solutions(self, case: StepCase, draft: Draft, promising: Sequence[Proposal], indexing: bool) -> Iterator[Solution]:
        """Judged solutions: indexes where they are wanted, then rewrites, the most promising first."""
        if indexing:
            facts = Facts(draft.slow.tree, case.visible.database.schema, draft.clean.dialect)
            found = propose_indexes(facts, 1)
            unchanged = Candidate(draft.query, draft.query.fingerprint)
            if found and (solution := self._with_indexes(case, unchanged, found)):
                yield solution
        for proposal in promising:
            yield self._judged_solution(case, proposal)

    def _with_indexes(self, case: StepCase, candidate: Candidate, found: Sequence[IndexCandidate]) -> Solution | None:
        try:
            tried = try_indexes(case, candidate, found, self._stock.host, self._stock.limits)
        except ExecutionError:
            return None
        if tried.timing is None:
            return None
        solution = Solution(
            candidate.query.sql,
            "indexes",
            statements=tuple(index.statement for index in tried.indexes),
            fingerprint=candidate.query.fingerprint,
            grade="tested",
        )
        return _scored(solution, tried.timing, case.query.dialect)

    def _judged_solution(self, case: StepCase, proposal: Proposal) -> Solution:
        candidate = proposal.candidate
        attempt = judge_step(case, candidate).attempt
        solution = Solution(
            candidate.query.sql,
            candidate.origin.proposer,
            transforms_of(proposal),
            fingerprint=proposal.fingerprint,
            grade=attempt.verdict.grade,
            reason=attempt.verdict.reason[:300],
        )
        if attempt.timing is None or attempt.verdict.grade not in ACCEPTED or attempt.verdict.conditions:
            return solution
        solution = _scored(solution, attempt.timing, case.query.dialect)
        if abs(solution.reward - self._plan.threshold) < CLOSE:
            again = judge_step(case, candidate).attempt.timing
            if again is not None:
                solution = min(solution, _scored(solution, again, case.query.dialect), key=lambda one: one.reward)
        return solution

    def _example(self, draft: Draft, placed: _Bench, solution: Solution, rejected: Sequence[Solution]) -> Example:
        schema, dialect = placed.bench.database.schema, draft.clean.dialect
        facts = Facts(draft.slow.tree, schema, dialect)
        used = tuple(dict.fromkeys((*features(facts), *features(Facts(draft.clean.tree, schema, dialect)))))
        tables = table_count(facts)
        others = [one for one in rejected if one.text != solution.text][:_REJECTED]
        specification = placed.bench.database.specification
        return Example(
            id=task_id(f"{draft.slow.fingerprint}:{solution.text}", specification, self._plan.seed),
            engine=self._engine,
            schema=specification.partition(":")[0],
            database=specification,
            tier=placed.tier,
            shape=draft.clean.shape,
            question=draft.clean.question,
            slow=draft.slow.sql,
            clean=draft.clean.sql,
            solution=solution,
            fingerprint=draft.slow.fingerprint,
            family=skeleton(draft.slow.tree, dialect),
            split=draft.split,
            habits=draft.habits,
            injected=draft.slow.injected,
            pattern=_pattern_of(draft, solution),
            features=used,
            tables=tables,
            difficulty=difficulty(used, tables, len(draft.slow.injected)),
            slow_readability=round(readability(parse_query(draft.slow.sql, dialect)).score, 4),
            rejected=tuple(others),
            stage=self._plan.stage,
        )

    def _indexing(self, order: Order) -> bool:
        return "indexes" in self._plan.proposers and self._engine in INDEXED_ENGINES and INDEXING not in order.closed


def make(workshop: Workshop, order: Order) -> Product:
    """Worker side: see `Workshop.make`."""
    return workshop.make(order)


def _scored(solution: Solution, timing: Timing, dialect: str) -> Solution:
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


def _pattern_of(draft: Draft, solution: Solution) -> str:
    return _pattern(draft, solution.proposer, solution.transforms, bool(solution.statements))


def _pattern(draft: Draft, proposer: str, applied: tuple[str, ...], indexes: bool) -> str:
    """The kind of optimization; that of the clean query is what cures the habits that were put in."""
    return pattern_of(curing(draft.slow.injected, _cures()) if proposer == REFERENCE else applied, indexes)


@cache
def _cures() -> dict[str, tuple[str, ...]]:
    return {name: module.CURES for name, module in antipatterns().items()}
