"""Where the answer of a query depends on more than its data."""

from datetime import datetime

import pytest

from querywright.sql.ambiguity import ambiguities, floating_columns, freeze
from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text

SCHEMA = schema_of(
    "CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(10, 2), weight DOUBLE, name VARCHAR, day DATE)", "duckdb"
)

CERTAIN = [
    "SELECT id, price FROM t ORDER BY id LIMIT 3",
    "SELECT MAX(price) AS m FROM t LIMIT 1",
    "SELECT name FROM t UNION SELECT name FROM t ORDER BY name LIMIT 3",
    "SELECT ROW_NUMBER() OVER (PARTITION BY name ORDER BY price, id) AS n FROM t",
    "SELECT name, ROW_NUMBER() OVER (ORDER BY SUM(price), name) AS n FROM t GROUP BY name",
    "SELECT SUM(price) OVER (ORDER BY day) AS s FROM t",
    "SELECT RANK() OVER (ORDER BY day) AS r FROM t",
    "SELECT STRING_AGG(name ORDER BY id) AS s FROM t",
]
AMBIGUOUS = [
    ("SELECT id FROM t LIMIT 3", "limit", True),
    ("SELECT id, price FROM t ORDER BY price LIMIT 1", "limit", True),
    ("SELECT * FROM (SELECT * FROM t ORDER BY price LIMIT 3) AS x ORDER BY id LIMIT 2", "limit", False),
    ("SELECT ROW_NUMBER() OVER (ORDER BY price) AS n FROM t", "window_ties", False),
    ("SELECT name, ROW_NUMBER() OVER (ORDER BY SUM(price)) AS n FROM t GROUP BY name", "window_ties", False),
    ("SELECT SUM(price) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING) AS s FROM t", "window_ties", False),
    ("SELECT STRING_AGG(name, ',') AS s FROM t", "row_order", False),
    ("SELECT ANY_VALUE(name) AS s FROM t", "any_value", False),
    ("SELECT DISTINCT ON (name) name, id FROM t", "distinct_on", False),
    ("SELECT RANDOM() AS r FROM t", "random", False),
    ("SELECT CURRENT_DATE AS d FROM t", "clock", False),
]


def facts(text: str) -> Facts:
    return Facts(qualify_text(text, SCHEMA, "duckdb"), SCHEMA, "duckdb")


@pytest.mark.parametrize("text", CERTAIN)
def test_certain(text: str) -> None:
    assert ambiguities(facts(text)) == []


@pytest.mark.parametrize(("text", "kind", "top_level"), AMBIGUOUS)
def test_ambiguous(text: str, kind: str, top_level: bool) -> None:
    assert [(found.kind, found.top_level) for found in ambiguities(facts(text))] == [(kind, top_level)]


def test_looking_for_ambiguities_leaves_the_tree_alone() -> None:
    known = facts("SELECT id, price FROM t ORDER BY price LIMIT 1")
    before = known.tree.sql()
    ambiguities(known)
    assert known.tree.sql() == before


def test_floating_columns_are_those_computed_in_floating_point() -> None:
    text = "SELECT id, price, weight, AVG(price) AS a, id / 2 AS h, SUM(price) AS s FROM t GROUP BY id, price, weight"
    assert floating_columns(facts(text).tree) == {2, 3, 4}


def test_the_clock_is_frozen_everywhere() -> None:
    tree = parse_query("SELECT now() AS n FROM t WHERE day > CURRENT_DATE - INTERVAL 3 DAY", "duckdb")
    frozen = freeze(tree, datetime(2024, 5, 6, 7, 8, 9)).sql("duckdb")
    assert "2024-05-06 07:08:09" in frozen
    assert "CAST('2024-05-06' AS DATE)" in frozen
    assert "CURRENT" not in frozen


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("SELECT name, MAX(price) AS m FROM t", 1),
        ("SELECT day, price, (SELECT COUNT(*) FROM t AS u WHERE u.day = t.name) AS n FROM t GROUP BY day", 2),
        ("SELECT day, MAX(price) AS m FROM t GROUP BY day HAVING name > 'a' ORDER BY id", 2),
        ("SELECT day, name, COUNT(*) AS n FROM t GROUP BY day, name ORDER BY n", 0),
        ("SELECT id, name, price FROM t GROUP BY id", 0),
        ("SELECT day || '', COUNT(name) AS n FROM t GROUP BY day || ''", 0),
    ],
)
def test_columns_that_are_neither_grouped_nor_aggregated(text: str, choices: int) -> None:
    """SQLite takes them from any row of the group."""
    found = ambiguities(Facts(qualify_text(text, SCHEMA, "sqlite"), SCHEMA, "sqlite"))
    assert [ambiguity.kind for ambiguity in found] == ["any_value"] * choices
