"""What the examiner finds of honest answers, for several clients at once, and after it lost its worker process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from small_tasks import REWRITES, T1, T2, T4, T5, reward, task

from querywright.errors import QueryError
from querywright.gym.examiner import Examiner
from querywright.gym.rewards.verified import FLOOR
from querywright.gym.values import Reference, Task

HONEST = {"basic_antipatterns": T1, "correlated_subqueries": T2, "implicit_join": T4}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_rewrite_is_equal(examiner: Examiner, name: str) -> None:
    of = HONEST[name]
    found = examiner.examine(of, REWRITES[name])
    assert found.match, found
    assert found.grade in ("proved", "bounded", "tested")
    assert found.rows == found.original_rows > 0
    assert found.speedup > 0
    assert 0 < reward(of, found).score <= 1
    assert found.speedup <= max(found.visible_speedup, 1.0)


def test_the_certified_reference_earns_what_it_is_certified_for(examiner: Examiner) -> None:
    of = task("certified", T2.sql, Reference(REWRITES["correlated_subqueries"], 3.0, "tested", ("decorrelate_top_row",)))
    found = examiner.examine(of, REWRITES["correlated_subqueries"].replace("per_customer", "sums").replace("\n", "\n   "))
    assert found.match
    assert found.speedup >= 3.0
    assert found.transforms == ("decorrelate_top_row",)
    assert reward(of, found).score >= 0.9


def test_the_same_text_is_answered_from_memory(examiner: Examiner) -> None:
    sql = f"SELECT a.* FROM ({T1.sql}) AS a"
    first, again = examiner.examine(T1, sql), examiner.examine(T1, f"\n{sql} ")
    assert (first.cached, again.cached) == (False, True)
    assert replace(again, cached=False) == first


def test_another_numbering_of_ties_is_not_accepted(examiner: Examiner) -> None:
    """The original numbers rows by date and id; what leaves the id out may number them in another way, and does on other data."""
    found = examiner.examine(T5, T5.sql.replace("occurred_at DESC, id DESC", "occurred_at DESC, id"))
    assert not found.match
    assert reward(T5, found).score == 0.0


def test_an_original_without_a_unique_answer_accepts_nothing_but_itself(examiner: Examiner) -> None:
    ambiguous = task("ambiguous", "SELECT id, ROW_NUMBER() OVER (ORDER BY occurred_at) AS position FROM events")
    assert examiner.examine(ambiguous, ambiguous.sql + " ").unchanged
    other = "SELECT id, ROW_NUMBER() OVER (ORDER BY occurred_at, id DESC) AS position FROM events"
    assert not examiner.examine(ambiguous, other).match


def test_literals_from_nowhere_need_a_proof(examiner: Examiner) -> None:
    found = examiner.examine(T1, REWRITES["basic_antipatterns"] + " AND id <> 123456789")
    assert not found.match
    assert "123456789" in found.reason


def test_arithmetic_in_place_of_a_join_fails_on_hidden_data(examiner: Examiner) -> None:
    of = task("regions", "SELECT u.plan, COUNT(*) AS n FROM users u, orders o WHERE u.id = o.customer_id GROUP BY u.plan")
    arithmetic = (
        "SELECT CASE customer_id % 2 WHEN 0 THEN 'premium' ELSE 'basic' END AS plan, COUNT(*) AS n FROM orders GROUP BY 1"
    )
    found = examiner.examine(of, arithmetic)
    assert not found.match
    assert found.reason in ("The result differs on hidden data.", "The rows differ.")
    assert "varied" not in found.reason


def test_the_work_of_plans_is_counted_where_it_is_asked_for(examiner: Examiner) -> None:
    of = task("totals", "SELECT (SELECT MAX(total) FROM orders) AS m, (SELECT MIN(total) FROM orders) AS n FROM products LIMIT 1")
    assert examiner.examine(T1, REWRITES["basic_antipatterns"]).work is None
    first = examiner.examine(T2, REWRITES["correlated_subqueries"], work=True)
    assert first.work is not None
    assert first.work > 1
    assert examiner.examine(of, of.sql + ";", work=True).work == 1.0


def test_plans_are_shown_of_what_may_run(examiner: Examiner) -> None:
    assert "orders" in examiner.explain(T1, T1.sql)
    assert examiner.explain(T1, "SELECT * FROM read_csv('/etc/passwd')") == ""


def test_clients_side_by_side_get_the_verdicts_of_their_own_tasks(examiner: Examiner) -> None:
    """H23, H24."""

    def play(client: int) -> list[tuple[Task, bool, int]]:
        chosen = list(HONEST.items())
        turns = [chosen[(client + turn) % 3] for turn in range(3)]
        found = [(of, examiner.examine(of, f"SELECT c{client}.* FROM ({REWRITES[name]}) AS c{client}")) for name, of in turns]
        return [(of, one.match and one.task == of.id, one.original_rows) for of, one in found]

    with ThreadPoolExecutor(4) as clients:
        outcomes = [outcome for played in clients.map(play, range(4)) for outcome in played]
    assert all(right for _, right, _ in outcomes)
    assert len({(of.id, rows) for of, _, rows in outcomes}) == 3


def test_a_killed_worker_is_replaced_and_nobody_is_blamed() -> None:
    small = task("killed", "SELECT COUNT(*) AS n FROM users")
    with Examiner(threads=1, witnesses=6) as own:
        assert own.examine(small, "SELECT COUNT(u.id) AS n FROM users u WHERE u.id IS NOT NULL").rows == 1
        for host in own._hosts:
            host.kill()
        assert own.examine(small, "SELECT COUNT(*) AS n FROM users u WHERE TRUE").match
        assert own.examine(small, "SELECT COUNT(*) AS n FROM users u WHERE 1 = 1").match


def test_no_more_tasks_stay_open_than_allowed() -> None:
    tables = ("users", "orders", "products")
    few = [task(name, f"SELECT COUNT(*) AS n FROM {name}") for name in tables]
    with Examiner(threads=1, witnesses=6, open_tasks=2) as own:
        for _ in range(2):
            for one, name in zip(few, tables, strict=True):
                assert own.examine(one, f"SELECT COUNT(*) AS n FROM {name} AS t{len(own._verdicts)} WHERE TRUE").match
        assert len(own._tasks) == 2


def test_a_task_that_cannot_be_judged_is_refused() -> None:
    with Examiner(threads=1) as own, pytest.raises(QueryError):
        own.prepare(task("random", "SELECT id, random() AS r FROM users"))


def test_the_floor_is_what_noise_earns(examiner: Examiner) -> None:
    """Whatever the clock says, an answer within the noise earns the floor, and one outside is bounded by its measured speed."""
    found = examiner.examine(T4, f"SELECT b.* FROM ({T4.sql}) AS b")
    assert found.match
    score = reward(T4, found).score
    assert score == FLOOR if found.speedup == 1.0 else score != FLOOR


def test_a_task_that_is_expected_is_open_when_its_answer_comes() -> None:
    small = task("expected", "SELECT COUNT(*) AS n FROM users")
    with Examiner(threads=1, witnesses=6) as own:
        own.expect(small)
        assert own.examine(small, small.sql).unchanged
        opened = own._tasks[small.id]
        own.expect(small)
        own._expected.close()  # waits for what was begun
        assert own._tasks[small.id] is opened


def test_what_is_expected_closes_no_task_in_use() -> None:
    first, second = (task(name, f"SELECT COUNT(*) AS n FROM {name}") for name in ("users", "products"))
    with Examiner(threads=1, witnesses=6, open_tasks=1) as own:
        own.prepare(first)
        own._prepare_expected(second)
        assert list(own._tasks) == [first.id]
        own._tasks[first.id].used -= 3600
        own._prepare_expected(second)
        assert list(own._tasks) == [second.id]
        own._tasks[second.id].used -= 3600
        own._prepare_expected(replace(first, id="broken", sql="SELECT nothing"))  # its answers will tell
