"""The moment by which a proof must be found, known to every pass over terms without being handed down."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_moment: ContextVar[float] = ContextVar("deadline of a proof", default=math.inf)


class OutOfTime(Exception):
    """The time for the proof is over."""


@contextmanager
def until(moment: float) -> Iterator[None]:
    """What runs inside raises `OutOfTime` soon after ``moment`` of ``time.monotonic()``, or an earlier one set outside."""
    token = _moment.set(min(moment, _moment.get()))
    try:
        yield
    finally:
        _moment.reset(token)


def check_time() -> None:
    """Raise `OutOfTime` after the deadline; cheap enough for inner loops."""
    if time.monotonic() > _moment.get():
        raise OutOfTime
