"""Columns with a collation of their own: values that are equal may differ, so that less follows from an equality."""

from __future__ import annotations

import pytest

from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import survey, transforms

TABLES = """
CREATE TABLE users (id INT PRIMARY KEY NOT NULL, name TEXT COLLATE NOCASE, low INT);
CREATE TABLE kinds (name TEXT PRIMARY KEY NOT NULL, size INT);
"""
TOTALS = "SELECT name, SUM(low) AS total FROM users GROUP BY name"


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
@pytest.mark.parametrize(
    ("transform", "sql"),
    [
        ("remove_redundant_distinct", "SELECT DISTINCT u.id, k.size FROM users AS u JOIN kinds AS k ON u.name = k.name"),
        ("eliminate_left_join", "SELECT u.id FROM users AS u LEFT JOIN kinds AS k ON u.name = k.name"),
        ("eliminate_left_join", "SELECT u.id FROM users AS u LEFT JOIN kinds AS k ON CAST(u.name AS TEXT) = k.name"),
        ("eliminate_left_join", "SELECT u.size FROM kinds AS u LEFT JOIN kinds AS k ON k.name = u.name COLLATE NOCASE"),
        ("decorrelate_scalar_aggregate", "SELECT (SELECT SUM(u.low) FROM users AS u WHERE k.name = u.name) AS s FROM kinds AS k"),
        ("push_predicate_down", f"SELECT s.total FROM ({TOTALS}) AS s WHERE s.name = 'a' COLLATE BINARY"),
        ("push_predicate_down", f"{TOTALS} HAVING LENGTH(name) > 1"),
        (
            "push_predicate_down",
            "SELECT s.name FROM (SELECT name FROM kinds UNION SELECT name FROM users) AS s WHERE s.name = 'a'",
        ),
        ("push_join_keys_down", f"SELECT u.id, s.total FROM users AS u JOIN ({TOTALS}) AS s ON u.name = s.name WHERE u.low = 1"),
    ],
)
def test_does_not_fire(transform: str, sql: str, engine: str) -> None:
    schema = schema_of(TABLES, engine)
    findings, _ = survey(qualify_text(sql, schema, engine), schema, engine, [transform])
    assert transform in transforms(engine)
    assert not findings
