"""Tasks that were built on this machine with ``qw gym tasks build``."""

from __future__ import annotations

from collections.abc import Sequence

from querywright.gym.tasks import certified
from querywright.gym.tried import build_folder, read_tried
from querywright.gym.values import Task


def load() -> Sequence[Task]:
    """The tasks of all seeds in the cache that do not come with the package."""
    known = {task.id for task in certified.load()}
    found: dict[str, Task] = {}
    for path in sorted(build_folder().glob("seed-*.jsonl")):
        found |= {tried.task.id: tried.task for tried in read_tried(path) if tried.task is not None}
    return tuple(task for task in found.values() if task.id not in known)
