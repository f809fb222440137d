"""Reading back a printed rewrite gives what qualifying it from scratch gives."""

from __future__ import annotations

import pytest

from querywright.errors import QueryError
from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.sql.requalify import requalify_text

SCHEMA = "CREATE TABLE t (a INT, b INT, c TEXT); CREATE TABLE u (a INT, d INT, s STRUCT(x INT, y STRUCT(z INT)));"

TEXTS = [
    "SELECT t.a AS a FROM t AS t WHERE t.b > 1 AND (t.c = 'x' OR t.a IN (SELECT u.a AS a FROM u AS u WHERE u.d = t.b))",
    "SELECT T.A AS a FROM t AS T",
    'SELECT "T".a AS "Total" FROM t AS "T"',
    "WITH x AS (SELECT t.a AS a FROM t AS t) SELECT x.a AS a FROM x",
    "WITH x AS MATERIALIZED (SELECT t.a AS a FROM t) SELECT x.a AS a, y.a AS a_2 FROM x JOIN x AS y ON x.a = y.a",
    "SELECT q.a AS a FROM (SELECT t.a AS a FROM t AS t) AS q",
    "SELECT a FROM (SELECT t.a AS a FROM t AS t)",
    "SELECT t.a AS a FROM t AS t WHERE t.a = ((SELECT MAX(u.a) AS m FROM u AS u))",
    "SELECT main.t.a AS a FROM main.t AS t",
    "SELECT t.a FROM t AS t WHERE EXISTS(SELECT 1 FROM u AS u WHERE u.a = t.a)",
    "SELECT t.a AS a, COUNT(*) AS n FROM t AS t GROUP BY t.a ORDER BY t.a",
    "SELECT t.a AS k FROM t AS t GROUP BY ALL ORDER BY k, 1",
    "SELECT t.a AS a FROM t AS t UNION ALL (SELECT u.a AS a FROM u AS u ORDER BY a LIMIT 1)",
    "SELECT * FROM t AS t JOIN u AS u USING (a)",
    "SELECT t.a AS a, v.n AS n FROM t AS t, (VALUES (1), (2)) AS v(n)",
    "SELECT t.a AS a, l.m AS m FROM t AS t, LATERAL (SELECT MAX(u.a) AS m FROM u AS u WHERE u.d = t.b) AS l",
    "SELECT g.i AS i FROM RANGE(3) AS g(i)",
    "SELECT u.s.x AS x, u.s.y.z AS z FROM u AS u",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT r.n + 1 FROM r WHERE r.n < 3) SELECT r.n AS n FROM r",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_result_is_that_of_qualifying(text: str) -> None:
    schema = schema_of(SCHEMA, "duckdb")
    expected = qualify_text(text, schema, "duckdb", typed=False)
    found = requalify_text(text, schema, "duckdb", (), "the rewrite")
    assert found.sql("duckdb") == expected.sql("duckdb")
    again = requalify_text(expected.sql("duckdb"), schema, "duckdb", expected.named_selects, "the rewrite")
    assert again.sql("duckdb") == qualify_text(expected.sql("duckdb"), schema, "duckdb", expected.named_selects).sql("duckdb")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT t.x AS x FROM t AS t",
        "SELECT w.a AS a FROM w AS w",
        "SELECT x.a AS a FROM t AS t",
        "SELECT 1 AS a; SELECT 2",
        "SELECT FROM WHERE",
    ],
)
def test_what_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="the rewrite"):
        requalify_text(text, schema_of(SCHEMA, "duckdb"), "duckdb", (), "the rewrite")
