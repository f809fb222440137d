"""Indexes are proposed for what a query does with its tables, and for nothing that is there already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from querywright.advise.candidates import MOST_COLUMNS, propose_indexes
from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.qualify import qualify_text

SCHEMA = schema_of(
    "CREATE TABLE users (id INTEGER PRIMARY KEY, country TEXT, age INTEGER);"
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), status TEXT, amount REAL, day TEXT);"
    "CREATE INDEX by_status ON orders (status);",
    "sqlite",
)


def proposed(sql: str, most: int = 9) -> list[tuple[str, ...]]:
    facts = Facts(qualify_text(sql, SCHEMA, "sqlite"), SCHEMA, "sqlite")
    return [(found.table, *found.columns) for found in propose_indexes(facts, most)]


def test_equal_values_come_before_a_range() -> None:
    assert proposed("SELECT id FROM orders WHERE amount > 5 AND user_id = 3") == [("orders", "user_id", "amount")]


def test_a_join_serves_the_side_without_a_key() -> None:
    found = proposed("SELECT u.id, SUM(o.amount) AS s FROM users AS u JOIN orders AS o ON o.user_id = u.id GROUP BY u.id")
    assert ("orders", "user_id") in found
    assert not [columns for table, *columns in found if table == "users" and columns[0] == "id"]


def test_a_correlated_subquery_is_a_join() -> None:
    sql = "SELECT u.id, (SELECT MAX(o.amount) FROM orders AS o WHERE o.user_id = u.id) AS most FROM users AS u"
    assert ("orders", "user_id") in proposed(sql)


def test_groups_and_orders_are_served() -> None:
    assert ("orders", "day") in proposed("SELECT day, COUNT(*) AS n FROM orders GROUP BY day")
    assert ("users", "country", "age") in proposed("SELECT id FROM users ORDER BY country, age")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT amount FROM orders WHERE status = 'open'",
        "SELECT amount FROM orders WHERE id = 7",
        "SELECT amount FROM orders",
        "SELECT amount FROM orders WHERE abs(amount) = 7",
    ],
)
def test_nothing_is_proposed_where_an_index_is_there_or_useless(sql: str) -> None:
    assert proposed(sql) == []


@given(
    st.lists(st.sampled_from(["user_id", "status", "amount", "day"]), min_size=1, max_size=4),
    st.sampled_from([" = 1", " > 1"]),
    st.integers(1, 5),
)
def test_candidates_are_few_and_narrow(columns: list[str], comparison: str, most: int) -> None:
    conditions = " AND ".join(f"{column}{comparison}" for column in columns)
    found = proposed(f"SELECT id FROM orders WHERE {conditions} ORDER BY {columns[0]}", most)
    assert len(found) == len(set(found)) <= most
    assert all(len(columns) <= MOST_COLUMNS for _, *columns in found)


def test_names_that_need_quotes_get_them() -> None:
    schema = schema_of('CREATE TABLE "line items" (id INTEGER PRIMARY KEY, "ship day" TEXT)', "sqlite")
    tree = qualify_text('SELECT id FROM "line items" WHERE "ship day" = \'x\'', schema, "sqlite")
    (found,) = propose_indexes(Facts(tree, schema, "sqlite"))
    assert found.statement == 'CREATE INDEX "idx_line items_ship day" ON "line items" ("ship day")'
