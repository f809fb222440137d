"""Means with bootstrap intervals over seeds or over tasks. Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 13 (percentile intervals).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

RESAMPLES = 2000
ERROR = 0.05

Groups = Sequence[Sequence[float]]
"""Values of each task, one a seed; no group is empty."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean of task means with its 95 % interval; the bounds are None where there is nothing to resample."""

    mean: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Such as ``0.612 [0.580, 0.640]``."""
        return f"{self.mean:.3f}" + (f" [{self.low:.3f}, {self.high:.3f}]" if self.low is not None else "")


def interval(groups: Groups, over: Literal["seeds", "tasks"] = "seeds") -> Interval:
    """The mean over tasks, each counting the same, and where it may lie.

    ``over`` seeds: for these tasks, with other seeds. Over tasks: for other tasks of the kind, with other seeds as well. The
    resampling is seeded, so that the same values give the same bounds. Raises ValueError where there are no values.
    """
    if not groups or not all(groups):
        raise ValueError("no values to average")
    mean = fmean(map(fmean, groups))
    repeated = len(groups) > 1 if over == "tasks" else any(len(group) > 1 for group in groups)
    if not repeated:
        return Interval(mean)
    draw = random.Random(0)
    means = []
    for _ in range(RESAMPLES):
        chosen = draw.choices(groups, k=len(groups)) if over == "tasks" else groups
        means.append(fmean(fmean(draw.choices(group, k=len(group))) for group in chosen))
    means.sort()
    tail = int(RESAMPLES * ERROR / 2)
    return Interval(mean, means[tail], means[-1 - tail])
