"""When the next request may start: the rate limit, the server's own wish, and how long to wait after a failure."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
LONGEST_WAIT = 120.0
"""Seconds that a server may ask to wait; beyond that the call fails and a later run goes on."""

Sleep = Callable[[float], Awaitable[object]]


class Pace:
    """Spaces the requests to one server evenly; ``clock`` is in seconds."""

    def __init__(
        self, requests_per_minute: float | None, sleep: Sleep = asyncio.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._sleep = sleep
        self._clock = clock
        self._next_start = clock()

    async def turn(self) -> None:
        """Return when this caller's turn has come."""
        now = self._clock()
        start = max(now, self._next_start)
        self._next_start = start + self._interval
        if start > now:
            await self._sleep(start - now)

    def pause(self, seconds: float) -> None:
        """Let nobody start within the next ``seconds``: the server asked for it."""
        self._next_start = max(self._next_start, self._clock() + seconds)


def backoff(failures: int) -> float:
    """Seconds to wait after the given number of failures in a row: exponential, with jitter so that callers spread out."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures - 1, 30)) * random.uniform(0.5, 1.0))


def seconds_to_wait(retry_after: str | None, now: float) -> float | None:
    """The header Retry-After in seconds, given as a number or as a date (RFC 9110, 10.2.3); None where there is none to read."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now)
    except (ValueError, OverflowError):
        return None
