"""A comma between tables stays a comma: in SQLite a CROSS JOIN would fix the join order."""

from __future__ import annotations

import pytest

from querywright.sql.parse import parse_query


@pytest.mark.parametrize("dialect", ["duckdb", "sqlite", "postgres"])
@pytest.mark.parametrize(
    "text", ["SELECT a.x FROM a, b WHERE a.x = b.x", "SELECT a.x FROM a CROSS JOIN b, c JOIN d ON c.x = d.x"]
)
def test_commas_and_cross_joins_are_kept_apart(dialect: str, text: str) -> None:
    assert parse_query(text, dialect).sql(dialect) == text
