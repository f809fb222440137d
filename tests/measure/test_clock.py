"""The clock against a scripted session: what runs in which order, when it stops, and what it concludes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from math import inf
from random import Random

import pytest

from querywright.errors import ContractError, StatementTimeout
from querywright.measure.clock import COMPLETE_ROUNDS, DECISIVE, MOST_PAIRS, Clock, Side
from querywright.measure.decision import drowned, recommended
from querywright.values import Bindings, Query, Run, Timing

ORIGINAL = Query("SELECT 1", "duckdb", "o")
CANDIDATE = Query("SELECT 2", "duckdb", "c")


class Script:
    """A session whose times (seconds) come from a function of the SQL; a time past the limit is stopped there."""

    def __init__(self, seconds: Callable[[str, Bindings], float], memory: dict[str, int] | None = None) -> None:
        self.seconds, self.memory = seconds, memory or {}
        self.statements: list[str] = []

    def measure(self, sql: str, parameters: Bindings = (), *, limit_s: float | None = None) -> Run:
        self.statements.append(sql)
        seconds = self.seconds(sql, parameters)
        if limit_s is not None and seconds > limit_s:
            raise StatementTimeout(f"{sql} passed {limit_s} s")
        return Run(int(seconds * 1e9), int(seconds * 1e9), self.memory.get(sql, 100), 0)

    @property
    def order(self) -> str:
        return "".join("O" if sql == ORIGINAL.sql else "C" for sql in self.statements)


def constant(original: float, candidate: float, memory: dict[str, int] | None = None) -> Script:
    return Script(lambda sql, _: original if sql == ORIGINAL.sql else candidate, memory)


def noisy(original: float, candidate: float, seed: int) -> Script:
    random = Random(seed)

    def seconds(sql: str, _: Bindings) -> float:
        spike = random.paretovariate(1.5) if random.random() < 0.03 else 1.0
        return (original if sql == ORIGINAL.sql else candidate) * random.lognormvariate(0, 0.05) * spike

    return Script(seconds)


def confirm(session: Script, seconds: float = 0.0) -> Timing:
    return Clock(session, "test.duckdb", limit_s=100).confirm(ORIGINAL, CANDIDATE, seconds=seconds)


def test_screening_alternates_after_a_warm_up_of_each() -> None:
    session = constant(2.0, 1.0)
    watched: list[tuple[Side, int]] = []
    clock = Clock(session, "test.duckdb", watch=lambda side, run: watched.append((side, run.position)))
    timing = clock.screen(ORIGINAL, CANDIDATE)
    assert session.order == "OC" + "OCCOOCCOOC"
    assert [position for _, position in watched] == list(range(10))
    assert (timing.ratio, timing.phase, timing.database) == (2.0, "screen", "test.duckdb")
    assert (timing.original_ms, timing.candidate_ms) == (2000.0, 1000.0)
    assert not recommended(timing)


def test_a_baseline_spares_the_warm_up_of_the_original() -> None:
    session = constant(0.2, 0.1)
    clock = Clock(session, "test.duckdb")
    baseline = clock.baseline(ORIGINAL)
    assert session.order == "O" * 5
    assert (baseline.milliseconds, len(baseline.runs), baseline.stopped) == (200.0, 5, False)
    clock.screen(ORIGINAL, CANDIDATE, baseline)
    assert session.order == "O" * 5 + "C" + "OCCOOCCOOC"


def test_a_slow_original_is_timed_once_for_its_baseline() -> None:
    session = constant(20.0, 1.0)
    baseline = Clock(session, "test.duckdb").baseline(ORIGINAL)
    assert session.order == "O"
    assert (baseline.milliseconds, baseline.stopped) == (20_000.0, False)


def test_the_run_that_answered_is_the_baseline_of_a_slow_original_without_parameters() -> None:
    session = constant(20.0, 1.0)
    clock = Clock(session, "test.duckdb")
    known = Run(int(20e9), 0, 0, 0)
    assert clock.baseline(ORIGINAL, first=known).milliseconds == 20_000.0
    assert session.order == ""
    clock.baseline(ORIGINAL, first=Run(int(0.5e9), 0, 0, 0))
    clock.baseline(Query("SELECT 1", "duckdb", "o", ((("n", 1),), (("n", 2),))), first=known)
    assert session.order == "O" + "OO"


def test_screening_and_confirming_repeat_no_complete_run_of_an_original_far_behind() -> None:
    session = constant(40.0, 1.0)
    clock = Clock(session, "test.duckdb", limit_s=100)
    screened = clock.screen(ORIGINAL, CANDIDATE, clock.baseline(ORIGINAL))
    assert session.order == "O" + "C" + "OCCOOCCOOC"
    assert [run.wall_ns / 1e9 for run in screened.original] == [DECISIVE] * 5
    assert (screened.ratio, screened.low, screened.original_ms) == (40.0, DECISIVE, 40_000.0)
    session.statements.clear()
    timing = clock.confirm(ORIGINAL, CANDIDATE, screened=screened)
    assert session.order == "C" + "OCCO" * 7 + "OC"
    assert [run.wall_ns / 1e9 for run in timing.original[:3]] == [40.0, 40.0, DECISIVE]
    assert (timing.ratio, timing.low, timing.floor, timing.censored) == (40.0, DECISIVE, 1.0, None)
    assert recommended(timing)


def test_a_slow_original_far_behind_is_stopped_once_its_pair_is_decided() -> None:
    session = constant(40.0, 1.0)
    timing = confirm(session)
    assert session.order == "OC" + "OCCO" * 7 + "OC"
    assert [run.wall_ns / 1e9 for run in timing.original] == [40.0] * COMPLETE_ROUNDS + [DECISIVE] * (15 - COMPLETE_ROUNDS)
    assert (timing.ratio, timing.low, timing.censored) == (40.0, DECISIVE, None)
    assert recommended(timing)


def test_an_original_less_far_behind_always_runs_to_its_end() -> None:
    timing = confirm(constant(2 * DECISIVE - 0.5, 1.0))
    assert {run.wall_ns / 1e9 for run in timing.original} == {2 * DECISIVE - 0.5}


def test_a_hopeless_candidate_is_abandoned_after_the_first_pair() -> None:
    session = constant(1.0, 1.5)
    timing = Clock(session, "test.duckdb").screen(ORIGINAL, CANDIDATE)
    assert timing.abandoned
    assert session.order == "OCOC"
    assert timing.ratio == pytest.approx(1 / 1.5)


def test_a_candidate_that_loses_both_first_pairs_is_abandoned() -> None:
    session = constant(1.0, 1.1)
    timing = Clock(session, "test.duckdb").screen(ORIGINAL, CANDIDATE)
    assert timing.abandoned
    assert session.order == "OC" + "OCCO"


def test_a_slow_start_alone_is_not_hopeless() -> None:
    times = iter([1.0, 2.9, 1.0, 0.5, *[0.5, 1.0] * 4])
    session = Script(lambda *_: next(times))
    assert not Clock(session, "test.duckdb").screen(ORIGINAL, CANDIDATE).abandoned


def test_a_candidate_that_runs_away_is_stopped_at_a_multiple_of_the_original() -> None:
    session = constant(1.0, 1000.0)
    timing = Clock(session, "test.duckdb").screen(ORIGINAL, CANDIDATE)
    assert session.order == "OC"
    assert timing.censored == "candidate"
    assert timing.ratio == pytest.approx(1 / 3)
    assert timing.low == 0
    assert not recommended(timing)


def test_an_original_past_its_limit_gives_a_lower_bound() -> None:
    session = constant(1000.0, 5.0)
    clock = Clock(session, "test.duckdb", limit_s=60)
    baseline = clock.baseline(ORIGINAL)
    assert baseline.stopped
    assert baseline.milliseconds == 60_000
    timing = clock.screen(ORIGINAL, CANDIDATE, baseline)
    assert session.order == "O" + "C" * 6
    assert (timing.censored, timing.ratio, timing.low, timing.high) == ("original", 12.0, 12.0, inf)
    confirmed = clock.confirm(ORIGINAL, CANDIDATE)
    assert not recommended(confirmed)
    assert recommended(confirmed, accept_timeout=True)


def test_two_queries_past_the_limit_are_not_compared() -> None:
    timing = Clock(constant(1000.0, 1000.0), "test.duckdb").confirm(ORIGINAL, CANDIDATE)
    assert (timing.censored, timing.low, timing.high) == ("original", 0.0, inf)
    assert not recommended(timing, accept_timeout=True)


def test_confirmation_turns_the_order_from_pair_to_pair() -> None:
    session = constant(2.0, 1.0)
    timing = confirm(session)
    assert session.order == "OC" + "OCCO" * 7 + "OC"
    assert [run.position for run in timing.original[:4]] == [0, 3, 4, 7]
    assert [run.position for run in timing.candidate[:4]] == [1, 2, 5, 6]
    assert (timing.ratio, timing.low, timing.floor, timing.alpha) == (2.0, 2.0, 1.0, 0.0005)
    assert recommended(timing)


def test_a_gain_within_the_noise_of_the_original_is_drowned() -> None:
    times = cycle([1.0, 4.0])
    restless = confirm(Script(lambda sql, _: next(times) if sql == ORIGINAL.sql else 0.5))
    assert drowned(restless) and not recommended(restless)
    for still in (
        constant(2.0, 1.0),
        constant(1.0, 1.0),
        constant(1.0, 2.0),
        constant(1.0, 0.9, {ORIGINAL.sql: 1, CANDIDATE.sql: 99}),
    ):
        assert not drowned(confirm(still))


def test_fast_queries_get_more_pairs_within_the_seconds_allowed() -> None:
    assert len(confirm(constant(0.001, 0.0005), seconds=10).candidate) == MOST_PAIRS
    assert len(confirm(constant(1.0, 0.5), seconds=60).candidate) == 40


def test_a_clear_gain_takes_fewer_seconds_to_confirm_than_a_doubtful_one() -> None:
    pairs = []
    for ratio in (1.2, 2.0):
        clock = Clock(constant(0.1, 0.1 / ratio), "test.duckdb")
        pairs.append(len(clock.confirm(ORIGINAL, CANDIDATE, screened=clock.screen(ORIGINAL, CANDIDATE)).candidate))
    assert pairs == [54, 40]


@pytest.mark.parametrize("seed", range(30))
def test_a_query_against_itself_is_never_recommended(seed: int) -> None:
    assert not recommended(confirm(noisy(1.0, 1.0, seed)))


def test_a_gain_is_recommended_through_noise_and_a_small_one_is_not() -> None:
    gains = [confirm(noisy(1.0, 0.6, seed), seconds=60) for seed in range(10)]
    assert all(recommended(timing) for timing in gains)
    assert not any(recommended(confirm(constant(1.04, 1.0))) for _ in range(3))


def test_confirmation_stops_once_no_recommendation_can_come_of_it() -> None:
    session = constant(1.0, 1.0)
    timing = confirm(session)
    assert timing.abandoned
    assert session.order == "OC" + "OCCO"
    assert not recommended(timing)


def test_a_ratio_within_the_noise_of_the_original_is_not_recommended() -> None:
    """The original takes 1.0 and 1.3 by turns; the candidate's 0.9 is no gain beyond that."""
    turns = iter([1.0, 1.3] * 100)
    session = Script(lambda sql, _: next(turns) if sql == ORIGINAL.sql else 0.9)
    timing = confirm(session)
    assert timing.floor == pytest.approx(1.3)
    assert not recommended(timing)


