"""Finds tasks: by id, by split, by family."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

from querywright.errors import ContractError, GymError, UnknownTask
from querywright.gym.tasks.protocol import FAMILIES, TaskSource
from querywright.gym.values import Split, Task
from querywright.registry import plugins


@cache
def all_tasks() -> Mapping[str, Task]:
    """Every task by id: the published five first, then family by family.

    Raises `ContractError` where two tasks share an id, or the same query on the same database is in two splits.
    """
    sources = cast("dict[str, TaskSource]", plugins("querywright.gym.tasks"))
    loaded = [task for source in sources.values() for task in source.load()]
    order = list(FAMILIES)
    found: dict[str, Task] = {}
    splits: dict[tuple[str, str], Task] = {}
    for task in sorted(loaded, key=lambda task: order.index(task.family)):
        if found.setdefault(task.id, task) is not task:
            raise ContractError(f"Two tasks have the id {task.id}.")
        twin = splits.setdefault((task.database.partition(":")[0], task.sql), task)
        if twin.split != task.split:
            raise ContractError(f"The query of task {task.id} ({task.split}) is also that of {twin.id} ({twin.split}).")
        found[task.id] = task
    return found


def find_task(task_id: str) -> Task:
    """The task of that id; raises `UnknownTask` where there is none."""
    known = all_tasks()
    if task_id not in known:
        raise UnknownTask(f"There is no task {task_id[:100]}.", f"GET /tasks lists all {len(known)}; one is {next(iter(known))}.")
    return known[task_id]


def tasks(split: Split | None = None, family: str | None = None) -> tuple[Task, ...]:
    """All tasks, or those of a split, of a family, or of both; raises `GymError` for a family that does not exist."""
    if family is not None and family not in FAMILIES:
        raise GymError(f"There is no family of tasks named {family}.", f"Families: {', '.join(FAMILIES)}.")
    return tuple(task for task in all_tasks().values() if split in (None, task.split) and family in (None, task.family))
