"""SQLite compares texts in the collation of the left operand: rules that rewrite comparisons must not change it."""

from __future__ import annotations

import pytest

from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import apply_everywhere

SCHEMA = schema_of(
    "CREATE TABLE a (id INT PRIMARY KEY, tag TEXT); CREATE TABLE b (tag TEXT PRIMARY KEY, x INT);"
    "CREATE TABLE c (tag TEXT, x INT)",
    "sqlite",
)

NEAREST = "SELECT b.x FROM b WHERE"


@pytest.mark.parametrize(
    ("transform", "sql", "fires"),
    [
        ("key_join_to_in", "SELECT a.id FROM a JOIN b ON a.tag = b.tag WHERE b.x > 1", True),
        ("key_join_to_in", "SELECT a.id FROM a JOIN b ON b.tag = a.tag WHERE b.x > 1", False),
        ("exists_to_in", "SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE a.tag = b.tag)", True),
        ("exists_to_in", "SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.tag = a.tag)", False),
        ("distinct_join_to_semi_join", "SELECT DISTINCT a.id FROM a JOIN c ON a.tag = c.tag", True),
        ("distinct_join_to_semi_join", "SELECT DISTINCT a.id FROM a JOIN c ON c.tag = a.tag", False),
        ("transfer_filter_to_key", "SELECT a.id, b.x FROM a, b WHERE a.tag = b.tag AND b.x > 1", False),
        ("decorrelate_nearest_row", f"SELECT ({NEAREST} b.tag < a.tag ORDER BY b.tag DESC LIMIT 1) AS x FROM a", False),
        ("decorrelate_nearest_row", f"SELECT ({NEAREST} b.tag < o.tag ORDER BY b.tag DESC LIMIT 1) AS x FROM b AS o", True),
    ],
)
def test_texts_keep_their_collation(transform: str, sql: str, fires: bool) -> None:
    tree = qualify_text(sql, SCHEMA, "sqlite")
    assert (apply_everywhere(tree, SCHEMA, "sqlite", transform) is not None) is fires
