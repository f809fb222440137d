from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from querywright.errors import RunError
from querywright.runs.serialize import from_json, to_json
from querywright.values import Attempt, Candidate, Counterexample, Outcome, Query, Timing, Verdict

numbers = st.floats(allow_nan=False)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def tuples(elements: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(elements, max_size=2).map(tuple)


rows = tuples(tuples(scalars))
queries = st.builds(Query, bindings=tuples(tuples(st.tuples(st.text(), scalars))))
verdicts = st.builds(Verdict, counterexample=st.none() | st.builds(Counterexample, original_rows=rows, candidate_rows=rows))
timings = st.builds(Timing, ratio=numbers, low=numbers, high=numbers, floor=numbers, alpha=st.just(0.001))
attempts = st.builds(
    Attempt,
    candidate=st.builds(Candidate, query=queries),
    verdict=verdicts,
    timing=st.none() | timings,
    seconds=numbers,
)
outcomes = st.builds(
    Outcome,
    original=queries,
    best=st.none() | attempts,
    attempts=tuples(attempts),
    conditional=tuples(attempts),
    seconds=numbers,
)


def reject(constant: str) -> None:
    raise AssertionError(f"{constant} is not strict JSON")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(attempts | outcomes)
def test_values_come_back_as_they_went(value: Attempt | Outcome) -> None:
    text = to_json(value)
    assert "\n" not in text
    json.loads(text, parse_constant=reject)
    again = from_json(type(value), text)
    assert again == value
    assert repr(again) == repr(value)  # 1, 1.0 and True are equal but not the same


def test_infinity_is_a_number_again() -> None:
    timing = Timing((), (), 2.0, 0.0, inf, 0.05, inf, "screen", "d")
    assert from_json(Timing, to_json(timing)) == timing


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"sql": "SELECT 1"}', '{"sql": 1}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(RunError, match="Not a stored Query"):
        from_json(Query, text)
