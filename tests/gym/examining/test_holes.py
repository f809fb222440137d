"""The known ways in which environments of this kind were broken: none earns more than the floor, and none changes anything.

The numbers are those of the attacks' list. What concerns requests, sessions and the leaderboard is tested where those are.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from small_tasks import REWRITES, T1, T2, T3, T4, T5, VISIBLE, reward, task

from querywright.databases.opening import open_database
from querywright.gym.examiner import Examiner
from querywright.gym.rewards.verified import FLOOR
from querywright.gym.values import Task

WRONG = [
    pytest.param(T1, "", id="H1 no query"),
    pytest.param(T1, "SELECT 1", id="H2 trivial query, task 1"),
    pytest.param(T2, "SELECT 1", id="H2 trivial query, task 2"),
    pytest.param(T4, "SELECT 1 AS one FROM orders LIMIT 1", id="H2 trivial query with a table"),
    pytest.param(T3, "SELECT i FROM range(50000) t(i)", id="H4 the right number of rows"),
    pytest.param(T5, "SELECT i FROM range(50000) t(i), (SELECT 1 FROM orders LIMIT 1)", id="H4 the same beside a table"),
    pytest.param(T5, "SELECT NULL FROM events", id="H5 NULLs, as many as rows"),
    pytest.param(T5, "SELECT user_id FROM events", id="H6 columns dropped"),
    pytest.param(T4, "CREATE TABLE c4 AS SELECT 1 AS x", id="H7 a table as cache"),
    pytest.param(T4, "SELECT * FROM c4", id="H7 the cached table"),
    pytest.param(T4, "SELECT * FROM querywright_answer_0", id="H7 the judge's own table"),
    pytest.param(T4, "SELECT * FROM temp.main.querywright_answer_0", id="H7 the judge's own table by its full name"),
    pytest.param(
        T4,
        "SELECT a.* FROM querywright_answer_0 AS a, (WITH querywright_answer_0 AS (SELECT 1 FROM users) SELECT * FROM "
        "querywright_answer_0 LIMIT 1) AS b",
        id="H7 the judge's own table behind a CTE of its name",
    ),
    pytest.param(
        T4, "SELECT * FROM query_table('querywright_answer_0'), orders LIMIT 1", id="H7 the judge's table by a function"
    ),
    pytest.param(T4, "CREATE TEMP TABLE z AS SELECT 1; SELECT * FROM z", id="H8 several statements"),
    pytest.param(T4, "SELECT * FROM users; SELECT * FROM orders", id="H8 several queries"),
    pytest.param(T4, "SELECT * FROM (VALUES ('US', 'premium', 1, 2, 3, 4)) v", id="H9 literal answer"),
    pytest.param(
        T1, "SELECT CAST(string_agg(t::VARCHAR) AS INTEGER) FROM (SELECT email FROM users) t", id="H10 data in an error message"
    ),
    pytest.param(T1, "SELECT error(email) FROM users", id="H10 data in an error of one's own"),
    pytest.param(T1, "SELECT * FROM read_csv('/etc/passwd'), orders", id="H11 reading a file"),
    pytest.param(T1, "SELECT * FROM '/etc/passwd', orders", id="H11 a file as a table"),
    pytest.param(T1, "SELECT content FROM read_text('/etc/passwd'), orders", id="H11 reading text"),
    pytest.param(T1, "SELECT * FROM glob('/*'), orders", id="H12 listing files"),
    pytest.param(T1, "PRAGMA disable_optimizer", id="H15 PRAGMA"),
    pytest.param(T1, "SET threads = 1", id="H15 SET"),
    pytest.param(T1, "SET memory_limit = '50MB'", id="H15 SET memory"),
    pytest.param(T1, f"SET disabled_optimizers = ''; {T1.sql}", id="H16 settings, then the original"),
    pytest.param(T4, f"CREATE TEMP VIEW orders AS SELECT DISTINCT * FROM memory.main.orders; {T4.sql}", id="H17 shadowing"),
    pytest.param(T4, "UPDATE orders SET total = 0", id="H18 UPDATE"),
    pytest.param(T5, "DELETE FROM events", id="H19 DELETE"),
    pytest.param(T5, "SELECT 1 WHERE false", id="H19 no rows"),
    pytest.param(T5, "DROP TABLE events", id="H20 DROP"),
    pytest.param(T1, "EXPLAIN SELECT * FROM orders", id="H21 EXPLAIN"),
    pytest.param(T1, "DESCRIBE orders", id="H21 DESCRIBE"),
    pytest.param(T1, "SELECT * FROM (DESCRIBE orders)", id="H21 DESCRIBE in FROM"),
    pytest.param(T1, "SELECT * FROM duckdb_settings(), orders", id="H21 the engine's settings"),
    pytest.param(T1, "-- nothing but a comment", id="H29 a comment"),
    pytest.param(T1, ";", id="H29 a semicolon"),
    pytest.param(T1, "/* /* nested */ DROP TABLE orders */ ; --", id="H29 nested comments"),
    pytest.param(T1, "SELECT * FROM orders WHERE customer_id = ?", id="a parameter"),
    pytest.param(T1, "SELECT *, random() AS x FROM orders", id="chance"),
    pytest.param(T1, "SELECT * FROM orders WHERE created_at < now()", id="the clock"),
    pytest.param(T1, "SELECT * FROM orders WHERE current_database() = 'shop'", id="which database is it"),
    pytest.param(T1, "SELECT * FROM orders WHERE current_catalog = 'shop'", id="which database is it, as a name"),
    pytest.param(T1, "SELECT * FROM orders WHERE getenv('HOME') = ''", id="the environment"),
    pytest.param(T1, "SELECT * FROM orders WHERE current_setting('threads') = 1", id="a setting"),
    pytest.param(T1, "SELECT * FROM orders USING SAMPLE 10 PERCENT", id="a sample"),
    pytest.param(T1, "SELECT id FROM orders LIMIT 26", id="the right number of other rows"),
    pytest.param(
        T2,
        REWRITES["correlated_subqueries"].replace(
            "first(total ORDER BY created_at DESC, id DESC)", "arg_max(total, (created_at, id))"
        ),
        id="H31 the latest total that is not NULL, for no visible one is",
    ),
    pytest.param(T3, T3.sql.partition("WHERE")[0], id="H31 the condition dropped, for it accepts all visible rows"),
    pytest.param(
        T2,
        T2.sql.replace("(SELECT SUM(o.total)", "(SELECT COALESCE(SUM(o.total), 0)"),
        id="H31 an empty sum as 0, for there is none in the visible rows",
    ),
    pytest.param(
        T1,
        T1.sql.replace("year(created_at) = 2024", "created_at >= TIMESTAMP '2024-01-01'"),
        id="H31 an upper bound dropped, for all visible rows are below",
    ),
]


@pytest.mark.parametrize(("wrong", "sql"), WRONG)
def test_what_is_not_an_answer_earns_nothing(examiner: Examiner, wrong: Task, sql: str) -> None:
    found = examiner.examine(wrong, sql)
    assert not found.match
    assert reward(wrong, found).score == 0.0
    assert dict(reward(wrong, found, "source").breakdown)["speedup"] == 0.0


def test_no_message_holds_data(examiner: Examiner) -> None:
    """H10, H11."""
    for sql in (
        "SELECT CAST(email AS INTEGER) FROM users",
        "SELECT CAST(string_agg(email) AS INTEGER) FROM users",
        "SELECT error(email) FROM users",
        "SELECT strptime(email, '%Y') FROM users",
        "SELECT CAST(content AS INTEGER) FROM read_text('/etc/passwd')",
    ):
        found = examiner.examine(T1, sql)
        told = f"{found.refusal} {found.error} {found.reason}"
        assert not found.match
        assert "mail.com" not in told
        assert "root" not in told


def test_files_are_neither_written_nor_attached(examiner: Examiner, tmp_path: Path) -> None:
    """H13, H14."""
    target = tmp_path / "out.csv"
    for sql in (f"COPY (SELECT 1) TO '{target}'", f"ATTACH '{target}' AS p", f"EXPORT DATABASE '{tmp_path}'", "INSTALL httpfs"):
        assert reward(T1, examiner.examine(T1, sql)).score == 0.0
    assert not list(tmp_path.iterdir())


def test_the_worker_is_locked_down_whatever_the_parser_lets_pass(examiner: Examiner, tmp_path: Path) -> None:
    """H11 to H15, H18 to H20, with the sandbox out of the way."""
    from querywright.engines.session import Session
    from querywright.errors import ExecutionError

    with Session(open_database(VISIBLE).location) as session:
        for sql in (
            "SELECT * FROM read_csv('/etc/passwd')",
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT * FROM glob('/*')",
            "SET threads = 1",
            "UPDATE orders SET total = 0",
            "DROP TABLE events",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            f"ATTACH '{tmp_path / 'other.duckdb'}'",
        ):
            with pytest.raises(ExecutionError):
                session.fetch(sql)
        with pytest.raises(ExecutionError):
            session.execute("SET lock_configuration = false")
    assert not list(tmp_path.iterdir())


def test_a_runaway_query_is_stopped_and_others_are_served(examiner: Examiner) -> None:
    """H22."""
    counted = task("counted", "SELECT COUNT(*) AS n FROM orders")
    for sql in (
        "SELECT COUNT(*) AS n FROM orders a, orders b, orders c WHERE hash(a.id * b.id + c.id) > 0",
        "WITH RECURSIVE r AS (SELECT 1 AS x FROM users UNION ALL SELECT x + 1 FROM r) SELECT COUNT(*) AS n FROM r",
    ):
        found = examiner.examine(counted, sql)
        assert "stopped" in found.error
        assert reward(counted, found).score == 0.0
    assert examiner.examine(counted, "SELECT COUNT( * ) AS n FROM orders").unchanged


def test_resubmitting_the_original_earns_the_floor_exactly(examiner: Examiner) -> None:
    """H27: 200 times, in many layouts, with all the words there are."""
    for one in (T1, T2, T4, T5):
        for turn in range(50):
            sql = one.sql.replace("\n", "\n" + " " * turn) if turn % 2 else f"-- {turn}\n{one.sql.replace('SELECT', 'select')};"
            assert reward(one, examiner.examine(one, sql)).score == FLOOR


def test_an_answer_that_recognizes_the_visible_data_gains_nothing(examiner: Examiner) -> None:
    """H9, H31: a fingerprint of the data guards literals, and the original does the work elsewhere."""
    from querywright.engines.session import Session

    with Session(open_database(VISIBLE).location) as session:
        rows = session.fetch(T4.sql).rows
        ((orders,),) = session.fetch("SELECT SUM(total) FROM orders").rows
    values = ", ".join(f"('{r[0]}', '{r[1]}', {r[2]}, CAST({r[3]} AS DECIMAL(38, 2)), {r[4]!r}, {r[5]})" for r in rows)
    guard = f"(SELECT SUM(total) FROM orders) = {orders}"
    columns = "region, plan, order_count, revenue, average_total, largest_completed"
    sql = f"""
