"""Splits keep families of queries and held-out schemas together."""

from __future__ import annotations

from collections import Counter

from generation_cases import generator
from hypothesis import given
from hypothesis import strategies as st

from querywright.generation.identity import HELD_OUT, skeleton, split_of, task_id


@given(schema=st.sampled_from(["ecommerce", "hr", "tpch", *HELD_OUT]), family=st.text(max_size=20))
def test_a_family_has_one_split_and_held_out_schemas_are_never_trained_on(schema: str, family: str) -> None:
    split = split_of(schema, family)
    assert split == split_of(schema, family)
    assert split == HELD_OUT.get(schema, split)
    assert schema not in HELD_OUT or split != "train"


def test_about_a_tenth_of_the_families_is_held_out_for_each_purpose() -> None:
    counts = Counter(split_of("ecommerce", f"family {number}") for number in range(5000))
    assert 0.08 < counts["test"] / 5000 < 0.12
    assert 0.08 < counts["validation"] / 5000 < 0.12


def test_ids_depend_on_query_schema_and_seed() -> None:
    ids = {task_id(f, s, n) for f in ("a", "b") for s in ("hr", "shop") for n in (0, 1)}
    assert len(ids) == 8 and all(len(one) == 16 for one in ids)


def test_queries_that_differ_in_constants_share_a_skeleton() -> None:
    drawn = [generator("hr").query(number, "filtered_rows") for number in range(40)]
    by_family: dict[str, set[str]] = {}
    for query in drawn:
        assert skeleton(query.tree) == query.family
        by_family.setdefault(query.family, set()).add(split_of("hr", query.family))
    assert all(len(splits) == 1 for splits in by_family.values())
