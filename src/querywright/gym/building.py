"""Builds certified tasks on demand: draft, certify, write down; a build that is stopped goes on where it was.

A file holds one line for each draft of a seed, accepted or not, so that the same numbers are never tried twice and the file says
how many drafts a task takes. Built tasks lie in the cache and belong to the gym's tasks from then on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count as counting
from pathlib import Path
from typing import Protocol

from sqlglot import exp

from querywright.antipatterns.driver import antipatterns
from querywright.generation.identity import split_of, task_id
from querywright.gym.certifying import Certifier, Uncertified
from querywright.gym.drafting import TURN, Draft
from querywright.gym.sources import SOURCES
from querywright.gym.tried import Tried, read_tried
from querywright.gym.values import Difficulty, Reference, Task
from querywright.runs.files import append_line
from querywright.runs.serialize import to_json

STEPS: dict[Difficulty, int] = {"easy": 3, "medium": 4, "medium-hard": 4, "hard": 5, "expert": 5}
_LEVELS: tuple[tuple[float, Difficulty], ...] = ((4.0, "easy"), (5.5, "medium"), (7.0, "medium-hard"), (9.0, "hard"))
_BENCHMARKS = {"tpch": "TPC-H", "tpcds": "TPC-DS"}
_SEVERE = frozenset({"critical", "high"})
_EMPTY = "There was nothing to draft."
_REPEATED = "It repeats another one."

Try = Callable[[int], Tried]
"""Tries the draft of a number."""


class Drafts(Protocol):
    """Where drafts come from, by their number; what is drafted goes into ids with the ``seed``."""

    seed: int

    def source(self, number: int) -> str:
        """The source of a draft."""
        ...

    def draft(self, number: int) -> Draft | None:
        """The draft; None where there is none of that number."""
        ...


class Workshop:
    """Tries the drafts of ``drafting`` one after the other; ``known`` are ids of tasks that need not be made again."""

    def __init__(self, certifier: Certifier, drafting: Drafts, known: Collection[str] = ()) -> None:
        self._certifier = certifier
        self._drafting = drafting
        self._known = set(known)

    def tried(self, number: int) -> Tried:
        """What comes of a draft."""
        began = time.monotonic()
        draft = self._drafting.draft(number)
        if draft is None:
            return Tried(number, self._drafting.source(number), refused=_EMPTY)
        identity = task_id(draft.slow.fingerprint, draft.schema, self._drafting.seed)
        if identity in self._known:
            return Tried(number, draft.source, draft.slow.injected, refused=_REPEATED)
        outcome = self._certified(draft)
        seconds = round(time.monotonic() - began, 2)
        if isinstance(outcome, Uncertified):
            return Tried(number, draft.source, draft.slow.injected, refused=outcome.reason, seconds=seconds)
        self._known.add(identity)
        return Tried(number, draft.source, draft.slow.injected, outcome, seconds=seconds)

    def _certified(self, draft: Draft) -> Task | Uncertified:
        """The draft as a task, on the database on which it takes neither too long nor next to nothing."""
        place = self._certifier.placed(draft.slow.sql, SOURCES[draft.source])
        if isinstance(place, Uncertified):
            return place
        outcome = self._certifier.certify(draft.slow.sql, [draft.clean] if draft.clean else [], *place, draft.rules_s)
        return outcome if isinstance(outcome, Uncertified) else task_of(draft, outcome, *place, self._drafting.seed)


def build(
    path: Path,
    count: int,
    fruitless: int,
    tries: Sequence[Try],
    listen: Callable[[Tried], None] = lambda tried: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Task, ...]:
    """Try drafts until ``path`` holds at least ``count`` tasks, or ``stop`` says so, or nothing came
    of drafting ``fruitless`` times in a row.

    Returns all tasks of the file; what it held before counts. Each of ``tries`` works on a thread of its own. ``listen`` hears
    of each draft. Queries that repeat one of the file are left out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    record = _Record(path, count, fruitless, listen, stop)
    with ThreadPoolExecutor(len(tries), "gym-building") as threads:
        working = [threads.submit(record.fill, one) for one in tries]
        try:
            for one in working:
                one.result()
        finally:
            record.ended = True
    return tuple(record.built.values())


class _Record:
    """What has been tried, in a file; several threads add to it."""

    def __init__(self, path: Path, count: int, fruitless: int, listen: Callable[[Tried], None], stop: Callable[[], bool]) -> None:
        done = read_tried(path)
        self.built = {tried.task.id: tried.task for tried in done if tried.task is not None}
        self.ended = False
        self._path = path
        self._count = count
        self._fruitless = fruitless
        self._listen = listen
        self._stop = stop
        self._numbers = {tried.number for tried in done}
        self._turns = counting()
        self._empty = 0
        self._changing = threading.Lock()

    def fill(self, tries: Try) -> None:
        """Try drafts, turn after turn, until the record is full."""
        for number in self._undone():
            if self._over():
                return
            self._keep(tries(number))

    def _undone(self) -> Iterator[int]:
        """Numbers for one thread: those of a turn share databases."""
        while True:
            with self._changing:
                turn = next(self._turns)
            yield from (number for number in range(TURN * turn, TURN * (turn + 1)) if number not in self._numbers)

    def _over(self) -> bool:
        with self._changing:
            self.ended = self.ended or len(self.built) >= self._count or self._empty >= self._fruitless or self._stop()
            return self.ended

    def _keep(self, tried: Tried) -> None:
        with self._changing:
            if tried.task is not None and tried.task.id in self.built:
                tried = Tried(tried.number, tried.source, tried.injected, refused=_REPEATED, seconds=tried.seconds)
            append_line(self._path, to_json(tried))
            self._listen(tried)
            self._empty = self._empty + 1 if tried.refused == _EMPTY else 0
            if tried.task is not None:
                self.built[tried.task.id] = tried.task


def task_of(draft: Draft, reference: Reference, visible: str, hidden: tuple[str, ...], seed: int) -> Task:
    """A certified draft as a task."""
    level = difficulty(draft.slow.tree, draft.slow.labels, reference.speedup)
    schema = _BENCHMARKS.get(draft.schema, draft.schema)
    asks = draft.question or f"{draft.origin.capitalize()} of {schema}."
    return Task(
        id=task_id(draft.slow.fingerprint, draft.schema, seed),
        title=f"{draft.origin.replace('_', ' ').capitalize()} ({schema})",
        family=draft.family,
        split=split_of(draft.schema, draft.lineage),
        difficulty=level,
        description=f"{asks} The query answers this, but slowly. Write one that returns the same rows faster.",
        sql=draft.slow.sql,
        dialect=draft.dialect,
        database=visible,
        hidden=hidden,
        issues=draft.slow.labels,
        steps=STEPS[level],
        reference=reference,
    )


def difficulty(tree: exp.Query, labels: Sequence[str], speedup: float) -> Difficulty:
    """From what there is to see through: habits, of which mild ones count half, query blocks, tables, and a gain hard to find."""
    severe = sum(1.0 if antipatterns()[name].SEVERITY in _SEVERE else 0.5 for name in labels)
    blocks = sum(1 for _ in tree.find_all(exp.Select))
    tables = sum(1 for _ in tree.find_all(exp.Table))
    points = severe + 0.5 * blocks + 0.5 * tables + (1.0 if speedup < 2 else 0.0)
    return next((level for most, level in _LEVELS if points < most), "expert")
