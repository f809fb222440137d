"""Reprinting a rewrite keeps what it left alone, and never changes what it says."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import duckdb
import pytest
import sqlglot
from duckdb_extensions import import_extension
from sqlglot import MappingSchema, exp
from sqlglot.optimizer.qualify import qualify

from querywright.sql.layout import render

CASES = sorted((Path(__file__).parent.parent / "fixtures" / "layout").glob("*.sql"))
SECTION = re.compile(r"^-- # \w+\n", re.MULTILINE)
SHOP = """
CREATE TABLE customers (id INTEGER, name VARCHAR, city VARCHAR);
CREATE TABLE orders (id INTEGER, customer_id INTEGER, status VARCHAR, total DECIMAL(12, 2), placed DATE);
CREATE TABLE items (order_id INTEGER, product_id INTEGER, quantity INTEGER, price DECIMAL(12, 2));
CREATE TABLE products (id INTEGER, title VARCHAR, category_id INTEGER);
CREATE TABLE categories (id INTEGER, name VARCHAR);
CREATE TABLE "odd names" ("order" INTEGER, "Total Amount" INTEGER);
"""
Edit = Callable[[exp.Query, random.Random], exp.Query | None]


def mapping(connection: duckdb.DuckDBPyConnection) -> MappingSchema:
    columns: dict[str, dict[str, str]] = {}
    query = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    for table, column, kind in connection.execute(query).fetchall():
        columns.setdefault(f'"{table}"', {})[f'"{column}"'] = kind
    return MappingSchema(columns, dialect="duckdb")


@cache
def shop() -> MappingSchema:
    with duckdb.connect() as connection:
        connection.execute(SHOP)
        return mapping(connection)


def qualified(text: str) -> exp.Query:
    return resolve(text, shop())


def resolve(text: str, schema: MappingSchema) -> exp.Query:
    return qualify(
        sqlglot.parse_one(text, read="duckdb"),
        schema=schema,
        dialect="duckdb",
        quote_identifiers=False,
        identify=False,
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    original, rewritten, expected = (part.removesuffix("\n") for part in SECTION.split(path.read_text())[1:])
    before, after = qualified(original), qualified(rewritten)
    printed = render(original, before, after, "duckdb", qualified)
    assert printed == expected
    assert canonical(qualified(printed)) == canonical(after)
    assert render(original, before, after, "duckdb", qualified) == printed
    with duckdb.connect() as connection:
        connection.execute(SHOP)
        names = [column[0] for column in connection.execute(printed).description]
        assert names == [column[0] for column in connection.execute(rewritten).description]


def canonical(tree: exp.Expr) -> str:
    return tree.sql("duckdb", comments=False, identify=True)