def test_a_gain_bought_with_memory_is_not_recommended() -> None:
    assert recommended(confirm(constant(2.0, 1.0, {ORIGINAL.sql: 100, CANDIDATE.sql: 400})))
    assert not recommended(confirm(constant(2.0, 1.0, {ORIGINAL.sql: 100, CANDIDATE.sql: 401})))


def test_all_sets_of_parameters_count_in_each_round() -> None:
    bindings: tuple[Bindings, ...] = ((("1", 1),), (("1", 2),))
    original = Query("SELECT $1", "duckdb", "o", bindings)
    session = Script(lambda sql, values: float(str(values[0][1])) * (2 if sql == original.sql else 1))
    timing = Clock(session, "test.duckdb").screen(original, CANDIDATE)
    assert timing.candidate[0].wall_ns == 3_000_000_000
    assert timing.original[0].wall_ns == 6_000_000_000
    assert timing.ratio == 2.0


def test_the_limit_holds_for_all_sets_of_parameters_together() -> None:
    original = Query("SELECT $1", "duckdb", "o", tuple((("1", n),) for n in range(4)))
    baseline = Clock(Script(lambda *_: 4.0), "test.duckdb", limit_s=10).baseline(original)
    assert baseline.stopped
    assert baseline.milliseconds == 10_000


def test_different_numbers_of_parameter_sets_are_refused() -> None:
    other = Query("SELECT $1", "duckdb", "c", ((("1", 1),),))
    with pytest.raises(ContractError):
        Clock(constant(1, 1), "test.duckdb").screen(ORIGINAL, other)


def test_one_outlier_does_not_end_a_candidate() -> None:
    """After the warm-up both sides have the same limit, so that no side's outliers are cut alone."""
    times = iter([0.5, 0.5, 40.0, *[0.5] * 100])
    session = Script(lambda sql, _: 1.0 if sql == ORIGINAL.sql else next(times))
    timing = confirm(session)
    assert timing.censored is None
    assert recommended(timing)