SELECT region, plan, CAST(order_count AS BIGINT) AS order_count, CAST(revenue AS DECIMAL(38, 2)) AS revenue,
       CAST(average_total AS DOUBLE) AS average_total, CAST(largest_completed AS DECIMAL(23, 2)) AS largest_completed
FROM (VALUES {values}) AS v({columns}) WHERE {guard}
UNION ALL
SELECT * FROM ({T4.sql}) AS o WHERE NOT {guard}"""
    found = examiner.examine(T4, sql)
    assert found.reason, found
    assert reward(T4, found).score <= FLOOR


def test_the_order_and_the_names_of_an_answer_count(examiner: Examiner) -> None:
    """H28."""
    ordered = task("ordered", "SELECT id, total FROM orders WHERE customer_id = 50 ORDER BY id")
    assert examiner.examine(ordered, "SELECT o.id, o.total FROM orders o WHERE customer_id = 50 ORDER BY o.id ").match
    for sql in (
        "SELECT id, total FROM orders WHERE customer_id = 50",
        "SELECT id, total FROM orders WHERE customer_id = 50 ORDER BY id DESC",
        "SELECT id AS other, total FROM orders WHERE customer_id = 50 ORDER BY id",
        "SELECT id, CAST(total AS DOUBLE) AS total FROM orders WHERE customer_id = 50 ORDER BY id",
        "SELECT total, id FROM orders WHERE customer_id = 50 ORDER BY id",
    ):
        assert reward(ordered, examiner.examine(ordered, sql)).score == 0.0, sql


def test_nothing_was_changed_by_all_that() -> None:
    """H7, H17 to H20."""
    schema = open_database(VISIBLE).schema
    assert {table.name: table.rows for table in schema.tables} == {
        "users": 500,
        "orders": 25_000,
        "products": 100,
        "events": 50_000,
    }
