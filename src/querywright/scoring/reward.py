"""The reward of a verified rewrite: its speedup on a logarithmic scale, and a little for how well it reads.

The scale runs from the least gain that counts as one to `CAP`, beyond which more speed earns nothing, so that rewards do not
saturate at pathological originals. The range from 2 to 50 times as fast takes 70 % of it.
"""

from __future__ import annotations

import math
from itertools import pairwise

from querywright.measure.decision import LEAST_GAIN

CAP = 100.0
"""Speedups above this earn what this one earns."""

SPEED_WEIGHT = 0.85
"""The rest of a reward is for readability."""

THRESHOLD = 0.25
"""The least reward of an example that is kept; the least speedup for it is about 2."""

BANDS = (2.0, 4.0, 8.0, 16.0, 32.0, CAP)
"""Where the bands of speedups begin, of which none may dominate: the last one holds what reaches the cap."""


def speed_score(speedup: float) -> float:
    """Where a speedup lies on the scale, from 0 (no gain) to 1 (`CAP` or more).

    Raises ValueError for what is not a positive number.

    >>> [round(speed_score(speedup), 2) for speedup in (1, 2, 10, 50, 1000)]
    [0.0, 0.14, 0.49, 0.85, 1.0]
    """
    if not speedup > 0:
        raise ValueError(f"a speedup is a positive ratio, not {speedup}")
    return min(1.0, max(0.0, math.log(speedup / LEAST_GAIN) / math.log(CAP / LEAST_GAIN)))


def reward(speedup: float, readability: float) -> float:
    """The reward of an equal query, from 0 to 1; without a gain it is 0 however well the query reads.

    ``readability`` lies between 0 and 1. Whether the query is equal is no term of it: what was not verified has no reward.
    """
    if not 0.0 <= readability <= 1.0:
        raise ValueError(f"readability lies between 0 and 1, not at {readability}")
    speed = speed_score(speedup)
    return SPEED_WEIGHT * speed + (1 - SPEED_WEIGHT) * readability if speed > 0 else 0.0


def band(speedup: float) -> str:
    """The band of a speedup, for quotas and histograms.

    >>> band(1.3), band(3), band(31.9), band(400)
    ('under 2x', '2x to 4x', '16x to 32x', '100x and more')
    """
    if speedup < BANDS[0]:
        return f"under {BANDS[0]:g}x"
    for low, high in pairwise(BANDS):
        if speedup < high:
            return f"{low:g}x to {high:g}x"
    return f"{BANDS[-1]:g}x and more"


def band_names() -> tuple[str, ...]:
    """All bands, the slowest first."""
    return tuple(band(low) for low in (1.0, *BANDS))
