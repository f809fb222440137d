"""Where exists_comparison_to_extreme must not fire on SQLite, in queries that DuckDB does not run or that mean more there."""

from __future__ import annotations

import pytest

from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import survey

TABLES = """
CREATE TABLE users (id INT PRIMARY KEY NOT NULL, name TEXT COLLATE NOCASE, low INT);
CREATE TABLE orders (id INT PRIMARY KEY NOT NULL, user_id INT, day INT, total INT, note TEXT);
"""


@pytest.mark.parametrize(
    ("sql", "precondition"),
    [
        (
            "SELECT u.id FROM users u WHERE NOT EXISTS (SELECT 1 FROM orders n WHERE n.user_id = u.id AND n.note > u.name)",
            "grouping and comparing must agree",
        ),
        (
            "SELECT u.id FROM users u WHERE EXISTS (SELECT 1 FROM orders o LEFT JOIN orders n ON n.user_id = o.user_id "
            "AND n.day > o.day AND u.low > 1 WHERE n.id IS NULL)",
            "the searched rows depend on rows outside of them",
        ),
    ],
)
def test_blocked(sql: str, precondition: str) -> None:
    schema = schema_of(TABLES, "sqlite")
    findings, obstacles = survey(qualify_text(sql, schema, "sqlite", ["id"]), schema, "sqlite", ["exists_comparison_to_extreme"])
    assert not findings
    assert any(precondition in obstacle.precondition for obstacle in obstacles), obstacles
