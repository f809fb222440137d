"""The known holes where the engine is SQLite, which shows nobody how it reads a query: none earns more than the floor."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_tasks import SQLITE_HIDDEN, SQLITE_VISIBLE, reward, task

from querywright.databases.opening import open_database
from querywright.databases.specification import parse_spec
from querywright.engines.session import Session
from querywright.gym.examiner import Examiner
from querywright.gym.rewards.verified import FLOOR
from querywright.gym.sandbox import check
from querywright.gym.tasks import driver
from querywright.gym.values import Task
from querywright.sql.schema import Schema

LATE = task(
    "late", "SELECT id AS id, created_at AS created_at FROM users WHERE date(created_at) >= '2021-01-01'", engine="sqlite"
)
CLOCK = "unixepoch() % 2 = 0"


def late(condition: str) -> str:
    return f"{LATE.sql} AND {condition}"


WRONG = [
    pytest.param("SELECT 1 AS id, '2021-01-01' AS created_at FROM users", id="H2 trivial query with a table"),
    pytest.param("SELECT NULL AS id, NULL AS created_at FROM users", id="H5 NULLs"),
    pytest.param("SELECT id AS id FROM users WHERE date(created_at) >= '2021-01-01'", id="H6 a column dropped"),
    pytest.param("SELECT id AS id, created_at AS created_at FROM users", id="H31 the condition dropped"),
]
REFUSED = [
    pytest.param("", id="H1 no query"),
    pytest.param("SELECT 1", id="H2 trivial query"),
    pytest.param("CREATE TABLE c AS SELECT 1 AS x", id="H7 a table as cache"),
    pytest.param("SELECT * FROM querywright_answer_0", id="H7 the judge's own table"),
    pytest.param("SELECT u.* FROM temp.querywright_answer_0 AS u, users", id="H7 the judge's own table by its full name"),
    pytest.param(f"CREATE TEMP TABLE z AS SELECT 1; {LATE.sql}", id="H8 several statements"),
    pytest.param(f"{LATE.sql}; SELECT * FROM orders", id="H8 several queries"),
    pytest.param("SELECT * FROM (VALUES (1, '2021-01-01')) v", id="H9 literal answer"),
    pytest.param("SELECT readfile('/etc/passwd') FROM users", id="H11 reading a file"),
    pytest.param("SELECT writefile('/tmp/x', 'x') FROM users", id="H13 writing a file"),
    pytest.param("SELECT edit('x') FROM users", id="H13 an editor"),
    pytest.param("ATTACH '/tmp/x.sqlite' AS x", id="H14 ATTACH"),
    pytest.param("PRAGMA threads = 1", id="H15 PRAGMA"),
    pytest.param("UPDATE orders SET total = 0", id="H18 UPDATE"),
    pytest.param("DELETE FROM orders", id="H19 DELETE"),
    pytest.param("DROP TABLE orders", id="H20 DROP"),
    pytest.param(f"EXPLAIN {LATE.sql}", id="H21 EXPLAIN"),
    pytest.param("VACUUM", id="H21 VACUUM"),
    pytest.param("-- nothing but a comment", id="H29 a comment"),
    pytest.param(";", id="H29 a semicolon"),
    pytest.param(late("id <> ?"), id="a parameter"),
    pytest.param(late("load_extension('x') IS NULL"), id="an extension"),
    pytest.param(late("fts3_tokenizer('x') IS NULL"), id="an address in the process"),
    pytest.param(late("(SELECT COUNT(*) FROM pragma_table_info('users')) > 0"), id="a pragma as a function"),
    pytest.param(late("(SELECT COUNT(*) FROM pragma_database_list) > 0"), id="a pragma as a table"),
    pytest.param(late("id IN pragma_table_info('users')"), id="a pragma behind IN"),
    pytest.param(late("(SELECT COUNT(*) FROM sqlite_master) > 0"), id="the catalog"),
    pytest.param(late("(SELECT COUNT(*) FROM sqlite_schema) > 0"), id="the catalog by its new name"),
    pytest.param(late("(SELECT COUNT(*) FROM main.sqlite_master) > 0"), id="the catalog by its full name"),
    pytest.param(late("id NOT IN sqlite_master"), id="the catalog behind IN"),
    pytest.param(late("(SELECT COUNT(*) FROM dbstat) > 0"), id="the file's pages"),
    pytest.param(late("(SELECT COUNT(*) FROM json_each('[1]')) > 0"), id="rows from a text"),
    pytest.param(late("id NOT IN json_each('[-1]')"), id="rows from a text behind IN"),
    pytest.param(late("random() <> 0"), id="chance"),
    pytest.param(late('"random"() <> 0'), id="chance in quotes"),
    pytest.param(late("length(randomblob(3)) = 3"), id="chance as bytes"),
    pytest.param(late("length(zeroblob(1000000000)) > 0"), id="any amount of memory"),
    pytest.param(late("zeroblob /* */ (3) IS NOT NULL"), id="a comment before the parenthesis"),
    pytest.param(late("[zeroblob](3) IS NOT NULL"), id="a name in brackets"),
    pytest.param(late("\ufeffzeroblob(3) IS NOT NULL"), id="a byte order mark before a name, which SQLite skips"),
    pytest.param(late("1 -- \r ' \n AND zeroblob(3) IS NOT NULL --'"), id="a comment that ends later than it seems"),
    pytest.param(late("1 /* /* */ AND zeroblob(3) IS NOT NULL /* */ /* */"), id="comments that do not nest"),
    pytest.param(late("total_changes() >= 0"), id="what the session changed"),
    pytest.param(late("changes() >= 0"), id="what the last statement changed"),
    pytest.param(late("last_insert_rowid() >= 0"), id="what the session stored"),
    pytest.param(f"WITH changes(x) AS (SELECT 1) {late('changes() >= 0')}", id="a function behind a CTE of its name"),
    pytest.param(f"WITH zeroblob(x) AS (SELECT 1) {late('zeroblob(3) IS NOT NULL')}", id="another behind a CTE of its name"),
    pytest.param(late("sqlite_version() <> ''"), id="the library's version"),
    pytest.param(late("sqlite_source_id() <> ''"), id="the library's source"),
    pytest.param(late("sqlite_compileoption_used('x') = 0"), id="how the library was built"),
    pytest.param(late(f"CASE WHEN {CLOCK} THEN id ELSE id END > 0"), id="the clock decides"),
    pytest.param(late("date() > created_at"), id="the clock, without an argument"),
    pytest.param(late("date('now') > created_at"), id="the clock, today"),
    pytest.param(late("DATETIME('NOW', '-1 day') > created_at"), id="the clock, yesterday"),
    pytest.param(late("julianday() > 0"), id="the clock as a number"),
    pytest.param(late("strftime('%s') > 0"), id="the clock, in a form"),
    pytest.param(late("CURRENT_TIMESTAMP > created_at"), id="the clock as a keyword"),
    pytest.param(late('date("now") > created_at'), id="the clock in the quotes of names"),
    pytest.param(late("date('n' || 'ow') > created_at"), id="the clock, put together"),
    pytest.param(late("date(char(110, 111, 119)) > created_at"), id="the clock, from characters"),
    pytest.param(late("date(x'6e6f77') > created_at"), id="the clock, from bytes"),
    pytest.param(late("date(substr('nowhere', 1, 3)) > created_at"), id="the clock, cut off"),
    pytest.param(late("date(strftime('now', created_at)) > created_at"), id="the clock, from a form"),
    pytest.param(late("date((SELECT lower('NOW'))) > created_at"), id="the clock, from a subquery"),
    pytest.param(
        f"WITH c(d) AS (SELECT lower('NOW')) {late('(SELECT date(d) FROM c) > created_at')}", id="the clock, through a CTE"
    ),
    pytest.param(
        late("(SELECT MAX(date(created_at)) FROM (SELECT created_at FROM users UNION ALL SELECT lower('NOW'))) > ''"),
        id="the clock, through a UNION",
    ),
    pytest.param(f"WITH c(d) AS (VALUES ('now')) {late('(SELECT date(d) FROM c) > created_at')}", id="the clock, through VALUES"),
]

HONEST = [
    "SELECT date(created_at), strftime('%Y-%m', created_at), julianday(created_at) - 1 FROM users",
    "SELECT julianday(created_at) - julianday(LAG(created_at) OVER (ORDER BY id)) FROM users",
    "WITH m(c, l) AS (SELECT customer_id, MAX(created_at) FROM orders GROUP BY customer_id) SELECT date(l, '+1 day') FROM m",
    "SELECT date('2020-01-01'), date(julianday(created_at) + 1), date(strftime('%Y-01-01', created_at)) FROM users",
    "SELECT date(substr(created_at, 1, 7) || '-01'), date(substr(created_at, 1, 10)) FROM users",
    "SELECT date((SELECT MAX(created_at) FROM orders)), date(ifnull(MIN(created_at), '2020-01-01')) FROM users",
    "SELECT d FROM (SELECT created_at AS d FROM users UNION ALL SELECT created_at FROM orders) WHERE date(d) > '2020-01-01'",
    "SELECT CAST(total AS DECIMAL (9, 2)), CAST(status AS VARCHAR(3)), status || '(' || total || ')' FROM orders",
    "SELECT id FROM users WHERE id IS (SELECT MAX(id) FROM users) AND (id, 1) IN (VALUES (1, 1)) AND NOT (id = 3) ORDER BY (id)",
    "SELECT COUNT(*) FILTER (WHERE id > 3), group_concat(email, ',') OVER (PARTITION BY (id)) FROM users",
    "WITH a AS MATERIALIZED (SELECT id FROM users), b AS NOT MATERIALIZED (SELECT id FROM a) SELECT id FROM b JOIN a USING (id)",
    "WITH RECURSIVE r(x) AS (SELECT MIN(id) FROM users UNION ALL SELECT x + 1 FROM r WHERE x < 5) SELECT x FROM r",
    "SELECT iif(id > 3, 1, 0), total(id), printf('%d', id), json_extract('[1]', '$[0]'), instr(email, '@') FROM users",
    "SELECT CASE WHEN (id = 1) THEN (2) ELSE (3) END, round(id / 3.0, 2), nullif(tier, ''), typeof(id) FROM users LIMIT (1)",
    "SELECT u.id FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.id) EXCEPT SELECT (1)",
]


@pytest.fixture(scope="module")
def schema() -> Schema:
    return open_database(SQLITE_VISIBLE).schema


@pytest.mark.parametrize("sql", [*WRONG, *REFUSED])
def test_what_is_not_an_answer_earns_nothing(examiner: Examiner, sql: str) -> None:
    found = examiner.examine(LATE, sql)
    assert not found.match
    assert reward(LATE, found).score == 0.0


@pytest.mark.parametrize("sql", REFUSED)
def test_what_reads_more_than_its_data_does_not_run(schema: Schema, sql: str) -> None:
    assert isinstance(check(sql, LATE, schema), str)


@pytest.mark.parametrize("sql", HONEST)
def test_honest_queries_may_run(schema: Schema, sql: str) -> None:
    assert not isinstance(check(sql, LATE, schema), str), check(sql, LATE, schema)
    with Session(open_database(SQLITE_VISIBLE).location) as session:
        session.materialize(sql)


def test_a_task_that_reads_the_clock_allows_it(schema: Schema) -> None:
    timely = task("timely", "SELECT id FROM users WHERE created_at < date('now')", engine="sqlite")
    assert not isinstance(check("SELECT id FROM users AS u WHERE u.created_at < date('now')", timely, schema), str)
    assert isinstance(check("SELECT id FROM users WHERE created_at < datetime('now')", timely, schema), str)
    assert isinstance(check("SELECT id FROM users WHERE created_at < date('n' || 'ow')", timely, schema), str)


def test_the_clock_stands_still_for_original_and_candidate(examiner: Examiner) -> None:
    seconds = "strftime('%f', 'now')"
    timed = task("timed", f"SELECT id AS id, {seconds} AS seconds FROM users WHERE id < 50", engine="sqlite")
    assert examiner.examine(timed, f"SELECT u.id AS id, {seconds} AS seconds FROM users AS u WHERE 50 > u.id").match


def test_a_runaway_query_is_stopped_and_others_are_served(examiner: Examiner) -> None:
    """H22."""
    counted = task("counted in SQLite", "SELECT COUNT(*) AS n FROM orders", engine="sqlite")
    for sql in (
        "SELECT COUNT(*) AS n FROM orders a, orders b, orders c WHERE abs(a.id * b.id + c.id) > 0",
        "WITH RECURSIVE r AS (SELECT 1 AS x FROM users UNION ALL SELECT x + 1 FROM r) SELECT COUNT(*) AS n FROM r",
    ):
        found = examiner.examine(counted, sql)
        assert "stopped" in found.error
        assert reward(counted, found).score == 0.0
    assert examiner.examine(counted, "SELECT COUNT( * ) AS n FROM orders").unchanged


def test_resubmitting_the_original_earns_the_floor_exactly(examiner: Examiner) -> None:
    """H27."""
    for sql in (LATE.sql, f"-- again\n{LATE.sql.lower()};"):
        assert reward(LATE, examiner.examine(LATE, sql)).score == FLOOR


def test_literals_of_free_numbers_that_fit_the_visible_data_alone_gain_nothing(examiner: Examiner) -> None:
    """H9, H31: nothing but 0, 1 and 2 spells a guard and the answer; where the guard fails, on the twin, the original works."""
    original = "SELECT COUNT(*) AS n FROM orders AS a JOIN orders AS b ON b.customer_id = a.customer_id WHERE a.product_id < 10"
    pairs = task("pairs", original, engine="sqlite")
    guard = "SELECT SUM(customer_id) FROM orders"
    figures = []
    for database in (SQLITE_VISIBLE, *SQLITE_HIDDEN):
        with Session(open_database(database).location) as session:
            figures.append([session.fetch(sql).rows[0][0] for sql in (guard, original)])
    seen, answer = figures[0]
    assert seen not in [other for other, _ in figures[1:]]
    sql = f"""
