"""Queries taken apart into nodes and put together again."""

from __future__ import annotations

import json

import pytest
from query_fixtures import Case, all_cases, read
from sqlglot import exp

from querywright.errors import QueryError
from querywright.propose.rewrite_sets import assembled, rewrites_between
from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text

PAIRS = [case for case in all_cases("transforms") if case.golden]
TABLES = ("sales", "stores")


@pytest.mark.parametrize("case", PAIRS, ids=str)
def test_the_nodes_between_two_queries_lead_from_one_to_the_other(case: Case) -> None:
    dialect = case.engines[0]
    schema = schema_of(read("transforms", case.subject).ddl, dialect)
    before = qualify_text(case.sql, schema, dialect)
    after = qualify_text(case.golden or "", schema, dialect, before.named_selects)
    nodes = rewrites_between(before, after, dialect)
    parsed = {name: parse_query(sql, dialect) for name, sql in nodes.items()}
    again = assembled(before, parsed, [table.name for table in schema.tables])
    assert _identity(again.sql(dialect), case, dialect) == _identity(after.sql(dialect), case, dialect), json.dumps(nodes)


def _identity(sql: str, case: Case, dialect: str) -> str:
    schema = schema_of(read("transforms", case.subject).ddl, dialect)
    tree = qualify_text(sql, schema, dialect)
    clause = tree.args.get("with_")
    if clause is not None:  # the order of definitions is free
        clause.set("expressions", sorted(clause.expressions, key=lambda cte: str(cte.alias)))
    return fingerprint(tree, dialect)


def _rewritten(sql: str, **nodes: str) -> str:
    parsed = {name: parse_query(text, "duckdb") for name, text in nodes.items()}
    return assembled(parse_query(sql, "duckdb"), parsed, TABLES).sql("duckdb")


def test_a_common_table_is_replaced_and_the_rest_stays() -> None:
    done = _rewritten("WITH a AS (SELECT x FROM sales) SELECT * FROM a", a="SELECT x FROM sales WHERE x > 1")
    assert done == "WITH a AS (SELECT x FROM sales WHERE x > 1) SELECT * FROM a"


def test_a_new_node_is_defined_before_its_readers() -> None:
    done = _rewritten(
        "WITH a AS (SELECT x FROM sales) SELECT * FROM a", a="SELECT x FROM early", early="SELECT x FROM sales WHERE x > 1"
    )
    assert done == "WITH early AS (SELECT x FROM sales WHERE x > 1), a AS (SELECT x FROM early) SELECT * FROM a"


def test_a_common_table_that_nobody_reads_any_longer_is_dropped() -> None:
    done = _rewritten("WITH a AS (SELECT x FROM sales), b AS (SELECT x FROM a) SELECT * FROM b", main_query="SELECT x FROM sales")
    assert done == "SELECT x FROM sales"


def test_derived_tables_subqueries_and_branches_are_nodes() -> None:
    sql = "SELECT d.x FROM (SELECT x FROM sales) AS d WHERE d.x IN (SELECT y FROM stores) UNION ALL SELECT 1"
    assert _rewritten(sql, d="SELECT x FROM sales WHERE x > 1").count("x > 1") == 1
    assert "IN (SELECT 7)" in _rewritten(sql, subquery_1="SELECT 7")
    assert _rewritten(sql, branch_2="SELECT 1 LIMIT 1").endswith("UNION ALL (SELECT 1 LIMIT 1)")


def test_derived_tables_of_one_name_are_told_apart() -> None:
    sql = "SELECT * FROM (SELECT x FROM (SELECT x FROM sales) AS d) AS d"
    assert _rewritten(sql, d_2="SELECT 2 AS x") == "SELECT * FROM (SELECT x FROM (SELECT 2 AS x) AS d) AS d"


def test_a_derived_table_may_become_a_common_table_of_a_rewritten_reader() -> None:
    done = _rewritten("SELECT d.x FROM (SELECT x FROM sales) AS d", main_query="SELECT x FROM d", d="SELECT x FROM sales")
    assert done == "WITH d AS (SELECT x FROM sales) SELECT x FROM d"


def test_the_main_query_may_bring_its_own_common_tables() -> None:
    done = _rewritten(
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a", main_query="WITH a AS MATERIALIZED (SELECT 2 AS x) SELECT x FROM a"
    )
    assert done == "WITH a AS MATERIALIZED (SELECT 2 AS x) SELECT x FROM a"


def test_models_call_the_main_query_by_other_names() -> None:
    assert _rewritten("SELECT x FROM sales", Main="SELECT 1 AS x") == "SELECT 1 AS x"


@pytest.mark.parametrize(
    ("sql", "nodes", "said"),
    [
        ("SELECT x FROM sales", {"stores": "SELECT 1 AS x", "main_query": "SELECT x FROM stores"}, "the name of a table"),
        (
            "SELECT x FROM sales",
            {"a": "SELECT * FROM b", "b": "SELECT * FROM a", "main_query": "SELECT * FROM a"},
            "read each other",
        ),
        ("SELECT d.x FROM (SELECT x FROM sales) AS d", {"main_query": "SELECT x FROM sales", "d": "SELECT 1"}, "stands inside"),
    ],
)
def test_rewrites_that_do_not_fit_are_refused_in_words(sql: str, nodes: dict[str, str], said: str) -> None:
    with pytest.raises(QueryError, match=said):
        _rewritten(sql, **nodes)


def test_the_query_itself_stays_as_it_is() -> None:
    tree = parse_query("WITH a AS (SELECT x FROM sales) SELECT * FROM a", "duckdb")
    before = tree.sql()
    assembled(tree, {"a": exp.select("1")}, TABLES)
    assert tree.sql() == before
