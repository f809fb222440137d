"""Laws of bag equality with tolerance."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from querywright.verification.rows import TOLERANCE, close, unmatched

cells = st.none() | st.integers(-3, 3) | st.sampled_from(["", "a"])
numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32)
bags = st.lists(st.tuples(cells, cells), max_size=8)
floating_bags = st.lists(st.tuples(st.integers(0, 1), numbers), max_size=8)


@given(bags, st.randoms(use_true_random=False))
def test_order_does_not_matter(bag: list[tuple[object, ...]], rng: random.Random) -> None:
    assert unmatched(bag, rng.sample(bag, len(bag)), frozenset()) == ([], [])


@given(bags, bags)
def test_what_is_left_is_the_difference_of_the_bags(left: list[tuple[object, ...]], right: list[tuple[object, ...]]) -> None:
    ours, theirs = unmatched(left, right, frozenset())
    assert sorted(map(repr, [*left, *theirs])) == sorted(map(repr, [*right, *ours]))


@given(floating_bags, st.randoms(use_true_random=False))
def test_noise_below_the_tolerance_is_forgiven(bag: list[tuple[int, float | None]], rng: random.Random) -> None:
    noisy = [(key, None if x is None else x * (1 + rng.uniform(-0.4, 0.4) * TOLERANCE)) for key, x in bag]
    assert unmatched(bag, rng.sample(noisy, len(noisy)), frozenset({1})) == ([], [])


@given(floating_bags, st.integers(0, 7))
def test_a_change_beyond_the_tolerance_is_seen(bag: list[tuple[int, float | None]], index: int) -> None:
    finite = [(key, x) for key, x in bag if x is not None and abs(x) < 1e30 and x]
    if not finite:
        return
    changed = list(finite)
    key, value = changed[index % len(changed)]
    changed[index % len(changed)] = (key + 2, value)
    assert unmatched(finite, changed, frozenset({1})) != ([], [])


def test_closeness_is_relative_and_symmetric() -> None:
    assert close(1e20, 1e20 * (1 + 1e-10))
    assert close(1e-20, 1e-20 * (1 + 1e-10))
    assert not close(1e-20, 2e-20)
    assert not close(0.0, 1e-20)
    assert not close(None, 0.0)
    assert not close(10**18, 10**18 + 1)
