"""The clock on a real database: shapes and stops, not times."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import pytest

from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Session
from querywright.errors import StatementError
from querywright.measure.clock import Clock
from querywright.values import Query

FAST = Query("SELECT sum(i) AS s FROM range(1000) AS r(i) WHERE i < $1", "duckdb", "f", ((("1", 10),), (("1", 20),)))
ENDLESS = Query("SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE a.range % 7 = b.range % 5", "duckdb", "e")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(Location("duckdb"), Limits(threads=1)) as opened:
        yield opened


def test_runs_are_taken_inside_the_worker(session: Session) -> None:
    timing = Clock(session, "memory").screen(FAST, FAST)
    assert all(run.wall_ns > 0 and run.peak_bytes > 1_000_000 for run in (*timing.original, *timing.candidate))
    assert len(timing.original) == len(timing.candidate)
    assert timing.low <= timing.ratio <= timing.high


def test_an_endless_original_is_stopped_and_the_session_lives_on(session: Session) -> None:
    once = Query("SELECT 1 AS n", "duckdb", "o")
    timing = Clock(session, "memory", limit_s=0.2).screen(ENDLESS, once)
    assert timing.censored == "original"
    assert timing.high == inf
    assert len(timing.candidate) == 5


def test_errors_of_a_candidate_pass_through(session: Session) -> None:
    broken = Query("SELECT error('no') AS n", "duckdb", "b")
    with pytest.raises(StatementError):
        Clock(session, "memory").screen(Query("SELECT 1 AS n", "duckdb", "o"), broken)
