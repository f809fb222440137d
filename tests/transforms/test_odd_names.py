"""Tables and columns whose names need quotes come through every rewrite."""

from __future__ import annotations

import pytest
from running import runner

from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import apply, survey, transforms

TABLES = """
CREATE TABLE "my users" (id INT PRIMARY KEY, "Mixed Case" INT, "group" INT, "select" TEXT);
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, "order" INT, "naïve name" TEXT);
"""
QUERIES = [
    'SELECT * FROM "my users" WHERE (SELECT COUNT(*) FROM orders AS o WHERE o.user_id = "my users".id) > 0',
    'SELECT * FROM (SELECT * FROM "my users" ORDER BY "group") AS x JOIN orders ON user_id = x."Mixed Case" WHERE "order" > 1',
    'WITH "the users" AS (SELECT * FROM "my users") SELECT * FROM "the users" AS a, "the users" AS b WHERE a.id = b."group"',
]


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
@pytest.mark.parametrize("sql", QUERIES)
def test_rewrites_quote_what_must_be_quoted(engine: str, sql: str) -> None:
    schema, engine_runner = schema_of(TABLES, engine), runner(engine, TABLES)
    tree = qualify_text(sql, schema, engine)
    findings, _ = survey(tree, schema, engine, list(transforms(engine)))
    assert findings
    for finding in findings:
        rewritten = apply(tree, schema, engine, finding.transform, finding.index)
        shown = [engine_runner.outputs(one.sql(engine)) for one in (tree, rewritten.tree)]
        assert str(shown[0]).lower() == str(shown[1]).lower()
