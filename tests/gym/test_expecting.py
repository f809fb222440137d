"""Of several wishes the latest is fulfilled, and closing waits for what was begun."""

from __future__ import annotations

import threading

from querywright.gym.expecting import Expecting


def test_the_latest_wish_counts() -> None:
    begun, leave = threading.Semaphore(0), threading.Event()
    fulfilled: list[int] = []

    def fulfill(wish: int) -> None:
        begun.release()
        assert leave.wait(60)
        fulfilled.append(wish)

    expecting = Expecting(fulfill)
    expecting.wish(1)
    assert begun.acquire(timeout=60)
    expecting.wish(2)
    expecting.wish(3)
    leave.set()
    assert begun.acquire(timeout=60)
    expecting.close()
    expecting.wish(4)
    assert fulfilled == [1, 3]


def test_closing_what_was_never_used_is_fine() -> None:
    Expecting(print).close()
