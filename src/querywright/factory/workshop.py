"""Makes examples of one engine to order, in a process of its own: draft, find the size at which it is slow, solve, judge, score.

All slow queries of an order have one clean query, which is run, and gets its witness databases, once. First runs, without
the timing lock and by CPU time, only decide what is worth judging.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from querywright.advise.trial import ENGINES as INDEXED_ENGINES
from querywright.engines.session import timed_run
from querywright.errors import ExecutionError, QueryError, StatementError, StatementTimeout
from querywright.factory.asking import Advice, Model, options
from querywright.factory.drafting import Draft
from querywright.factory.examining import Examiner, Trial
from querywright.factory.features import INDEXING, features, pattern_of
from querywright.factory.proposing import cured, reference, ruled, transforms_of
from querywright.factory.stock import DRAFTED_ON, Stock
from querywright.factory.values import Fate, Order, Plan, Product, Try
from querywright.judge import Bench
from querywright.propose.protocol import Proposal
from querywright.scoring.reward import band
from querywright.sql.facts import Facts
from querywright.sql.schema import Schema

FASTEST_MS = {"sqlite": 2.0}
OTHERWISE_FASTEST_MS = 4.0
"""Slow queries that take less on their engine are tried on more rows: next to nothing cannot be measured."""

SLOWEST_S = 0.06
"""Slow queries that take longer are tried on fewer rows; each is run five times or so."""

_PATIENCE = (5.0, 2.0)
"""How much slower queries may be, at least and at most, for a patient order: the highest speedups need many rows."""

LEAST_PROMISE = 1.9
"""A solution that a first run does not show to be so much faster is not judged."""

COLLECTION = (50_000, 20, 10)
"""Thresholds of the garbage collector: query trees are thousands of small objects, which refer to each other in circles. Those of
an order that outlive it until the last threshold, some two hundred orders, are what memory grows by."""

_INDEXING = 3
"""In one order of so many, indexes are tried before rewrites: to build them takes as long as to judge one, and few help."""

_EXPLORING = 8
"""In one order of so many, all rules are asked what they make of a slow query."""

_UNNAMED = 1.5
"""The clean query has to be so much faster than a rewrite by rules to come first: named steps teach more than none."""

_SOUGHT = 0.5
"""A rewrite by transforms that few examples apply comes first if it takes no more than twice as long as another one."""

_MOVES = 2

_GROWTH = 9.0
"""How much longer a query takes on the rows of the next tier that compares each with each."""

MOST_TRIALS = 8
"""After so many slow queries of one clean query the next order is better."""


@dataclass
class _Round:
    """An order under way: ``clean_ms`` are first runs of the clean query by tier, None where it failed; ``seen`` are the
    fingerprints of its slow queries, ``solved`` those of the first solutions of its trials."""

    order: Order
    seen: set[str] = field(default_factory=set)
    solved: Counter[str] = field(default_factory=Counter)
    clean_ms: dict[int, float | None] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)


class Workshop:
    """Makes the products of one engine; the state of a `querywright.workers.Worker`."""

    def __init__(self, engine: str, plan: Plan, recording: Path | None = None) -> None:
        """``recording`` is the file of a model's answers, which are not paid twice."""
        gc.set_threshold(*COLLECTION)
        self._engine = engine
        self._fastest_ms = FASTEST_MS.get(engine, OTHERWISE_FASTEST_MS)
        self._plan = plan
        self._stock = Stock(engine, plan.seed)
        self._tiers: dict[tuple[object, ...], int] = {}
        self._model: Model | None = None
        if "model" in plan.proposers:
            self._model = Model(options(plan, engine), recording, plan.alone)

    def make(self, order: Order) -> Product:
        """The product of an order. Raises `DatabaseError` where its database cannot be opened."""
        began, busy = time.monotonic(), time.process_time()
        if self._stock.host.lost:
            self._stock.close()
            self._stock = Stock(self._engine, self._plan.seed)
        try:
            product = self._made(order)
        except (ExecutionError, QueryError) as error:
            product = Product(order, (Try("failed", reason=error.message[:300]),))
        spent = time.process_time() - busy + self._stock.cpu_s()
        if self._model is not None:
            paid = self._model.spending
            product = replace(product, calls=paid.calls, cost=paid.cost, unheard=self._model.unheard)
        return replace(product, seconds=round(time.monotonic() - began, 4), cpu_s=round(spent, 4))

    def interrupt(self) -> None:
        """Stop what is running."""
        self._stock.host.kill()

    def close(self) -> None:
        """End the worker process, and the connection to the model."""
        if self._model is not None:
            self._model.close()
        self._stock.close()

    # ------------------------------------------------------------------ making

    def _made(self, order: Order) -> Product:
        made = _Round(order)
        shape = order.shape
        for draft in self._drafts(order):
            shape = draft.clean.shape
            if draft.slow.fingerprint in made.seen:
                continue
            trial = self._prepare(made, draft)
            if trial is not None and self._plan.stage == 2 and self._model is None:
                for companion in self._stock.drafter(order.schema).companions(order, draft, made.seen):
                    if made.solved[trial.solution] >= order.sharing:
                        break
                    self._prepare(made, companion, trial.tier)
            if len(made.trials) >= MOST_TRIALS:
                break
        examiner = Examiner(self._engine, self._plan, self._stock)
        made.tries += examiner.tries(order, made.trials)
        return Product(order, tuple(made.tries) or (Try("unsuitable"),), shape)

    def _drafts(self, order: Order) -> Iterable[Draft]:
        drafts = self._stock.drafter(order.schema).drafts(order)
        if self._model is None:
            return drafts
        schema = self._stock.bench(order.schema, DRAFTED_ON).database.schema
        first = next(drafts, None)
        if first is None:
            return []
        written = self._model.junior(first, schema, f"{order.number}")
        return [] if self._plan.alone and self._model.unheard else [written or first]

    def _prepare(self, made: _Round, draft: Draft, tier: int | None = None) -> Trial | None:
        """Place the slow query, at a ``tier`` first if one is given, and collect what may solve it: a trial where that is worth a
        judgment, else a try that is over."""
        made.seen.add(draft.slow.fingerprint)
        order, schema = made.order, self._stock.drafter(made.order.schema).schema
        used = dict.fromkeys(
            name for tree in (draft.slow.tree, draft.clean.tree) for name in features(Facts(tree, schema, draft.clean.dialect))
        )
        said = Try("no gain", draft.slow.injected, tuple(used))
        placed = self._placed(made, draft, tier)
        if not isinstance(placed, Trial):
            made.tries.append(replace(said, fate=placed))
            return None
        clean_ms = self._clean_ms(made, placed.draft, placed.bench, placed.tier)
        indexing = self._indexing(made)
        if clean_ms is None or (clean_ms * LEAST_PROMISE > placed.slow_ms and not indexing and self._model is None):
            made.tries.append(said)
            return None
        advice = self._advice(order, placed, schema)
        placed = replace(placed, advised=advice.indexes)
        promising, hopeless, shared = self._screened(made, placed, advice)
        timed = [(placed.slow_ms / milliseconds, proposal) for milliseconds, proposal in promising]
        wanted = [(ratio, proposal) for ratio, proposal in timed if self._wanted(order, placed, proposal, ratio)]
        indexable = draft.slow.fingerprint in placed.advised or (indexing and placed.slow_ms >= self._fastest_ms)
        if wanted or indexable:
            trial = replace(placed, said=said, wanted=tuple(wanted), hopeless=tuple(hopeless), indexing=indexing)
            made.trials.append(trial)
            made.solved[trial.solution] += 1
            return trial if wanted else None
        made.tries.append(replace(said, fate="quota") if promising or shared else said)
        return None

    def _placed(self, made: _Round, draft: Draft, tier: int | None) -> Trial | Fate:
        """The slow query at the tier where those with its first habit were slow last, or at another one where it takes too long,
        next to nothing, or no longer than the clean one; what grows faster than that one shows it on more rows."""
        order, tiers = made.order, self._stock.tiers(made.order.schema)
        kind = (order.schema, *draft.slow.injected[:1], order.patient)
        if tier is None:
            tier = self._tiers.get(kind, min(order.tier, tiers[-1]))
        placed, self._tiers[kind] = self._moved(made, draft, tier)
        return placed

    def _moved(self, made: _Round, draft: Draft, tier: int) -> tuple[Trial | Fate, int]:
        """The slow query where a few tiers, this one first, show it to be slow, and the tier to begin with the next time."""
        order, tiers = made.order, self._stock.tiers(made.order.schema)
        least, most = _PATIENCE if order.patient else (1.0, 1.0)
        limit_s, indexing = most * SLOWEST_S, self._indexing(made)
        fate: Fate = "too slow"
        tried: set[int] = set()
        for _ in range(1 + _MOVES):
            tried.add(tier)
            bench = self._stock.bench(order.schema, tier)
            clean_ms = self._clean_ms(made, draft, bench, tier)  # first, so that it reads what is not in memory yet
            try:
                run = bench.session.call(timed_run, draft.slow.sql, (), 0, limit_s=limit_s)
            except StatementTimeout:
                fate, tier = "too slow", max(tier - 2, min(tier - 1, 0))
            else:
                milliseconds = run.cpu_ns / 1e6
                ratio = milliseconds / clean_ms if clean_ms else inf
                enough = milliseconds >= least * self._fastest_ms
                gain = self._promising(order, ratio)
                growing = not indexing and _GROWTH * milliseconds < 1000 * limit_s
                if len(tiers) == 1 or (enough and (gain or not growing)):
                    return Trial(draft, bench, tier, milliseconds), tier
                fate, tier = "no gain" if enough else "too fast", tier + 1
            if tier in tried or tier not in tiers:
                break
        return fate, min(max(tier, tiers[0]), tiers[-1])

    def _advice(self, order: Order, trial: Trial, schema: Schema) -> Advice:
        """What the model says to the slow query; it is not asked where enough is there of what it could answer."""
        if self._model is None or trial.draft.pattern in order.closed:
            return Advice()
        return self._model.solutions(trial.draft, schema, order.shots, f"{order.number}", self._plan.candidates)

    def _screened(self, made: _Round, trial: Trial, advice: Advice) -> tuple[list[tuple[float, Proposal]], list[Proposal], int]:
        """Proposals in the order of the milliseconds of one run each, those that such a run rejects, and how many were left out
        because enough slow queries have them for a solution. What shall have indexes is not rejected by a run without them."""
        shared = 0
        timed: list[tuple[float, Proposal]] = []
        hopeless: list[Proposal] = []
        for proposal in self._proposals(made, trial, advice):
            if self._plan.stage == 2 and made.solved[proposal.fingerprint] >= made.order.sharing:
                shared += 1
                continue
            if any(other.fingerprint == proposal.fingerprint for _, other in timed):
                continue
            if proposal.fingerprint == trial.draft.clean.fingerprint:
                milliseconds = self._clean_ms(made, trial.draft, trial.bench, trial.tier)
            else:
                milliseconds = self._first_run(trial.bench, proposal.tree.sql(trial.draft.clean.dialect))
            advised = proposal.fingerprint in trial.advised
            if milliseconds is None and advised:
                milliseconds = 1000 * SLOWEST_S
            if milliseconds is not None and (advised or milliseconds * LEAST_PROMISE < trial.slow_ms):
                timed.append((milliseconds, proposal))
            else:
                hopeless.append(proposal)
        timed.sort(key=lambda item: item[0] * _handicap(item[1], made.order))
        return timed[: self._plan.candidates], hopeless, shared

    def _proposals(self, made: _Round, trial: Trial, advice: Advice) -> Iterator[Proposal]:
        draft, schema, order = trial.draft, trial.bench.database.schema, made.order
        if "rules" in self._plan.proposers:
            yield from cured(draft, schema, self._engine, order.sought)
            if self._plan.stage == 1 or (order.number % _EXPLORING == 0 and not made.trials):
                yield from ruled(draft, schema, self._engine, self._plan.candidates - 1, order.number)
        yield from advice.rewrites
        yield reference(draft)

    def _wanted(self, order: Order, trial: Trial, proposal: Proposal, ratio: float) -> bool:
        """Whether the quotas have room for the proposal, as far as can be said before it is judged."""
        if proposal.fingerprint in trial.advised:
            return True
        pattern = pattern_of(transforms_of(proposal), False) if proposal.steps else trial.draft.pattern
        return pattern not in order.closed and self._promising(order, ratio)

    def _promising(self, order: Order, ratio: float) -> bool:
        """Whether first runs show a gain, in a band that is not full."""
        return ratio > LEAST_PROMISE and band(ratio) not in order.closed

    def _clean_ms(self, made: _Round, draft: Draft, bench: Bench, tier: int) -> float | None:
        if tier not in made.clean_ms:
            made.clean_ms[tier] = self._first_run(bench, draft.clean.sql)
        return made.clean_ms[tier]

    def _first_run(self, bench: Bench, text: str) -> float | None:
        """The milliseconds of one run; None where it fails or takes as long as slow queries may."""
        try:
            return max(1e-3, bench.session.call(timed_run, text, (), 0, limit_s=SLOWEST_S).cpu_ns / 1e6)
        except (StatementTimeout, StatementError):
            return None

    def _indexing(self, made: _Round) -> bool:
        """Whether indexes are to be tried: once in some orders, where there are engines and room for them."""
        plan = self._plan
        seldom = plan.stage == 2 and len(plan.proposers) > 1 and made.order.number % _INDEXING > 0
        possible = "indexes" in plan.proposers and self._engine in INDEXED_ENGINES and not seldom
        return possible and INDEXING not in made.order.closed and not any(trial.indexing for trial in made.trials)


def _handicap(proposal: Proposal, order: Order) -> float:
    """What the milliseconds of a proposal are multiplied by before the least decide: the steps to a solution teach as well."""
    if not proposal.steps:
        return _UNNAMED
    return _SOUGHT if set(transforms_of(proposal)) & set(order.sought) else 1.0


def make(workshop: Workshop, order: Order) -> Product:
    """Worker side: see `Workshop.make`."""
    return workshop.make(order)
