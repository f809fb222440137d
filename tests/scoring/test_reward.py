"""The reward spreads over the speedups that matter, and pays nothing for what is no gain."""

from __future__ import annotations

import math
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from querywright.scoring.reward import BANDS, CAP, THRESHOLD, band, band_names, reward, speed_score

speedups = st.floats(0.001, 1e6)
shares = st.floats(0, 1)


@given(speedups, speedups, shares)
def test_more_speed_never_earns_less(one: float, other: float, readable: float) -> None:
    slower, faster = sorted((one, other))
    assert reward(slower, readable) <= reward(faster, readable)


@given(speedups, shares, shares)
def test_reading_better_never_earns_less(speedup: float, one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert reward(speedup, worse) <= reward(speedup, better)


@given(speedups, shares)
def test_rewards_lie_between_none_and_all(speedup: float, readable: float) -> None:
    assert 0.0 <= reward(speedup, readable) <= 1.0 + 1e-12


@given(st.floats(CAP, 1e9), shares)
def test_beyond_the_cap_more_speed_earns_nothing(speedup: float, readable: float) -> None:
    assert reward(speedup, readable) == reward(CAP, readable)


@given(st.floats(0.001, 1.05), shares)
def test_without_a_gain_there_is_no_reward(speedup: float, readable: float) -> None:
    assert reward(speedup, readable) == 0.0


def test_two_to_fifty_times_takes_seventy_percent_of_the_scale() -> None:
    assert speed_score(50) - speed_score(2) >= 0.7


def test_the_threshold_asks_for_about_twice_the_speed() -> None:
    assert reward(1.5, 0.9) < THRESHOLD <= reward(2.2, 0.9)


def test_a_realistic_spread_does_not_saturate() -> None:
    random = Random(0)
    drawn = [max(2.0, math.exp(random.gauss(math.log(9), 1.2))) for _ in range(4000)]
    rewards = [reward(speedup, random.uniform(0.5, 0.95)) for speedup in drawn]
    assert 0.4 <= fmean(rewards) <= 0.7
    assert pstdev(rewards) >= 0.15
    assert sum(speedup >= CAP for speedup in drawn) / len(drawn) < 0.1


@given(speedups)
def test_each_speedup_has_one_of_the_bands(speedup: float) -> None:
    assert band(speedup) in band_names()


def test_bands_begin_where_they_say() -> None:
    assert [band(low) for low in BANDS] == list(band_names()[1:])


@pytest.mark.parametrize("nonsense", [0.0, -1.0, math.nan])
def test_what_is_no_ratio_is_refused(nonsense: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        reward(nonsense, 0.5)
    with pytest.raises(ValueError, match="between"):
        reward(2.0, 1.5)
