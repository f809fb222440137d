"""Robust statistics over run times: a trimmed mean, the ratio of two queries with bounds, the noise floor.

Times may be in any unit as long as both sides use the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, inf
from statistics import fmean

TRIMMED_SHARE = 0.2
"""Share of the runs dropped at each end: of five the fastest and the slowest."""


def trimmed_mean(values: Sequence[float]) -> float:
    """Mean without the fastest and the slowest fifth; at least one is dropped at each end from three values on.

    Raises ValueError where there are no values.

    >>> trimmed_mean([4187, 4305, 4261, 4198, 4112]) == (4187 + 4261 + 4198) / 3
    True
    """
    if not values:
        raise ValueError("no runs to average")
    dropped = max(1, int(len(values) * TRIMMED_SHARE)) if len(values) >= 3 else 0
    return fmean(sorted(values)[dropped : len(values) - dropped])


def bound_rank(pairs: int, alpha: float) -> int:
    """Largest k for which the k-th smallest of ``pairs`` values bounds their median from below at error ``alpha``.

    The k-th smallest value exceeds the median only if fewer than k values fall on or below it, which has at most the
    probability P(X < k) for X ~ Binomial(pairs, 1/2). 0 where even the smallest value errs more often than ``alpha``.

    >>> bound_rank(15, 0.001), bound_rank(30, 0.001), bound_rank(5, 0.05), bound_rank(5, 0.001)
    (2, 7, 1, 0)
    """
    rank, tail = 0, 1  # tail: number of the 2**pairs outcomes with at most ``rank`` values on one side
    while rank < pairs and tail <= alpha * 2**pairs:
        rank += 1
        tail += comb(pairs, rank)
    return rank


def ratio_bounds(original: Sequence[float], candidate: Sequence[float], alpha: float) -> tuple[float, float, float]:
    """Ratio original/candidate of pairs of neighboring runs, with a lower and an upper bound, each at error ``alpha``.

    The ratio is that of the trimmed means. The bounds are the exact order-statistic bounds of the median of the pairs'
    ratios that invert the sign test (W. J. Conover, Practical Nonparametric Statistics, 3rd ed., sections 3.2 and
    3.4): with 15 pairs the second smallest ratio is a lower bound at error 16/2**15 = 0.0005. They assume only that
    pairs are independent, not a shape, a variance or even one distribution for all pairs: where both queries are
    equally fast and the order within the pairs alternates, each pair favors either side with probability 1/2,
    whatever outliers the machine adds. Too few pairs for ``alpha`` bound nothing: 0 and infinity. The bounds are
    widened to contain the ratio where they do not.

    Raises ValueError where the sides differ in length, are empty, or hold a time that is not positive.
    """
    if len(original) != len(candidate) or not original:
        raise ValueError("runs must come in pairs")
    if min(*original, *candidate) <= 0:
        raise ValueError("times must be positive")
    ratio = trimmed_mean(original) / trimmed_mean(candidate)
    ratios = sorted(before / after for before, after in zip(original, candidate, strict=True))
    rank = bound_rank(len(ratios), alpha)
    if not rank:
        return ratio, 0.0, inf
    return ratio, min(ratio, ratios[rank - 1]), max(ratio, ratios[-rank])


def noise_floor(pairs: Sequence[tuple[float, float]], alpha: float = 0.05) -> float:
    """Ratio that the original may reach against itself by position, drift and chance; never under 1.0.

    ``pairs`` are times of the original against itself, interleaved like original and candidate. The floor is the
    farther of the two bounds of their median ratio, in either direction, since which run of such a pair comes first
    is arbitrary. Unlike the bounds of `ratio_bounds` it is not widened to the ratio of the means, so that one outlier
    does not set it. Infinity where there are too few pairs to tell.
    """
    ratios = sorted(first / second for first, second in pairs)
    rank = bound_rank(len(ratios), alpha)
    return max(1.0, ratios[-rank], 1 / ratios[rank - 1]) if rank else inf
