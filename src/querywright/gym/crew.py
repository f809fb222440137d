"""Processes that try drafts side by side, each with databases of its own; only what they time they time in turn."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection
from functools import partial
from types import TracebackType

from querywright.gym.building import Drafts, Try, Workshop
from querywright.gym.certifying import Certifier
from querywright.gym.shared_databases import SharedDatabases
from querywright.gym.tried import Tried
from querywright.workers import Worker

_COLLECTION = (50_000, 20, 100)
"""Thresholds of the garbage collector: query trees are thousands of small objects."""


class Crew:
    """So many processes that try drafts; a context manager. Leaving it ends them at once.

    ``drafting`` makes what drafts, in each process, over the databases that are open there.
    """

    def __init__(self, processes: int, drafting: Callable[[SharedDatabases], Drafts], known: Collection[str] = ()) -> None:
        self._workers = [Worker(partial(_Post, drafting, frozenset(known))) for _ in range(processes)]

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.close()

    @property
    def tries(self) -> list[Try]:
        """For each process, what tries a draft in it."""
        return [partial(worker.call, _tried) for worker in self._workers]


class _Post:
    """A process's state: its workshop."""

    def __init__(self, drafting: Callable[[SharedDatabases], Drafts], known: Collection[str]) -> None:
        gc.set_threshold(*_COLLECTION)
        self._certifier = Certifier()
        self.workshop = Workshop(self._certifier, drafting(self._certifier.databases), known)

    def interrupt(self) -> None:
        """Nothing has a limit here but single statements, which the certifier stops."""

    def close(self) -> None:
        """End the engines' process."""
        self._certifier.databases.close()


def _tried(post: _Post, number: int) -> Tried:
    return post.workshop.tried(number)
