"""Work ahead on a thread of its own: of several wishes only the latest is fulfilled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Wish = TypeVar("Wish")


class Expecting(Generic[Wish]):
    """Calls ``fulfill`` with the latest wish, one call at a time. The thread starts with the first wish."""

    def __init__(self, fulfill: Callable[[Wish], None]) -> None:
        self._fulfill = fulfill
        self._latest: list[Wish] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def wish(self, wish: Wish) -> None:
        """Wish for something; an earlier wish that was not begun is forgotten."""
        with self._changed:
            if self._closed:
                return
            self._latest[:] = [wish]
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="gym-expecting", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Forget what was not begun, and wait for what was."""
        with self._changed:
            self._closed = True
            self._latest.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._latest and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                wish = self._latest.pop()
            self._fulfill(wish)
