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

from querywright.errors import QueryError
from querywright.sql._spelling import simplified
from querywright.sql.difference import unified
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
        sqlglot.parse(text, read="duckdb")[0],
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


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_change_gives_the_text_back(path: Path) -> None:
    original = SECTION.split(path.read_text())[1]
    tree = qualified(original)
    assert render(original, tree, tree.copy(), "duckdb", qualified) == original


@pytest.mark.parametrize("name", ["tpch", "tpcds"])
def test_edited_workload_queries_say_what_the_tree_says(name: str) -> None:
    schema, queries = workload(name)
    applied = 0
    for number, text in enumerate(queries):
        generator = random.Random(number)
        original = resolve(text, schema)
        before = original.sql("duckdb")
        assert render(text, original, original.copy(), "duckdb", lambda sql: resolve(sql, schema)) == text
        rewritten = EDITS[number % len(EDITS)](original.copy(), generator)
        if rewritten is None:
            continue
        applied += 1
        printed = render(text, original, rewritten, "duckdb", lambda sql: resolve(sql, schema))
        assert canonical(resolve(printed, schema)) == canonical(resolve(rewritten.sql("duckdb"), schema))
        assert original.sql("duckdb") == before
    assert applied > len(queries) / 2


@pytest.mark.parametrize("name", ["tpch", "tpcds"])
def test_an_added_limit_leaves_every_other_line(name: str) -> None:
    schema, queries = workload(name)
    for text in queries:
        original = resolve(text, schema)
        if not isinstance(original, exp.Select) or original.args.get("limit"):
            continue
        printed = render(text, original, original.copy().limit(7), "duckdb", lambda sql: resolve(sql, schema))
        body = text.rstrip("\n; ")
        assert printed == f"{body}\nLIMIT 7{text[len(body) :]}"


def test_removed_conjunct_removes_only_its_line() -> None:
    schema, queries = workload("tpcds")
    text = queries[24]
    original = resolve(text, schema)
    rewritten = original.copy()
    where = rewritten.args["where"]
    conjuncts = list(where.this.flatten(unnest=False))
    where.set("this", exp.and_(*conjuncts[:3], *conjuncts[4:], wrap=False))
    lines = unified(text, render(text, original, rewritten, "duckdb", lambda sql: resolve(sql, schema)))
    assert [line.text.split()[:2] for line in lines if line.kind != "same"] == [["AND", conjuncts[3].this.name]]


def test_other_dialects_keep_their_quotes() -> None:
    schema = MappingSchema({"t": {"`a b`": "INTEGER", "c": "INTEGER"}}, dialect="sqlite")

    def sqlite(text: str) -> exp.Query:
        tree = sqlglot.parse(text, read="sqlite")[0]
        return qualify(tree, schema=schema, dialect="sqlite", quote_identifiers=True)

    text = "select [a b], -- odd\n       `c`\nfrom t\nwhere c > 1 and [a b] < 2 -- why\n"
    rewritten = sqlite(text.replace("c > 1 and ", "").replace("`c`", "`c`, c + 1 as d"))
    printed = render(text, sqlite(text), rewritten, "sqlite", sqlite)
    assert printed == "select [a b], -- odd\n       `c`,\n       t.c + 1 as d\nfrom t\nwhere [a b] < 2 -- why\n"


def test_reused_text_is_dropped_where_it_would_not_resolve() -> None:
    """A requalify that refuses everything leaves only the tree's own SQL."""

    def refuse(text: str) -> exp.Query:
        raise QueryError("no")

    text = "select o.id -- key\nfrom orders o where o.id > 1 and o.total > 2"
    printed = render(text, qualified(text), qualified("select o.id from orders o"), "duckdb", refuse)
    assert canonical(qualified(printed)) == canonical(qualified("select o.id from orders o"))


def canonical(tree: exp.Expr) -> str:
    return tree.sql("duckdb", comments=False, identify=True)


@cache
def workload(name: str) -> tuple[MappingSchema, list[str]]:
    with duckdb.connect() as connection:
        import_extension(name)
        connection.execute(f"LOAD {name}")
        connection.execute("CALL dbgen(sf=0)" if name == "tpch" else "CALL dsdgen(sf=0)")
        queries = connection.execute(f"FROM {name}_queries()").fetchall()
        return mapping(connection), [text for _, text in queries]


def drop_conjunct(query: exp.Query, generator: random.Random) -> exp.Query | None:
    wheres = [where for where in query.find_all(exp.Where) if isinstance(where.this, exp.And)]
    if not wheres:
        return None
    where = generator.choice(wheres)
    conjuncts = list(where.this.flatten(unnest=False))
    conjuncts.pop(generator.randrange(len(conjuncts)))
    where.set("this", exp.and_(*conjuncts, wrap=False))
    return query


def shuffle_conjuncts(query: exp.Query, generator: random.Random) -> exp.Query | None:
    wheres = [where for where in query.find_all(exp.Where) if isinstance(where.this, exp.And)]
    if not wheres:
        return None
    where = generator.choice(wheres)
    conjuncts = list(where.this.flatten(unnest=False))
    generator.shuffle(conjuncts)
    where.set("this", exp.and_(*conjuncts, wrap=False))
    return query


def add_conjunct(query: exp.Query, generator: random.Random) -> exp.Query:
    generator.choice(list(query.find_all(exp.Select))).where("1 = 1", copy=False)
    return query


def wrap_table(query: exp.Query, generator: random.Random) -> exp.Query | None:
    """Read a base table through a derived table with the columns that the query uses."""
    defined = {cte.alias for cte in query.find_all(exp.CTE)}
    tables = [table for table in query.find_all(exp.Table) if table.name not in defined]
    table = generator.choice(tables)
    used = [column.name for column in query.find_all(exp.Column) if column.table == table.alias]
    if not used or sum(other.alias == table.alias for other in query.find_all(exp.Table)) > 1:
        return None
    columns = [exp.column(name, table.name).as_(name) for name in dict.fromkeys(used)]
    table.replace(exp.select(*columns).from_(exp.to_table(table.name)).subquery(table.alias))
    return query


def extract_cte(query: exp.Query, generator: random.Random) -> exp.Query | None:
    """Move a derived table of the main part, or else all of it, to a CTE."""
    if not isinstance(query, exp.Select):
        return None
    derived = [node for node in query.find_all(exp.Subquery) if isinstance(node.parent, (exp.From, exp.Join))]
    inner = [node for node in derived if not node.find_ancestor(exp.CTE) and not node.args["alias"].columns]
    if not inner:
        return None
    node = generator.choice(inner)
    body = node.this
    node.replace(exp.to_table("extracted").as_(node.alias))
    return query.with_("extracted", as_=body)


EDITS: list[Edit] = [drop_conjunct, wrap_table, extract_cte, add_conjunct, shuffle_conjuncts]


def test_sqlite_keeps_an_alias_that_order_by_needs() -> None:
    """It takes a bare name in ORDER BY for a column of any table, unless an alias of that name is written out."""
    tree = sqlglot.parse_one("SELECT a.k AS k, a.v AS v FROM a JOIN b ON a.k = b.k ORDER BY k", read="sqlite")
    assert simplified(tree, "sqlite").sql("sqlite") == "SELECT a.k AS k, a.v FROM a JOIN b ON a.k = b.k ORDER BY k"
    assert simplified(tree, "duckdb").sql("sqlite") == "SELECT a.k, a.v FROM a JOIN b ON a.k = b.k ORDER BY k"
