"""The sandbox lets honest SQL of any style pass; what it refuses is among the holes."""

from __future__ import annotations

import pytest
from small_tasks import T1, VISIBLE

from querywright.databases.opening import open_database
from querywright.engines.session import Session
from querywright.gym.disclosure import shown_error, shown_reason
from querywright.gym.sandbox import check, check_reading, pure_functions, serialized
from querywright.workloads import shop

HONEST = [
    *shop.queries("duckdb").values(),
    "FROM orders SELECT id WHERE total > 5",
    "WITH a AS MATERIALIZED (SELECT * FROM orders), b AS (SELECT * FROM a) SELECT COUNT(*) FROM b, a WHERE a.id = b.id",
    "WITH RECURSIVE r AS (SELECT MIN(id) AS x FROM users UNION ALL SELECT x + 1 FROM r WHERE x < 5) SELECT x FROM r",
    "WITH orders AS (SELECT * FROM orders WHERE total > 1) SELECT * FROM orders",
    "SELECT u.id, l.n FROM users u, LATERAL (SELECT COUNT(*) AS n FROM orders o WHERE o.customer_id = u.id) AS l",
    "SELECT id FROM orders QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY id) = 1",
    "SELECT * FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.id) AND u.id NOT IN (SELECT 1)",
    "SELECT region, COUNT(*) FILTER (WHERE plan = 'basic') FROM users GROUP BY ROLLUP (region)",
    "SELECT list(id ORDER BY id), string_agg(email, ','), arg_max(email, id), quantile_cont(id, 0.5) FROM users",
    "SELECT * FROM generate_series(1, 3) AS g(i) JOIN users ON users.id = g.i",
    "SELECT u.id, t.x FROM users u CROSS JOIN UNNEST([1, 2]) AS t(x)",
    "SELECT main.users.id FROM main.users",
    'SELECT "id" FROM "users" UNION ALL SELECT id FROM orders EXCEPT SELECT id FROM events',
    "SELECT LAG(total) OVER w, FIRST_VALUE(total) OVER w, NTILE(4) OVER w FROM orders WINDOW w AS (ORDER BY id)",
    "SELECT date_trunc('month', created_at), EXTRACT(year FROM created_at), created_at::DATE + INTERVAL 1 DAY FROM orders",
    "SELECT CASE WHEN total > 5 THEN 'x' END, regexp_matches(status, '^c'), status ILIKE 'C%', hash(id), typeof(id) FROM orders",
    "SELECT COUNT(DISTINCT customer_id), approx_count_distinct(id), MEDIAN(total), bool_and(total > 0) FROM orders",
]


@pytest.fixture(scope="module")
def session() -> Session:
    with Session(open_database(VISIBLE).location) as opened:
        yield opened


@pytest.mark.parametrize("sql", HONEST)
def test_honest_queries_may_run(session: Session, sql: str) -> None:
    schema = open_database(VISIBLE).schema
    assert not isinstance(check(sql, T1, schema), str)
    assert check_reading(session.call(serialized, sql), schema, session.call(pure_functions)) == ""
    session.materialize(sql)


def test_the_engines_reading_alone_refuses_what_ours_might_miss(session: Session) -> None:
    schema, pure = open_database(VISIBLE).schema, session.call(pure_functions)
    for sql in (
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM temp.main.querywright_answer_0",
        "SELECT * FROM querywright_answer_0",
        "WITH querywright_answer_0 AS (SELECT 1) SELECT * FROM querywright_answer_0",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM (SHOW TABLES)",
        "SELECT current_database(), id FROM users",
        "SELECT current_catalog, id FROM users",
        "SELECT getvariable('x') FROM users",
        "SELECT random() FROM users",
        "SELECT 1; SELECT 2",
        "DROP TABLE users",
        "EXPLAIN SELECT 1",
    ):
        assert check_reading(session.call(serialized, sql), schema, pure), sql


def test_messages_are_told_as_far_as_they_hold_no_data() -> None:
    binder = 'Binder Error: Referenced column "x" not found in FROM clause!'
    assert shown_error(binder) == binder
    assert shown_error('Catalog Error: Table with name x does not exist!\nDid you mean "secret"?').endswith("exist!")
    for message in (
        "Conversion Error: Could not convert string 'u1@mail.com' to INT32",
        "Invalid Input Error: Binder Error: u1@mail.com",
        "u1@mail.com",
        "Out of Range Error: Overflow in multiplication of INT64 (u1@mail.com)!",
    ):
        assert "mail" not in shown_error(message)
    assert "mail" not in shown_reason("Only the candidate fails: Conversion Error: u1@mail.com", hidden=False)
    assert "shop" not in shown_reason("On shop:seed=7: The rows differ.", hidden=True)
