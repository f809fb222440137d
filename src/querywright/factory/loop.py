"""The ReSTEM loop: sample slow queries and solutions, verify and filter them, learn from what was kept, and again.

(A. Singh et al., Beyond Human Data: Scaling Self-Training for Problem-Solving with Language Models, 2023.) An iteration is an
expectation step over a number of orders, dealt out to as many lines of work as there are engines, and a maximization step: the
steering of the orders, and the pool of examples that a model is shown.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from querywright.chat.recording import Recording
from querywright.errors import RunError, StatementTimeout, WorkerLost
from querywright.factory.asking import longest_s
from querywright.factory.folder import (
    all_examples,
    journal_of,
    settle_plan,
    stage_folder,
    write_array,
    write_metrics,
    write_object,
)
from querywright.factory.journal import Journal, examples, products
from querywright.factory.metrics import Metrics
from querywright.factory.pool import Pool
from querywright.factory.quotas import Quotas
from querywright.factory.steering import Steering
from querywright.factory.stock import open_all
from querywright.factory.values import Example, Order, Plan, Product, Try
from querywright.factory.workshop import Workshop, make
from querywright.workers import Worker
from querywright.workloads.driver import domains

CHECKPOINT_EVERY = 10
_SHOTS = 3
"""Examples of the pool that a model is shown with a question."""

_ORDER_LIMIT_S = 120.0

LEAST_SHARE = 0.25
"""Of the time, which is dealt out to the engines alike; the rest goes to those that make more examples in a second, four times
as much to one that makes twice as many."""

_TRIED_S = 20.0
_STAY_S = 120.0
"""How far an engine may be ahead before a line leaves it: a process for another one has to start, and to open databases."""

MOST_FAILED = 25
"""So many orders of an engine that fail one after the other end the run: something is wrong that the next ones cannot know of."""

_AGAIN_S = 0.1

RENEWED_AFTER = 500
"""Orders after which the processes of a line are ended, and new ones started: what parsers and engines keep does not add up."""

Watch = Callable[[Metrics, Product], None]
"""Is told of every order that is done."""

Tell = Callable[[str], None]
"""Is told once for each engine that the model cannot be asked."""


@dataclass
class _State:
    """What a run knows; all of it follows from the journal."""

    metrics: Metrics = field(default_factory=Metrics)
    steering: dict[str, Steering] = field(default_factory=dict)
    pool: Pool = field(default_factory=Pool)
    next_number: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, journal: Path) -> _State:
        """The state after all that the journal holds."""
        state = cls(steering={engine: Steering(engine) for engine in plan.engines}, next_number=dict.fromkeys(plan.engines, 0))
        done: dict[str, set[int]] = {engine: set() for engine in plan.engines}
        for product in products(journal):
            state.note(product)
            done.setdefault(product.order.engine, set()).add(product.order.number)
        state.failed.clear()  # what was wrong then may be mended now
        for engine, numbers in done.items():
            state.next_number[engine] = max(numbers, default=-1) + 1
            state.missing[engine] = sorted(set(range(state.next_number[engine])) - numbers, reverse=True)
        return state

    def note(self, product: Product) -> None:
        self.metrics.add(product)
        self.steering[product.order.engine].note(product)
        engine = product.order.engine
        self.failed[engine] = self.failed.get(engine, 0) + 1 if product.fate == "failed" else 0
        for example in product.examples:
            self.pool.add(example)

    def order(self, plan: Plan, engine: str) -> Order:
        """The next order of an engine; what was under way when a run was killed comes first."""
        left = self.missing.get(engine)
        number = left.pop() if left else self.next_number[engine]
        self.next_number[engine] = max(self.next_number[engine], number + 1)
        order = self.steering[engine].order(plan, engine, number, plan.databases or domains(), self.metrics.quotas)
        order = replace(order, sharing=self.metrics.sharing)
        if "model" not in plan.proposers:
            return order
        shown = [(one.slow, one.solution.sql) for one in self.pool.examples(engine) if not one.solution.statements]
        return replace(order, shots=tuple(shown[:_SHOTS]))

    def engine(self, plan: Plan, last: str, working: Sequence[str]) -> str:
        """The engine that a line works on next, which worked on ``last``: the more examples one makes in a second, the more time
        it has; those with a high speedup count for more while there are too few.

        With a model, whose answers and costs are kept by engine, each has a line of its own.
        """
        if "model" in plan.proposers:
            return last
        seconds, made = self.metrics.cpu_s, self.metrics.engines
        short = self.metrics.quotas.short_of_high()
        worth = {name: self.steering[name].worth(short) * (made[name] + _TRIED_S) for name in plan.engines}
        rates = {name: (worth[name] / (seconds[name] + _TRIED_S)) ** 2 for name in plan.engines}
        least = LEAST_SHARE / len(plan.engines)
        shares = {name: least + (1 - LEAST_SHARE) * rate / sum(rates.values()) for name, rate in rates.items()}
        owed = {name: (seconds[name] + working.count(name)) / shares[name] for name in plan.engines}
        first = min(plan.engines, key=owed.__getitem__)
        return first if owed[first] + _STAY_S < owed[last] else last

    def admitted(self, plan: Plan, product: Product) -> Product:
        """The product without examples that are there already or are too many of their kind by now."""
        quotas, taken = self.metrics.quotas.copy(), set[str]()
        return replace(product, tries=tuple(self._admitted(plan, one, quotas, taken) for one in product.tries))

    def _admitted(self, plan: Plan, one: Try, quotas: Quotas, taken: set[str]) -> Try:
        """``taken`` are the fingerprints of slow queries of the same product."""
        if not one.examples:
            return one
        first = one.examples[0]
        repeated = first.fingerprint in taken or self.metrics.known(first.engine, first.fingerprint)
        taken.add(first.fingerprint)
        if repeated or self.metrics.leaks(first):
            return replace(one, fate="repeated", examples=())
        kept = list[Example]()
        for example in one.examples:
            if quotas.total < plan.examples and quotas.admits(example):
                quotas.add(example)
                kept.append(example)
        return replace(one, examples=tuple(kept), fate="kept" if kept else "quota")


def run(plan: Plan, folder: Path, watch: Watch | None = None, tell: Tell | None = None) -> dict[str, Any]:
    """Make examples in ``folder`` until the plan is fulfilled, and return the metrics; goes on where an earlier run stopped.

    Where a model is the only one that solves, the end of its budget ends the run as well, and `ChatUnavailable` is raised where
    its server is away. Raises `ChatRefused` where no model can be asked at all.

    Raises `RunError` where the folder cannot be written or belongs to another plan, or too many orders fail, and `DatabaseError`
    where a database cannot be opened. Whatever ends it, completed orders are in the journal; a later call goes on from there.
    """
    place = stage_folder(folder, plan.stage)
    with Journal(journal_of(folder, plan.stage)) as journal:
        plan = settle_plan(folder, plan)
        state = _State.of(plan, journal.path)
        try:
            if not state.metrics.orders:
                open_all(plan.engines, plan.databases, plan.seed)
            with closing(_products(plan, state, place, tell or _nobody)) as made:
                for product in made:
                    journal.add(product)
                    state.note(product)
                    if watch is not None:
                        watch(state.metrics, product)
                    _maximize(plan, state, place, journal)
                    _stopped_where_all_fails(state, product)
        except BaseException as error:
            try:
                _conclude(plan, state, folder, journal)
            except RunError as further:  # the first error says what to do
                error.add_note(further.message)
            raise
        _conclude(plan, state, folder, journal)
    return state.metrics.summary(_iterations(plan, state))


def _stopped_where_all_fails(state: _State, product: Product) -> None:
    engine = product.order.engine
    if state.failed[engine] >= MOST_FAILED:
        raise RunError(
            f"{MOST_FAILED} orders of {engine} in a row failed, the last one with: {product.tries[-1].reason}",
            f"See to that, such as to a full {tempfile.gettempdir()}, then run the same command to go on.",
        )


def _products(plan: Plan, state: _State, place: Path, tell: Tell) -> Generator[Product]:
    """What comes of the orders, in the order of completion; there are as many lines of work as engines."""
    began = told = time.monotonic()
    with _lines(plan, place) as lines, ThreadPoolExecutor(len(lines)) as threads:
        working: dict[Future[Product], tuple[int, str]] = {}
        last, served = list(plan.engines), [0] * len(lines)
        unheard = set[str]()
        try:
            while True:
                for number in {*range(len(lines))} - {number for number, _ in working.values()}:
                    ended = plan.alone and last[number] in unheard
                    if not ended and _wanted(plan, state, time.monotonic() - began):
                        engine = state.engine(plan, last[number], [engine for _, engine in working.values()])
                        if engine != last[number] or served[number] >= RENEWED_AFTER:
                            lines[number][last[number]].close()  # a line holds the processes of one engine
                            last[number], served[number] = engine, 0
                        served[number] += 1
                        order = state.order(plan, engine)
                        made = threads.submit(_made, lines[number][engine], order, _limit_s(plan), _recording(place, engine))
                        working[made] = number, engine
                if not working:
                    return
                for future in _done(working):
                    del working[future]
                    product, before, told = _result(future), told, time.monotonic()
                    if product.unheard and product.order.engine not in unheard:
                        unheard.add(product.order.engine)
                        tell(_unheard(plan, product))
                    if product.unheard and plan.alone:
                        state.metrics.pay(product)
                        continue  # the order is made again when the run goes on
                    yield replace(state.admitted(plan, product), elapsed=round(told - before, 4))
        finally:
            _kill(lines, working)


def _done(working: Iterable[Future[Product]]) -> Iterable[Future[Product]]:
    """What is done, once something is. Ctrl-C just before a wait is not seen before that ends, so that each wait is short."""
    while True:
        if done := wait(working, timeout=_AGAIN_S, return_when=FIRST_COMPLETED).done:
            return done


def _result(future: Future[Product]) -> Product:
    try:
        return future.result()
    except OSError as error:
        raise RunError(
            f"An order cannot be carried out: {error.strerror or error}.",
            f"Free space in {tempfile.gettempdir()}, then run the same command to go on.",
        ) from error


def _kill(lines: Sequence[Mapping[str, Worker]], working: Iterable[Future[Product]]) -> None:
    """What is under way when a run is broken off is not waited for; nor is a process that was just about to start."""
    left = wait(working, timeout=0).not_done
    while left:
        for line in lines:
            for worker in line.values():
                worker.kill()
        left = wait(left, timeout=_AGAIN_S).not_done


def _nobody(_: str) -> None:
    """Is told nothing."""


def _unheard(plan: Plan, product: Product) -> str:
    ended = "What was made is kept; the same command goes on, with a higher --max-cost or --max-calls."
    then = ended if plan.alone else "Orders go on without it."
    return f"{product.order.engine}: the model cannot be asked. {product.unheard.rstrip('.')}. {then}"


def _limit_s(plan: Plan) -> float:
    return _ORDER_LIMIT_S + (longest_s() if "model" in plan.proposers else 0.0)


def _recording(place: Path, engine: str) -> Path:
    """The file of a model's answers."""
    return place / f"model_{engine}.jsonl"


