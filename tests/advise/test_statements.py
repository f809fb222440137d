"""Of CREATE INDEX statements that others wrote only names of tables and columns that are there get through."""

from __future__ import annotations

import pytest

from querywright.advise.statements import MOST_INDEXES, Script, read_indexes, script_of
from querywright.sql.ddl import schema_of

SCHEMA = schema_of(
    'CREATE TABLE users (id INTEGER PRIMARY KEY, country TEXT, "home town" TEXT);'
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, status TEXT, amount REAL, day TEXT, note TEXT);"
    "CREATE INDEX by_status ON orders (status);",
    "sqlite",
)
QUERY = "SELECT ';' AS mark FROM orders"
INDEX = "CREATE INDEX mine ON orders (user_id)"


def printed(*statements: str) -> list[str]:
    return [index.statement for index in read_indexes(statements, SCHEMA, ("orders", "users"))]


@pytest.mark.parametrize(
    "statement",
    [
        INDEX,
        "create index if not exists Mine on ORDERS(USER_ID)",
        'CREATE INDEX "a ""b" ON "orders" ("user_id" DESC)'.replace('""', ""),
        "CREATE INDEX [mine]\n  ON `orders`\n  ( [user_id] asc )",
    ],
)
def test_a_plain_index_is_printed_anew(statement: str) -> None:
    assert printed(statement) == ["CREATE INDEX idx_orders_user_id ON orders (user_id)"]


def test_names_of_several_columns_are_those_of_the_schema() -> None:
    assert printed('CREATE INDEX i ON users ("HOME TOWN", country)') == [
        'CREATE INDEX "idx_users_home town_country" ON users ("home town", country)'
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE hostile (id INTEGER)",
        "CREATE UNIQUE INDEX mine ON orders (user_id)",
        "CREATE INDEX mine ON orders (user_id) WHERE amount > 5",
        "CREATE INDEX mine ON orders (lower(note))",
        "CREATE INDEX mine ON orders (user_id + 1)",
        "CREATE INDEX mine ON orders ('user_id')",
        "CREATE INDEX mine ON orders (note COLLATE NOCASE)",
        "CREATE INDEX mine ON orders (nothing)",
        "CREATE INDEX mine ON orders (user_id, nothing)",
        "CREATE INDEX mine ON nowhere (user_id)",
        "CREATE INDEX mine ON main.orders (user_id)",
        "CREATE INDEX mine ON orders (user_id) /* and */ ; DROP TABLE orders",
        "CREATE INDEX mine ON orders (status)",  # there is one
        "CREATE INDEX mine ON orders (id)",  # that is the key
        "CREATE INDEX mine ON orders (user_id, amount, day, note, status)",
        "CREATE INDEX mine ON orders ()",
        "CREATE INDEX mine ON orders (user_id",
        "",
    ],
)
def test_everything_else_is_passed_over(statement: str) -> None:
    assert printed(statement) == []


def test_there_are_not_too_many_and_none_twice_and_only_of_tables_that_are_read() -> None:
    every = [f"CREATE INDEX i ON orders ({name})" for name in ("user_id", "user_id", "amount", "day", "note")]
    assert len(printed(*every)) == len(set(printed(*every))) == MOST_INDEXES
    assert read_indexes([INDEX], SCHEMA, ("users",)) == ()


def test_a_text_is_taken_apart_at_its_query() -> None:
    assert script_of(f" {QUERY}; ", "sqlite") == Script((), QUERY)
    unique = "CREATE UNIQUE INDEX u ON orders (day)"
    assert script_of(f"-- first\n{INDEX};\n\n-- then\n{unique};\n{QUERY};", "sqlite") == Script((INDEX, unique), QUERY)
    assert script_of(f"{INDEX};", "sqlite") == Script((INDEX,), "")
    for hostile in ("CREATE TABLE hostile (id INTEGER)", "DROP TABLE orders", "PRAGMA writable_schema = 1"):
        assert script_of(f"{INDEX}; {hostile}; {QUERY}", "sqlite") == Script((INDEX,), f"{hostile}; {QUERY}")
    assert script_of("SELECT 'never closed", "sqlite") == Script((), "SELECT 'never closed")
