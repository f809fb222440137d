"""Quotas hold at every moment of a run, not only at its end."""

from __future__ import annotations

from factory_examples import example
from hypothesis import given
from hypothesis import strategies as st

from querywright.factory.quotas import BAND_SHARES, FREE, HELD_OUT_SHARE, NEARLY, PATTERN_SHARE, WANTED, Quotas
from querywright.generation.identity import HELD_OUT
from querywright.scoring.reward import band

PATTERNS = ("decorrelate", "pushdown", "indexing", "flatten_subquery", "remove_redundant", "or_to_union", "inline_cte")
SPLITS = ("train", "train", "train", "test", "validation")

drawn = st.lists(
    st.tuples(st.sampled_from(PATTERNS), st.floats(1.5, 500), st.sampled_from(SPLITS)),
    min_size=1,
    max_size=150,
)


@given(drawn)
def test_no_kind_ever_passes_its_share(offered: list[tuple[str, float, str]]) -> None:
    quotas = Quotas()
    for pattern, speedup, split in offered:
        one = example(pattern=pattern, speedup=speedup, split=split)
        if quotas.admits(one):
            quotas.add(one)
        total = quotas.total
        assert all(count <= max(FREE, PATTERN_SHARE * total) for count in quotas.patterns.values())
        assert all(count <= max(FREE, BAND_SHARES[name] * total) for name, count in quotas.bands.items())
        assert all(quotas.splits[name] <= max(FREE, HELD_OUT_SHARE * total) for name in ("test", "validation"))


@given(drawn)
def test_what_is_closed_is_not_admitted(offered: list[tuple[str, float, str]]) -> None:
    quotas = Quotas()
    for pattern, speedup, split in offered:
        one = example(pattern=pattern, speedup=speedup, split=split)
        assert quotas.admits(one) == (not quotas.closed() & {pattern, band(speedup), split})
        quotas.add(one)


@given(drawn)
def test_orders_are_closed_to_a_kind_no_later_than_it_is_full(offered: list[tuple[str, float, str]]) -> None:
    quotas = Quotas()
    for pattern, speedup, split in offered:
        quotas.add(example(pattern=pattern, speedup=speedup, split=split))
        assert quotas.closed() <= quotas.closed(NEARLY)


def test_orders_of_a_kind_end_before_it_is_full() -> None:
    quotas = Quotas()
    for number in range(1000):
        quotas.add(example(number, pattern="pushdown" if number < 1000 * PATTERN_SHARE - 2 else f"other{number}"))
    assert "pushdown" in quotas.closed(NEARLY) - quotas.closed()


def test_schemas_that_are_held_out_whole_are_drawn_from_rarely() -> None:
    weights = Quotas().schema_weights(["ecommerce", "social"], HELD_OUT)
    assert weights["social"] < weights["ecommerce"] / 10
    full = Quotas()
    for _ in range(20):
        full.add(example(schema="social", split="test"))
    assert list(full.schema_weights(["ecommerce", "social"], HELD_OUT)) == ["ecommerce"]


def test_features_are_lacking_until_there_are_enough() -> None:
    quotas = Quotas()
    assert set(quotas.lacking().values()) == {1.0}
    for number in range(10):
        quotas.add(example(number, features=tuple(WANTED) if number < 5 else ()))
    assert set(quotas.lacking().values()) == {0.0}


def test_high_speedups_are_short_until_there_are_enough() -> None:
    quotas, enough = Quotas(), Quotas()
    for number in range(40):
        quotas.add(example(number, speedup=3.0))
        enough.add(example(number, speedup=50.0 if number % 4 == 0 else 3.0))
    assert (Quotas().short_of_high(), quotas.short_of_high(), enough.short_of_high()) == (0.0, 1.0, 0.0)


def test_a_copy_goes_on_apart() -> None:
    quotas = Quotas()
    quotas.add(example())
    further = quotas.copy()
    further.add(example(1))
    assert (quotas.total, further.total) == (1, 2)
    assert (quotas.patterns["decorrelate"], further.patterns["decorrelate"]) == (1, 2)
