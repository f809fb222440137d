"""One certified task of each engine, on the smallest data there is, examined and rewarded for real."""

from __future__ import annotations

import pytest
from small_tasks import reward, task

from querywright.databases.specification import workload_instance
from querywright.gym.examiner import Examiner
from querywright.gym.rewards.verified import FLOOR
from querywright.gym.tasks import certified
from querywright.gym.values import Reference, Task


def smallest(engine: str) -> Task:
    """The certified task on the fewest rows."""

    def rows(one: Task) -> int:
        chosen = workload_instance(one.database)
        assert chosen is not None
        return int(chosen.parameters.get("rows", 10**9))

    return min((one for one in certified.load() if one.dialect == engine), key=rows)


@pytest.fixture(params=["duckdb", "sqlite"])
def of(request: pytest.FixtureRequest) -> Task:
    return smallest(request.param)


def test_rewards_of_a_certified_task(examiner: Examiner, of: Task) -> None:
    assert of.reference is not None
    found = examiner.examine(of, of.reference.sql)
    assert found.match, found
    assert reward(of, found).score >= 0.9
    wrong = examiner.examine(of, f"SELECT r.* FROM ({of.reference.sql}) AS r LIMIT 0")
    assert not wrong.match
    assert reward(of, wrong).score == 0.0
    unchanged = examiner.examine(of, f"-- the same\n{of.sql};")
    assert unchanged.unchanged
    assert reward(of, unchanged).score == 0.05


def test_rewards_of_a_certified_task_by_rows(examiner: Examiner) -> None:
    of = smallest("duckdb")
    assert of.reference is not None
    again = f"SELECT r.* FROM ({of.reference.sql}) AS r"
    found, wrapped = examiner.examine(of, of.reference.sql, work=True), examiner.examine(of, again, work=True)
    assert found.reference_work is not None and found.reference_work > 1
    assert found.work == found.reference_work == wrapped.reference_work
    assert wrapped.work == pytest.approx(found.work, rel=0.2)  # the wrapping may add an operator
    assert reward(of, found, "work").score >= 0.9
    assert reward(of, examiner.examine(of, of.sql, work=True), "work").score == 0.05


def test_rows_tell_nothing_where_plans_hold_none(examiner: Examiner) -> None:
    totals = "SELECT customer_id AS id, MAX(total) AS m FROM orders GROUP BY customer_id"
    reference = Reference(totals, 3.0, "tested")
    slow = totals.replace("customer_id AS id", "customer_id + 0 AS id")
    of = task("plans of SQLite", slow, reference, engine="sqlite")
    for sql in (totals, slow):
        found = examiner.examine(of, sql, work=True)
        assert found.match
        assert (found.work, found.reference_work) == (None, None)
        assert reward(of, found, "work").score == FLOOR
    assert "no gain is counted" in reward(of, examiner.examine(of, totals, work=True), "work").feedback
