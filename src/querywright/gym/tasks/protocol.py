"""What a module of tasks provides, and the names of tasks' families.

A module of this package is a source of tasks; its file name names it. Loading is cheap: no database is opened, and what took
measurement is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from querywright.gym.values import Task

FAMILIES = {
    "published": "the published environment's five tasks as they are",
    "repaired": "the same five, made deterministic, each with a rewrite that is equal and clearly faster",
    "questions": "slow queries of the domain schemas as their hurried authors wrote them",
    "injected": "queries of workloads with bad habits put into them",
    "generated": "generated queries with bad habits put into them",
}
"""All families of tasks, in the order in which they are listed."""


class TaskSource(Protocol):
    """The module-level interface of a source of tasks."""

    def load(self) -> Sequence[Task]:
        """All its tasks, always in the same order; ids are unique among all sources."""
        ...
