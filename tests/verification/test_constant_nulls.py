"""Columns that hold nothing but NULL are told from those that merely may."""

from __future__ import annotations

import pytest

from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.qualify import qualify_text
from querywright.verification.constant_nulls import constant_nulls

SCHEMA = schema_of("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER, s VARCHAR)", "duckdb")


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("SELECT id, NULL AS x, CAST(NULL AS VARCHAR) AS s FROM t", {1, 2}),
        ("SELECT d.s, d.id FROM (SELECT id, CAST(NULL AS TIMESTAMP) AS s FROM t) AS d", {0}),
        ("WITH c AS (SELECT NULL AS n) SELECT n, CAST(n AS INTEGER) AS m, 1 AS one FROM c", {0, 1}),
        ("SELECT * FROM (VALUES (NULL, 1), (NULL, NULL)) AS v(a, b)", {0}),
        ("SELECT NULL AS a, NULL AS b UNION ALL SELECT NULL, x FROM t", {0}),
        ("SELECT x, NULLIF(x, x) AS y, COALESCE(NULL, x) AS z FROM t", set()),
        ("SELECT o.s FROM t LEFT JOIN t AS o ON o.id = t.x", set()),
    ],
)
def test_positions(text: str, positions: set[int]) -> None:
    assert constant_nulls(Facts(qualify_text(text, SCHEMA, "duckdb"), SCHEMA, "duckdb")) == positions
