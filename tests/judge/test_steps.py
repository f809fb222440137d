"""The judge of steps: what it times again, and how often."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from querywright.databases.opening import open_database
from querywright.engines.session import Host, Session
from querywright.judge import Bench
from querywright.judge.steps import _RECHECKED_AFTER, StepCase, judge_step, open_step_case
from querywright.measure.clock import STEP_PAIRS, Clock
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.values import Candidate, Query, Run, Timing
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

SQL = "SELECT kind AS kind, COUNT(*) AS n FROM events GROUP BY kind"
EQUAL = "SELECT e.kind AS kind, COUNT(*) AS n FROM events AS e GROUP BY e.kind"


@pytest.fixture
def case(tmp_path: Path) -> Iterator[StepCase]:
    path = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, kind INTEGER)")
        connection.executemany("INSERT INTO events VALUES (?, ?)", [(number, number % 7) for number in range(200)])
        connection.commit()
    database = open_database(str(path))
    query = Query(SQL, "sqlite", fingerprint(qualify_text(SQL, database.schema, "sqlite"), "sqlite"))
    with Host() as host, Session(database.location, host=host) as session:
        scratch = Scratch("sqlite", 1, (host,))
        verifier = Verifier(query, database.schema, "sqlite", databases=8, mutation_s=0.0, aimed=0, scratch=(scratch, scratch))
        with open_step_case(verifier, Bench(database, session), None, (), 5.0) as opened:
            yield opened
        scratch.close()


def candidate(case: StepCase) -> Candidate:
    return Candidate(Query(EQUAL, "sqlite", "1" * 16), case.query.fingerprint)


@dataclass(frozen=True)
class Told(Clock):
    """Gives out the ratios that it was told, one a call."""

    ratios: list[float] = field(default_factory=list)

    def step(
        self, original: Query, candidate: Query, known: Sequence[Run], first: Run, band: float, pairs: range = STEP_PAIRS
    ) -> Timing:
        return self.fastest([run(self.ratios.pop(0))], [run(1.0)], band)


def run(milliseconds: float) -> Run:
    return Run(round(milliseconds * 1e6), 0, 0, 0)


@pytest.mark.parametrize(
    ("told", "counted", "left"),
    [
        ([1.24, 1.0], 1.0, 0),
        ([1.24, 1.4], 1.24, 0),
        ([1.24, 0.9], 0.9, 0),
        ([1.6, 9.0], 1.6, 1),
        ([1.05, 9.0], 1.05, 1),
        ([0.7, 9.0], 0.7, 1),
    ],
)
def test_a_small_gain_must_show_twice(case: StepCase, told: list[float], counted: float, left: int) -> None:
    case.known[:] = [run(1.0), run(1.0)]  # which differ by no noise
    case.clock = Told(case.clock.session, case.clock.database, ratios=told)
    attempt = judge_step(case, candidate(case)).attempt
    assert attempt.timing is not None
    assert attempt.timing.ratio == pytest.approx(counted)
    assert len(told) == left


def test_nothing_is_timed_where_only_the_verdict_is_asked_for(case: StepCase) -> None:
    case.clock = Told(case.clock.session, case.clock.database)
    assert judge_step(case, candidate(case), timed=False).attempt.timing is None


def test_the_original_is_timed_again_after_some_steps(case: StepCase) -> None:
    case.clock = Told(case.clock.session, case.clock.database, ratios=[1.0] * 2 * _RECHECKED_AFTER)
    changed = []
    for step in range(1, 2 * _RECHECKED_AFTER + 1):
        latest = case.known[-1]
        judge_step(case, candidate(case))
        if case.known[-1] is not latest:
            changed.append(step)
    assert changed == [_RECHECKED_AFTER, 2 * _RECHECKED_AFTER]
