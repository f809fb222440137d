"""Lists the gym's tasks and builds more of them."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast, get_args

from rich.console import Console
from rich.table import Table

from querywright.errors import InputError
from querywright.gym.building import Drafts, build
from querywright.gym.crew import Crew
from querywright.gym.drafting import TURN, Drafting
from querywright.gym.given import Given, digest, read_prompts
from querywright.gym.shared_databases import SharedDatabases
from querywright.gym.sources import SOURCES
from querywright.gym.tasks.driver import tasks
from querywright.gym.tried import Tried, build_path, read_tried
from querywright.gym.values import Split, Task


def show_tasks(split: str | None, family: str | None, as_json: bool) -> int:
    """Print the tasks of a split and a family; raises `InputError` for one that does not exist."""
    if split is not None and split not in get_args(Split):
        raise InputError(f"There is no split {split}.", f"Splits: {', '.join(get_args(Split))}.")
    chosen = tasks(cast("Split | None", split), family)
    if as_json:
        print(json.dumps([_summary(task) for task in chosen], indent=2))
        return 0
    table = Table("task", "family", "split", "difficulty", "database", "certified", "title", box=None)
    for task in chosen:
        gain = f"{task.reference.speedup:.1f}x" if task.reference is not None else ""
        table.add_row(task.id, task.family, task.split, task.difficulty, task.database, gain, task.title)
    console = Console(width=None if Console().is_terminal else 200)
    console.print(table)
    console.print(f"{len(chosen)} tasks. {_counted(chosen)}")
    return 0


def build_tasks(count: int, seed: int, sources: str | None, seconds: float | None, processes: int | None) -> int:
    """Build tasks into the cache and say of each draft what came of it."""
    chosen = [name.strip() for name in sources.split(",") if name.strip()] if sources else list(SOURCES)
    for name in chosen:
        if name not in SOURCES:
            raise InputError(f"Tasks cannot be made from {name}.", f"Sources: {', '.join(SOURCES)}.")
    drafting = partial(Drafting, seed=seed, sources=tuple(chosen))
    return _built(build_path(seed), count, TURN * len(chosen), drafting, seconds, processes)


def build_given(path: Path, count: int | None, seed: int, seconds: float | None, processes: int | None) -> int:
    """Certify the prompts of a file as tasks, in the cache, and say of each what came of it."""
    prompts = read_prompts(path)
    drafting = partial(Given, seed=seed, prompts=prompts)
    return _built(build_path(seed, digest(path)), count or len(prompts), TURN, drafting, seconds, processes)


def _built(
    path: Path,
    count: int,
    fruitless: int,
    drafting: Callable[[SharedDatabases], Drafts],
    seconds: float | None,
    processes: int | None,
) -> int:
    began = time.monotonic()

    def stop() -> bool:
        return seconds is not None and time.monotonic() - began >= seconds

    known = [tried.task.id for tried in read_tried(path) if tried.task is not None]
    with Crew(processes or os.cpu_count() or 1, drafting, known) as crew:
        built = build(path, count, fruitless, crew.tries, _show, stop)
    print(f"{len(built)} tasks in {path}. {_counted(built)}")
    return 0


def _show(tried: Tried) -> None:
    reference = tried.task.reference if tried.task is not None else None
    what = f"certified at {reference.speedup:.1f}x" if reference is not None else tried.refused
    habits = ", ".join(tried.injected) or "as it is"
    print(f"{tried.number:>6}  {tried.source:<20} {habits}: {what} ({tried.seconds:.1f} s)", flush=True)


def _counted(chosen: tuple[Task, ...]) -> str:
    parts = Counter(task.split for task in chosen), Counter(task.difficulty for task in chosen)
    return " ".join(", ".join(f"{number} {name}" for name, number in part.most_common()) + "." for part in parts if part)


def _summary(task: Task) -> dict[str, object]:
    return {
        "task_id": task.id,
        "title": task.title,
        "family": task.family,
        "split": task.split,
        "difficulty": task.difficulty,
        "database": task.database,
        "dialect": task.dialect,
        "issues": list(task.issues),
        "certified_speedup": task.reference.speedup if task.reference is not None else None,
        "note": task.note,
    }
