"""Builds certified tasks on demand: draft, certify, write down; a build that is stopped goes on where it was.

A file holds one line for each draft of a seed, accepted or not, so that the same numbers are never tried twice and the file says
how many drafts a task takes. Built tasks lie in the cache and belong to the gym's tasks from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sqlglot import exp

from querywright.antipatterns.driver import antipatterns
from querywright.generation.identity import split_of, task_id
from querywright.gym.certifying import Certifier, Uncertified
from querywright.gym.drafting import Draft, Drafting
from querywright.gym.sources import SOURCES
from querywright.gym.tried import Tried, read_tried
from querywright.gym.values import Difficulty, Reference, Task
from querywright.runs.files import append_line
from querywright.runs.serialize import to_json

STEPS: dict[Difficulty, int] = {"easy": 3, "medium": 4, "medium-hard": 4, "hard": 5, "expert": 5}
_LEVELS: tuple[tuple[float, Difficulty], ...] = ((4.0, "easy"), (5.5, "medium"), (7.0, "medium-hard"), (9.0, "hard"))
_BENCHMARKS = {"tpch": "TPC-H", "tpcds": "TPC-DS"}
_SEVERE = frozenset({"critical", "high"})


def build(
    path: Path,
    count: int,
    seed: int,
    certifier: Certifier,
    sources: Sequence[str] = tuple(SOURCES),
    listen: Callable[[Tried], None] = lambda tried: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Task, ...]:
    """Draft and certify until ``path`` holds ``count`` tasks of this seed, or ``stop`` says so; all its tasks.

    What the file holds already counts. ``listen`` hears of each draft. Queries that repeat one of the file are left out.
    """
    done = read_tried(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    drafting = Drafting(certifier.databases, seed, sources)
    built = {tried.task.id: tried.task for tried in done if tried.task is not None}
    number = max((tried.number for tried in done), default=-1) + 1
    while len(built) < count and not stop():
        tried = _tried(drafting, certifier, number, built, seed)
        append_line(path, to_json(tried))
        listen(tried)
        if tried.task is not None:
            built[tried.task.id] = tried.task
        number += 1
    return tuple(built.values())


def _tried(drafting: Drafting, certifier: Certifier, number: int, built: Mapping[str, Task], seed: int) -> Tried:
    began = time.monotonic()
    draft = drafting.draft(number)
    if draft is None:
        return Tried(number, drafting.source(number), refused="There was nothing to draft.")
    if task_id(draft.slow.fingerprint, draft.schema, seed) in built:
        return Tried(number, draft.source, draft.slow.injected, refused="It repeats another one.")
    outcome = _certified(certifier, draft, seed)
    refused, task = (outcome.reason, None) if isinstance(outcome, Uncertified) else ("", outcome)
    return Tried(number, draft.source, draft.slow.injected, task, refused, round(time.monotonic() - began, 2))


def _certified(certifier: Certifier, draft: Draft, seed: int) -> Task | Uncertified:
    """The draft as a task, on the database on which it takes neither too long nor next to nothing."""
    place = certifier.placed(draft.slow.sql, SOURCES[draft.source])
    if isinstance(place, Uncertified):
        return place
    outcome = certifier.certify(draft.slow.sql, [draft.clean] if draft.clean else [], *place, draft.rules_s)
    return outcome if isinstance(outcome, Uncertified) else task_of(draft, outcome, *place, seed)


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