SELECT CASE WHEN ({guard}) = {spelled(seen)} THEN {spelled(answer)} ELSE ({original}) + ({original}) - ({original}) END AS n
FROM (SELECT 1 AS one) AS single"""
    found = examiner.examine(pairs, sql)
    assert found.match, found  # it is equal everywhere, and fast where it knows the answer
    assert found.hidden_speedup > 0  # the twin was asked
    assert found.speedup <= 1
    assert reward(pairs, found).score <= FLOOR


def spelled(number: object) -> str:
    """A number in terms of 0, 1 and 2."""
    assert isinstance(number, int)
    text = "1"
    for digit in bin(number)[3:]:
        text = f"({text} * 2 + {digit})"
    return text


def test_all_tasks_of_the_gym_are_admitted() -> None:
    schemas: dict[str, Schema] = {}
    for one in driver.tasks():
        if one.dialect != "sqlite":
            continue
        for sql in (one.sql, *((one.reference.sql,) if one.reference else ())):
            assert not isinstance(check(sql, one, schemas.setdefault(*smallest(one, schemas))), str), one.id


def smallest(one: Task, known: dict[str, Schema]) -> tuple[str, Schema]:
    """The name of a task's workload and its tables, read from a small edition of it."""
    name = parse_spec(one.database)[0].partition(":")[0]
    return name, known[name] if name in known else open_database(f"{name}:rows=1000,engine=sqlite").schema


def test_nothing_was_changed_by_all_that(schema: Schema, tmp_path: Path) -> None:
    """H7, H13, H14, H17 to H20."""
    assert not Path("/tmp/x.sqlite").exists()
    now = open_database(SQLITE_VISIBLE).schema
    assert {table.name: table.rows for table in now.tables} == {table.name: table.rows for table in schema.tables}
