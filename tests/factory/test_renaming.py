"""Renaming keeps the meaning: names are exchanged one for one, everywhere, and nothing else is."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from factory_examples import FAST, INDEX, SLOW
from hypothesis import given
from hypothesis import strategies as st

from querywright.factory.renaming import VARIANTS, renamed_index, renamed_question, renaming
from querywright.sql.ddl import schema_of
from querywright.sql.renaming import renamed_schema, renamed_sql
from querywright.sql.schema import Schema
from querywright.workloads.driver import instance, workloads

DOMAINS = ("analytics", "content", "ecommerce", "hr", "social")


def schema(domain: str) -> Schema:
    return Schema(workloads()[domain].tables(instance(domain, {}).parameters))


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("variant", range(VARIANTS))
def test_new_names_are_different_and_free(domain: str, variant: int) -> None:
    known = schema(domain)
    names = renaming(known, variant)
    old = {table.name for table in known.tables} | {column.name for table in known.tables for column in table.columns}
    assert len(set(names.values())) == len(names)
    assert not set(names.values()) & old
    assert {table.name for table in known.tables} <= set(names)


def test_variants_differ_in_every_table() -> None:
    for table in ("users", "orders"):
        assert len({renaming(schema("ecommerce"), variant)[table] for variant in range(VARIANTS)}) == VARIANTS


def test_tables_that_exist_are_not_collided_with() -> None:
    known = schema_of("CREATE TABLE users (id INTEGER PRIMARY KEY); CREATE TABLE customers (id INTEGER PRIMARY KEY)", "sqlite")
    assert renaming(known, 0)["users"] not in ("users", "customers")


def test_renamed_queries_answer_alike_on_the_renamed_schema() -> None:
    ddl = (
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, country TEXT);"
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, status TEXT);"
    )
    rows = (
        "INSERT INTO users VALUES (1, 'Ana', 'Spain'), (2, 'Ben', 'UK'), (3, 'Chen', 'Spain');"
        "INSERT INTO orders VALUES (1, 1, 'shipped'), (2, 1, 'pending'), (3, 3, 'shipped'), (4, 1, 'shipped');"
    )
    names = renaming(schema_of(ddl, "sqlite"), 0)
    with closing(sqlite3.connect(":memory:")) as before, closing(sqlite3.connect(":memory:")) as after:
        before.executescript(ddl + rows)
        after.executescript((ddl + rows).replace("users", names["users"]).replace("orders", names["orders"]))
        for table, column in (("users", "name"), ("users", "country"), ("orders", "user_id"), ("orders", "status")):
            after.execute(f"ALTER TABLE {names[table]} RENAME COLUMN {column} TO {names[column]}")
        for sql in (SLOW, FAST):
            assert before.execute(sql).fetchall() == after.execute(renamed_sql(sql, "sqlite", names)).fetchall()


def test_strings_functions_and_layout_stay() -> None:
    names = {"status": "state", "count": "tally", "orders": "purchases"}
    sql = "SELECT  COUNT(*) AS count\nFROM orders -- orders\nWHERE status = 'status' AND \"status\" <> 'orders'"
    assert renamed_sql(sql, "duckdb", names) == (
        "SELECT  COUNT(*) AS tally\nFROM purchases -- orders\nWHERE state = 'status' AND \"state\" <> 'orders'"
    )


def test_indexes_are_named_after_their_new_columns() -> None:
    names = renaming(schema("ecommerce"), 0)
    assert renamed_index(INDEX, names) == "CREATE INDEX idx_purchases_customer_id ON purchases (customer_id)"


def test_questions_speak_of_the_new_names_but_not_of_other_values() -> None:
    names = {"orders": "purchases", "users": "customers", "status": "state"}
    asked = "For users: which order has the status 'order' and how many orders are there?"
    assert renamed_question(asked, names) == (
        "For customers: which purchase has the state 'order' and how many purchases are there?"
    )


def test_the_schema_is_renamed_with_its_references() -> None:
    renamed = renamed_schema(schema("ecommerce"), renaming(schema("ecommerce"), 0))
    orders = renamed.table("purchases")
    assert orders is not None
    assert {key.references for key in orders.foreign_keys} == {"customers"}
    assert orders.column("customer_id") is not None and orders.column("user_id") is None


@given(st.sampled_from(DOMAINS), st.integers(0, VARIANTS - 1))
def test_the_way_back_gives_the_text_back(domain: str, variant: int) -> None:
    names = renaming(schema(domain), variant)
    back = {new: old for old, new in names.items()}
    for question in list(workloads()[domain].queries("duckdb").values())[:4]:
        lowered = question.lower()
        assert renamed_sql(renamed_sql(lowered, "duckdb", names), "duckdb", back) == lowered


def test_there_are_only_so_many_variants() -> None:
    with pytest.raises(ValueError, match="numbered from 0"):
        renaming(schema("hr"), VARIANTS)
