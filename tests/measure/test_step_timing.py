"""The few runs of a step of an environment, against a scripted session: what runs again, and which ratio counts."""

from __future__ import annotations

import pytest

from querywright.errors import StatementTimeout
from querywright.measure.clock import LEAST_BAND, WIDEST_BAND, Clock, beyond_noise, drifted, noise_band
from querywright.measure.decision import recommended
from querywright.values import Bindings, Query, Run, Timing

ORIGINAL = Query("SELECT 1", "duckdb", "o")
CANDIDATE = Query("SELECT 2", "duckdb", "c")


def run(seconds: float) -> Run:
    return Run(int(seconds * 1e9), 0, 100, 0)


class Script:
    """Gives out the scripted seconds of each side in turn; the last ones again and again."""

    def __init__(self, original: list[float], candidate: list[float]) -> None:
        self.left = {ORIGINAL.sql: original, CANDIDATE.sql: candidate}
        self.order = ""

    def measure(self, sql: str, parameters: Bindings = (), *, limit_s: float | None = None) -> Run:
        self.order += "O" if sql == ORIGINAL.sql else "C"
        seconds = self.left[sql].pop(0) if len(self.left[sql]) > 1 else self.left[sql][0]
        if limit_s is not None and seconds > limit_s:
            raise StatementTimeout("too long")
        return run(seconds)


def step(script: Script, known: list[float], first: float, band: float = 1.1) -> Timing:
    clock = Clock(script, "test.duckdb", limit_s=10.0)
    return clock.step(ORIGINAL, CANDIDATE, [run(one) for one in known], run(first), band)


def test_fast_queries_run_in_three_more_pairs() -> None:
    script = Script([0.03, 0.02, 0.025], [0.01, 0.011, 0.04])
    timing = step(script, [0.02], 0.01)
    assert script.order == "OCCOOC"
    assert (timing.ratio, timing.original_ms, timing.candidate_ms) == (2.0, 20.0, 10.0)
    assert (timing.phase, timing.floor, timing.database) == ("step", 1.1, "test.duckdb")
    assert not recommended(timing)


def test_a_clear_loser_is_not_run_again() -> None:
    script = Script([1.0], [1.0])
    timing = step(script, [0.02, 0.021], 0.05)
    assert (script.order, timing.ratio, timing.abandoned) == ("", 0.4, True)


@pytest.mark.parametrize("first", [1.0, 0.95, 1.2, 0.5, 0.1])
def test_a_slow_query_whose_first_run_is_decisive_is_not_run_again(first: float) -> None:
    script = Script([9.0], [9.0])
    timing = step(script, [1.1, 1.0, 1.05], first)
    assert (script.order, timing.ratio) == ("", pytest.approx(1.0 / first))


def test_a_slow_query_that_seems_a_little_faster_has_to_show_it_again() -> None:
    script = Script([1.0], [1.0])
    timing = step(script, [1.0], 0.8)
    assert (script.order, timing.ratio) == ("OC", 1.0)


def test_runs_of_a_quieter_or_busier_machine_are_not_compared() -> None:
    clock = Clock(script := Script([2.0], [2.1]), "test.duckdb", limit_s=10.0)
    known = [Run(int(1e9), int(1e9), 100, 0)]
    timing = clock.step(ORIGINAL, CANDIDATE, known, Run(int(3e9), int(1.05e9), 100, 0), 1.1)
    assert (script.order, timing.ratio) == ("OC", pytest.approx(2.0 / 2.1))
    assert drifted(known, Run(int(3e9), int(1e9), 100, 0))
    assert not drifted(known, Run(int(3e9), int(2.9e9), 100, 0))


@pytest.mark.parametrize(
    ("seconds", "cpu", "counts"),
    [(0.5, 0.5, 2.0), (0.95, 0.5, 1.0), (0.5, 0.98, 1.0), (2.0, 2.0, 0.5), (2.0, 1.05, 1.0), (0.5, 0.0, 2.0)],
)
def test_what_counts_shows_by_the_clock_and_in_processor_time(seconds: float, cpu: float, counts: float) -> None:
    clock = Clock(Script([1.0], [1.0]), "test.duckdb")
    timing = clock.fastest([run_of(1.0, 1.0)], [run_of(seconds, cpu)], 1.1)
    assert beyond_noise(timing) == pytest.approx(counts)


def run_of(seconds: float, cpu: float) -> Run:
    return Run(int(seconds * 1e9), int(cpu * 1e9), 100, 0)


def test_a_candidate_that_hits_the_limit_gains_nothing() -> None:
    timing = step(Script([0.02], [11.0]), [0.02], 0.01)
    assert (timing.ratio, timing.censored) == (0.0, "candidate")


def test_the_band_is_as_wide_as_the_noise_within_bounds() -> None:
    assert noise_band([run(1.0), run(1.01), run(3.0)]) == LEAST_BAND
    assert noise_band([run(1.0), run(1.3), run(1.25)]) == pytest.approx(1.25)
    assert noise_band([run(1.0), run(9.0)]) == WIDEST_BAND
    assert noise_band([run(1.0)]) == LEAST_BAND
