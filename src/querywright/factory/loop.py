"""The ReSTEM loop: sample slow queries and solutions, verify and filter them, learn from what was kept, and again.

(A. Singh et al., Beyond Human Data: Scaling Self-Training for Problem-Solving with Language Models, 2023.) An iteration is an
expectation step over a number of slow queries, one line of work for each engine, followed by a maximization step: the
steering of the orders, and the pool of examples that a model is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from querywright.errors import StatementTimeout, WorkerLost
from querywright.factory.folder import all_examples, journal_of, settle_plan, stage_folder, write_array, write_metrics
from querywright.factory.journal import Journal, examples, products
from querywright.factory.metrics import Metrics
from querywright.factory.pool import Pool
from querywright.factory.steering import Steering
from querywright.factory.stock import DOMAINS
from querywright.factory.values import Order, Plan, Product
from querywright.factory.workshop import Workshop, make
from querywright.runs.files import write_json
from querywright.workers import Worker

CHECKPOINT_EVERY = 10
_SHOTS = 3
"""Examples of the pool that a model is shown with a question."""

_ORDER_LIMIT_S = 120.0

Watch = Callable[[Metrics, Product], None]
"""Is told of every order that is done."""


@dataclass
class _State:
    """What a run knows; all of it follows from the journal."""

    metrics: Metrics = field(default_factory=Metrics)
    steering: dict[str, Steering] = field(default_factory=dict)
    pool: Pool = field(default_factory=Pool)
    next_number: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, journal: Path) -> _State:
        """The state after all that the journal holds."""
        state = cls(steering={engine: Steering() for engine in plan.engines}, next_number=dict.fromkeys(plan.engines, 0))
        done: dict[str, set[int]] = {engine: set() for engine in plan.engines}
        for product in products(journal):
            state.note(product)
            done.setdefault(product.order.engine, set()).add(product.order.number)
        for engine, numbers in done.items():
            state.next_number[engine] = max(numbers, default=-1) + 1
            state.missing[engine] = sorted(set(range(state.next_number[engine])) - numbers, reverse=True)
        return state

    def note(self, product: Product) -> None:
        self.metrics.add(product)
        self.steering[product.order.engine].note(product, product.fate == "kept")
        for example in product.examples:
            self.pool.add(example)

    def order(self, plan: Plan, engine: str) -> Order:
        """The next order of an engine; what was under way when a run was killed comes first."""
        left = self.missing.get(engine)
        number = left.pop() if left else self.next_number[engine]
        self.next_number[engine] = max(self.next_number[engine], number + 1)
        order = self.steering[engine].order(plan, engine, number, plan.databases or DOMAINS, self.metrics.quotas)
        if "model" not in plan.proposers:
            return order
        shown = [(one.slow, one.solution.text) for one in self.pool.examples(engine)[:_SHOTS]]
        return replace(order, shots=tuple(shown))

    def admitted(self, plan: Plan, product: Product) -> Product:
        """The product without examples that are there already or are too many of their kind by now."""
        if not product.examples:
            return product
        first = product.examples[0]
        if self.metrics.known(first.engine, first.fingerprint) or self.metrics.leaks(first):
            return replace(product, fate="repeated", examples=())
        kept = tuple(example for example in product.examples if self.metrics.quotas.admits(example))
        room = plan.examples - self.metrics.examples
        return replace(product, examples=kept[: max(0, room)], fate="kept" if kept else "quota")


def run(plan: Plan, folder: Path, watch: Watch | None = None) -> dict[str, Any]:
    """Make examples in ``folder`` until the plan is fulfilled, and return the metrics; goes on where an earlier run stopped.

    Raises `RunError` where the folder cannot be written or belongs to another plan, and `DatabaseError` where a database cannot
    be opened. Whatever ends it, completed orders are in the journal; a later call goes on from there.
    """
    place = stage_folder(folder, plan.stage)
    with Journal(journal_of(folder, plan.stage)) as journal:
        plan = settle_plan(folder, plan)
        state = _State.of(plan, journal.path)
        try:
            for product in _products(plan, state, place):
                journal.add(product)
                state.note(product)
                if watch is not None:
                    watch(state.metrics, product)
                _maximize(plan, state, place, journal)
        finally:
            _conclude(plan, state, folder, journal)
    return state.metrics.summary(_iterations(plan, state), len(plan.engines))


def _products(plan: Plan, state: _State, place: Path) -> Iterator[Product]:
    """What comes of the orders, in the order of completion, one order for each engine at a time."""
    began = time.monotonic()
    with _lines(plan, place) as lines, ThreadPoolExecutor(len(lines)) as threads:
        working: dict[Future[Product], str] = {}
        while True:
            for engine in set(lines) - set(working.values()):
                if _wanted(plan, state, time.monotonic() - began):
                    working[threads.submit(_made, lines[engine], state.order(plan, engine))] = engine
            if not working:
                return
            for future in wait(working, return_when=FIRST_COMPLETED).done:
                del working[future]
                yield state.admitted(plan, future.result())


def _made(line: Worker, order: Order) -> Product:
    try:
        return line.call(make, order, limit_s=_ORDER_LIMIT_S)
    except (StatementTimeout, WorkerLost) as error:
        return Product(order, "failed", reason=error.message)


@contextmanager
def _lines(plan: Plan, place: Path) -> Iterator[dict[str, Worker]]:
    """One worker process for each engine."""
    lines = {engine: Worker(partial(Workshop, engine, plan, place / f"model_{engine}.jsonl")) for engine in plan.engines}
    with ExitStack() as closing, ExitStack() as killing:  # what is under way is not waited for when a run is broken off
        for line in lines.values():
            closing.callback(line.close)
            killing.callback(line.kill)
        yield lines
        killing.pop_all()


def _wanted(plan: Plan, state: _State, seconds: float) -> bool:
    """Whether another order is to be given."""
    if state.metrics.examples >= plan.examples or (plan.seconds is not None and seconds >= plan.seconds):
        return False
    return plan.iterations is None or state.metrics.queries < plan.iterations * plan.queries


def _iterations(plan: Plan, state: _State) -> int:
    return state.metrics.queries // plan.queries


def _maximize(plan: Plan, state: _State, place: Path, journal: Journal) -> None:
    """After each iteration: the figures and the pool are written, and every ten iterations a checkpoint."""
    if state.metrics.queries % plan.queries:
        return
    iterations = _iterations(plan, state)
    journal.sync()
    due = iterations % CHECKPOINT_EVERY == 0
    write_metrics(place, state.metrics.summary(iterations, len(plan.engines)), iterations if due else None)
    if due:
        write_json(place / "pool.json", state.pool.summary())


def _conclude(plan: Plan, state: _State, folder: Path, journal: Journal) -> None:
    journal.sync()
    place = stage_folder(folder, plan.stage)
    write_metrics(place, state.metrics.summary(_iterations(plan, state), len(plan.engines)))
    write_json(place / "pool.json", state.pool.summary())
    write_array(place / "training_data.json", examples(journal.path))
    write_array(folder / "combined" / "training_data.json", all_examples(folder))
