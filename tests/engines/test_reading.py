"""What is read and printed again must mean to the engine what the text meant."""

from __future__ import annotations

import duckdb
import pytest

from querywright.sql.parse import parse_query


@pytest.mark.parametrize(
    "condition", ["x ~ 'a'", "x !~ 'a'", "NOT x ~ 'ba?b'", "x ~ '.*a.*'", "x SIMILAR TO 'a'", "x NOT SIMILAR TO '.*'"]
)
def test_matching_operators_keep_their_meaning(condition: str) -> None:
    """In one version of DuckDB ``~`` must match the whole text, in another a part of it."""
    text = f"SELECT x, {condition} FROM (VALUES ('a'), ('bab'), ('ab'), ('b'), (''), (NULL)) AS t(x) ORDER BY x"
    with duckdb.connect() as connection:
        assert connection.execute(parse_query(text, "duckdb").sql("duckdb")).fetchall() == connection.execute(text).fetchall()