def _made(worker: Worker, order: Order, limit_s: float, recording: Path) -> Product:
    try:
        return worker.call(make, order, limit_s=limit_s)
    except (StatementTimeout, WorkerLost) as error:
        paid = Recording(recording).spending()  # the answers of an order that is lost were paid for all the same
        return Product(order, (Try("failed", reason=error.message),), calls=paid.calls, cost=paid.cost)


@contextmanager
def _lines(plan: Plan, place: Path) -> Iterator[list[dict[str, Worker]]]:
    """Workers for each engine, one for each line of work; a worker's process starts with its first order."""
    lines = [
        {engine: Worker(partial(Workshop, engine, plan, _recording(place, engine))) for engine in plan.engines}
        for _ in plan.engines
    ]
    with ExitStack() as stack:
        for line in lines:
            for worker in line.values():
                stack.enter_context(worker)
        yield lines


def _wanted(plan: Plan, state: _State, seconds: float) -> bool:
    """Whether another order is to be given."""
    if state.metrics.examples >= plan.examples or (plan.seconds is not None and seconds >= plan.seconds):
        return False
    return plan.iterations is None or state.metrics.orders < plan.iterations * plan.queries


def _iterations(plan: Plan, state: _State) -> int:
    return state.metrics.orders // plan.queries


def _maximize(plan: Plan, state: _State, place: Path, journal: Journal) -> None:
    """After each iteration: the figures and the pool are written, and every ten iterations a checkpoint."""
    if state.metrics.orders % plan.queries:
        return
    iterations = _iterations(plan, state)
    journal.sync()
    due = iterations % CHECKPOINT_EVERY == 0
    write_metrics(place, state.metrics.summary(iterations), iterations if due else None)
    if due:
        write_object(place / "pool.json", state.pool.summary())


def _conclude(plan: Plan, state: _State, folder: Path, journal: Journal) -> None:
    journal.sync()
    place = stage_folder(folder, plan.stage)
    write_metrics(place, state.metrics.summary(_iterations(plan, state)))
    write_object(place / "pool.json", state.pool.summary())
    write_array(place / "training_data.json", examples(journal.path))
    write_array(folder / "combined" / "training_data.json", all_examples(folder))
