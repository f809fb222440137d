"""Tries outside of episodes are rationed, so that they are no free oracle beside the steps of an episode."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from querywright.errors import MeterExhausted

_MOST_CLIENTS = 10_000


class Meter:
    """A token bucket for each client: ``burst`` tries at once, and one more every ``every_s`` seconds. Safe for threads."""

    def __init__(self, burst: int = 30, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.burst = burst
        self.every_s = every_s
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Of each client, tries left and when that was so; the client that tried last stands last."""
        self._turn = threading.Lock()

    def take(self, client: str) -> int:
        """Use up one try of ``client`` and return how many are left; raises `MeterExhausted` where there is none."""
        with self._turn:
            now = self._clock()
            left, since = self._buckets.pop(client, (float(self.burst), now))
            left = min(self.burst, left + (now - since) / self.every_s)
            taken = left >= 1
            self._buckets[client] = (left - 1 if taken else left, now)
            if len(self._buckets) > _MOST_CLIENTS:
                self._buckets.popitem(last=False)
        if not taken:
            wait_s = math.ceil((1 - left) * self.every_s)
            raise MeterExhausted(
                f"That were {self.burst} tries outside of episodes; the next one is free in {wait_s} s.",
                "Steps of an episode are not metered: submit the query there.",
                wait_s,
            )
        return int(left - 1)
