"""Threads for examinations, shared fairly: whoever waits gets the next turn before those who have had theirs."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import TypeVar

from querywright.errors import GymBusy

Result = TypeVar("Result")
_Job = tuple["Future[object]", Callable[..., object], tuple[object, ...]]


class FairPool:
    """``threads`` threads that work for clients in rotation; a context manager.

    One client never holds all threads (unless there is only one). ``waiting`` is the most jobs of one client that may wait,
    ``waiting_in_all`` of all together.
    """

    def __init__(self, threads: int = 4, waiting: int = 256, waiting_in_all: int = 2048) -> None:
        self._most_running = max(1, threads - 1)
        self._most_waiting = waiting
        self._most_in_all = waiting_in_all
        self._waiting: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._in_all = 0
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"gym-{number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> FairPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def submit(self, client: str, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """The future result of ``function(*arguments)``; cancelling it before its turn gives the turn to the next.

        Raises `GymBusy` where too many wait.
        """
        future: Future[Result] = Future()
        with self._changed:
            if self._closed:
                raise GymBusy("The gym is closing.", "Start it again.")
            waiting = self._waiting.setdefault(client, deque())
            if len(waiting) >= self._most_waiting or self._in_all >= self._most_in_all:
                raise GymBusy(f"{self._in_all} requests wait already, {len(waiting)} of them yours.", "Try again in a while.")
            waiting.append((future, function, arguments))  # type: ignore[arg-type]
            self._in_all += 1
            self._changed.notify()
        return future

    def close(self) -> None:
        """Cancel what waits and wait for what runs."""
        with self._changed:
            self._closed = True
            for jobs in self._waiting.values():
                for future, _, _ in jobs:
                    future.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (client := self._next_client()) is None:
                    if self._closed:
                        return
                    self._changed.wait()
                future, function, arguments = self._waiting[client].popleft()
                self._in_all -= 1
                if self._waiting[client]:
                    self._waiting.move_to_end(client)
                else:
                    del self._waiting[client]
                if not future.set_running_or_notify_cancel():
                    continue
                self._running[client] += 1
            try:
                result = function(*arguments)
            except BaseException as error:  # noqa: BLE001  (it is raised where the result is asked for)
                future.set_exception(error)
            else:
                future.set_result(result)
            with self._changed:
                self._running[client] -= 1
                if not self._running[client]:
                    del self._running[client]
                self._changed.notify()

    def _next_client(self) -> str | None:
        return next((client for client in self._waiting if self._running[client] < self._most_running), None)
