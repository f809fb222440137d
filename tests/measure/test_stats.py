from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from querywright.measure.stats import bound_rank, noise_floor, ratio_bounds, trimmed_mean

times = st.floats(min_value=1e-3, max_value=1e6)


def machine_noise(random: Random, base: float) -> float:
    """A run's time: log-normal jitter, and now and then an outlier with a tail that has no mean."""
    time = base * random.lognormvariate(0, 0.15)
    return time + base * random.paretovariate(1.0) if random.random() < 0.2 else time


def false_gains(pairs: int, alpha: float, trials: int, seed: int) -> int:
    random = Random(seed)
    gains = 0
    for _ in range(trials):
        # The machine drifts from pair to pair: pairs are independent, not identically distributed.
        bases = [random.uniform(1, 20) for _ in range(pairs)]
        original = [machine_noise(random, base) for base in bases]
        candidate = [machine_noise(random, base) for base in bases]
        gains += ratio_bounds(original, candidate, alpha)[1] > 1
    return gains


@pytest.mark.parametrize(("pairs", "alpha", "trials"), [(5, 0.05, 4000), (15, 0.05, 3000), (40, 0.01, 3000)])
def test_equal_queries_seem_faster_no_more_often_than_alpha(pairs: int, alpha: float, trials: int) -> None:
    deviation = (trials * alpha * (1 - alpha)) ** 0.5
    assert false_gains(pairs, alpha, trials, seed=pairs) <= trials * alpha + 3 * deviation


def test_confirmation_keeps_its_error_of_one_in_a_thousand() -> None:
    assert false_gains(pairs=15, alpha=0.001, trials=10_000, seed=1) <= 10 + 3 * 10**0.5


def test_a_real_gain_is_found_despite_outliers() -> None:
    random = Random(7)
    original = [machine_noise(random, 20) for _ in range(30)]
    candidate = [machine_noise(random, 10) for _ in range(30)]
    ratio, low, high = ratio_bounds(original, candidate, 0.001)
    assert 1.05 < low < ratio < high


@given(st.lists(st.tuples(times, times), min_size=1, max_size=40), st.sampled_from([0.001, 0.05]))
def test_bounds_enclose_the_ratio_and_mirror_when_the_sides_swap(pairs: list[tuple[float, float]], alpha: float) -> None:
    original, candidate = zip(*pairs, strict=True)
    ratio, low, high = ratio_bounds(original, candidate, alpha)
    assert 0 <= low <= ratio <= high
    _, mirrored, _ = ratio_bounds(candidate, original, alpha)
    assert mirrored == pytest.approx(1 / high if high < inf else 0)


@given(st.integers(1, 80), st.sampled_from([0.001, 0.01, 0.05]))
def test_the_rank_is_the_largest_within_the_error(pairs: int, alpha: float) -> None:
    def error(rank: int) -> float:
        """P(X < rank) by summing over the Binomial's recurrence, another way than the code's."""
        term, total = 0.5**pairs, 0.0
        for successes in range(rank):
            total += term
            term *= (pairs - successes) / (successes + 1)
        return total

    rank = bound_rank(pairs, alpha)
    assert rank == 0 or error(rank) <= alpha
    assert error(rank + 1) > alpha


def test_the_trimmed_mean_drops_the_fastest_and_the_slowest_fifth() -> None:
    assert trimmed_mean([1, 10, 11, 12, 900]) == 11
    assert trimmed_mean([1, 2, *[5] * 6, 800, 900]) == 5
    assert trimmed_mean([1, 5, 900]) == 5
    assert trimmed_mean([4, 6]) == 5
    with pytest.raises(ValueError, match="no runs"):
        trimmed_mean([])


@given(st.lists(times, min_size=1, max_size=30))
def test_the_trimmed_mean_lies_among_the_values(values: list[float]) -> None:
    assert min(values) * (1 - 1e-9) <= trimmed_mean(values) <= max(values) * (1 + 1e-9)


def test_the_noise_floor_is_what_the_original_reaches_against_itself() -> None:
    assert noise_floor([(10, 10)] * 15) == 1.0
    assert noise_floor([(11, 10)] * 15) == noise_floor([(10, 11)] * 15) == pytest.approx(1.1)
    assert noise_floor([(10, 10)] * 14 + [(900, 10)]) == 1.0
    assert noise_floor([(10, 10)] * 4) == inf


def test_runs_that_are_not_pairs_are_rejected() -> None:
    with pytest.raises(ValueError, match="pairs"):
        ratio_bounds([1, 2], [1], 0.05)
    with pytest.raises(ValueError, match="positive"):
        ratio_bounds([0], [1], 0.05)
