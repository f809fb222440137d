"""Laws of the profiles of rewards."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tasks import STUFFING, T1

from querywright.gym.issues import detected
from querywright.gym.rewards import source, verified, work
from querywright.gym.rewards.driver import profiles
from querywright.gym.values import Examination, Reference
from querywright.gym.wire import Answer, Suggestion

PLAIN = Answer(optimized_query="SELECT 1")
WRONG = Examination("t", "SELECT 1", rows=7, speedup=50.0, visible_speedup=50.0, hidden_speedup=50.0)
EQUAL = Examination("t", "SELECT 1", match=True, grade="tested", rows=7)
UNCHANGED = replace(EQUAL, unchanged=True, speedup=1.0)
speedups = st.floats(1.0001, 1e6)
certified = st.floats(1.3, 200.0)


def test_there_are_three_profiles() -> None:
    assert list(profiles()) == ["source", "verified", "work"]


def test_wrong_answers_earn_nothing_whatever_else_they_say() -> None:
    assert verified.score(T1, STUFFING, WRONG).score == 0.0


def test_the_original_earns_the_floor_whatever_else_the_answer_says() -> None:
    assert verified.score(T1, STUFFING, UNCHANGED).score == verified.FLOOR
    assert verified.score(T1, PLAIN, replace(EQUAL, speedup=1.0)).score == verified.FLOOR


@given(st.floats(0.0, 0.9999))
def test_slower_answers_lie_strictly_between_wrong_and_unchanged(speedup: float) -> None:
    assert 0.0 < verified.score(T1, STUFFING, replace(EQUAL, speedup=speedup)).score < verified.FLOOR


@given(certified, st.floats(1.0, 50.0))
def test_the_certified_speedup_earns_nine_tenths(speedup: float, more: float) -> None:
    task = replace(T1, reference=Reference("SELECT 1", speedup, "tested"))
    assert verified.score(task, PLAIN, replace(EQUAL, speedup=speedup * more)).score >= 0.9


@given(certified, speedups, speedups)
def test_more_speed_never_earns_less_and_nothing_earns_more_than_one(reference: float, one: float, other: float) -> None:
    task = replace(T1, reference=Reference("SELECT 1", reference, "tested"))
    lower, higher = (verified.score(task, PLAIN, replace(EQUAL, speedup=speedup)).score for speedup in sorted((one, other)))
    assert verified.FLOOR <= lower <= higher <= 1.0
    assert verified.score(task, STUFFING, replace(EQUAL, speedup=max(one, other))).score <= 1.0


@given(certified)
def test_rewards_spread_up_to_the_most_that_counts(reference: float) -> None:
    gains = [1.01 * 1.5**power for power in range(12)]
    terms = [verified.speed_term(gain, max(1.25, reference**0.9)) for gain in gains if gain < verified.MOST_SPEEDUP]
    assert all(higher > lower for lower, higher in pairwise(terms))


@given(speedups)
def test_words_weigh_next_to_nothing(speedup: float) -> None:
    found = replace(EQUAL, speedup=speedup)
    assert abs(verified.score(T1, STUFFING, found).score - verified.score(T1, PLAIN, found).score) <= 0.031


@pytest.mark.parametrize("profile", ["source", "verified", "work"])
def test_masked_components_count_nothing(profile: str) -> None:
    module = profiles()[profile]
    found = replace(EQUAL, speedup=3.0, work=3.0)
    whole = module.score(T1, STUFFING, found)
    assert tuple(name for name, _ in whole.breakdown) == module.COMPONENTS
    assert whole.score == pytest.approx(sum(value for _, value in whole.breakdown))
    for component in module.COMPONENTS:
        masked = module.score(T1, STUFFING, found, frozenset({component}))
        assert masked.score == pytest.approx(whole.score - dict(whole.breakdown)[component])


def test_issues_count_by_precision_and_recall() -> None:
    labels = ("correlated_subquery", "select_star")

    def named(*names: str) -> Answer:
        return Answer(optimized_query="", suggestions=tuple(Suggestion(issue_type=name) for name in names))

    assert detected(labels, named("Correlated Subquery", "select-star")).f1 == 1.0
    assert detected(labels, named("select_star")).recall == 0.5
    assert detected(labels, named("select_star", "select_star")).precision == 1.0
    assert detected(labels, named("select_star", "cartesian", "cte", "join")).precision == 0.25
    assert detected(labels, named()).f1 == 0.0
    assert detected((), named()).f1 == 1.0
    stuffed = Answer(
        optimized_query="select_star", summary="select_star correlated_subquery", estimated_improvement="select_star"
    )
    assert detected(labels, stuffed).found == ()


def test_work_stands_in_for_speed() -> None:
    found = replace(EQUAL, speedup=9.0, work=2.0)
    assert work.score(T1, PLAIN, found).score == verified.score(T1, PLAIN, replace(found, speedup=2.0)).score
    assert work.score(T1, PLAIN, replace(found, work=1.0)).score == verified.FLOOR


@given(st.floats(1.001, 200.0), st.floats(1.0, 50.0), certified)
def test_the_rows_that_the_reference_saves_earn_nine_tenths(saved: float, more: float, speedup: float) -> None:
    task = replace(T1, reference=Reference("SELECT 1", speedup, "tested"))
    found = replace(EQUAL, work=saved * more, reference_work=saved)
    assert work.score(task, PLAIN, found).score >= 0.9
    assert work.score(task, PLAIN, replace(found, work=1.0)).score == verified.FLOOR
    assert work.score(task, PLAIN, replace(found, unchanged=True)).score == verified.FLOOR
    assert work.score(task, STUFFING, replace(found, match=False)).score == 0.0


@pytest.mark.parametrize(("counted", "saved"), [(None, None), (3.0, 1.0), (3.0, 0.7), (0.5, 0.7)])
def test_no_gain_is_counted_where_rows_tell_nothing(counted: float | None, saved: float | None) -> None:
    task = replace(T1, reference=Reference("SELECT 1", 5.0, "tested"))
    scored = work.score(task, STUFFING, replace(EQUAL, speedup=5.0, work=counted, reference_work=saved))
    assert scored.score == verified.FLOOR
    assert "no gain is counted" in scored.feedback


@pytest.mark.parametrize(
    ("speedup", "earned"),
    [(15, 0.35), (14.9, 0.30), (8, 0.30), (4, 0.25), (2, 0.18), (1.2, 0.10), (0.9, 0.04), (0.89, 0.0)],
)
def test_the_published_thresholds(speedup: float, earned: float) -> None:
    assert dict(source.score(T1, PLAIN, replace(EQUAL, speedup=speedup)).breakdown)["speedup"] == earned


def test_the_published_components() -> None:
    task = replace(T1, issues=("select_star", "non_sargable_cast"))
    full = Answer(
        optimized_query="SELECT 1",
        suggestions=(Suggestion(issue_type="select_star", severity="High"), Suggestion(issue_type="non_sargable_cast")),
        summary="x" * 121,
        approved=False,
    )
    assert dict(source.score(task, full, replace(EQUAL, speedup=20.0)).breakdown) == {
        "speedup": 0.35,
        "correctness": 0.20,
        "issue_detection": 0.25,
        "approval": 0.08,
        "summary": 0.07,
        "severity": 0.05,
    }
    wrong = dict(source.score(task, full, WRONG).breakdown)
    assert (wrong["speedup"], wrong["correctness"]) == (0.0, 0.05)
    assert source.score(task, full, replace(WRONG, rows=None)).score == pytest.approx(0.45)
    nothing = Answer(optimized_query="", suggestions=(Suggestion(issue_type="other"),), approved=True)
    assert source.score(task, nothing, replace(WRONG, rows=None)).score == 0.02
    assert dict(source.score(task, full.model_copy(update={"summary": "x" * 51}), EQUAL).breakdown)["summary"] == 0.03
