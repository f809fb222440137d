"""A tree that was settled is the one that reading its text gives."""

from __future__ import annotations

import pytest
from sqlglot import exp

from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.sql.requalify import requalify_text
from querywright.sql.settling import settle

SCHEMA = "CREATE TABLE t (a INT, b INT, c TEXT, d DATE); CREATE TABLE u (a INT, e INT);"

PLAIN = [
    "SELECT t.a AS a FROM t AS t WHERE t.b > 1 AND (t.c LIKE 'x%' OR t.a IN (SELECT u.a AS a FROM u AS u WHERE u.e = t.b))",
    "WITH x AS MATERIALIZED (SELECT t.a AS a FROM t AS t) SELECT x.a AS a, y.a AS n FROM x AS x LEFT JOIN x AS y ON x.a = y.a",
    "SELECT q.a AS a, COUNT(*) AS n FROM (SELECT t.a AS a FROM t AS t) AS q GROUP BY q.a HAVING COUNT(*) > 2 ORDER BY n LIMIT 3",
    "SELECT t.a AS a FROM t AS t UNION ALL SELECT u.a AS a FROM u AS u UNION SELECT u.e AS a FROM u AS u ORDER BY a",
    "SELECT SUM(t.a) OVER (PARTITION BY t.b ORDER BY t.d ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM t AS t",
    "SELECT CASE WHEN t.a IS NULL THEN -1 ELSE CAST(t.c AS INT) * 2 + 1 END AS a FROM t AS t, u AS u WHERE NOT t.b = u.e",
    "SELECT t.a / 2 AS a, SUBSTRING(t.c, 1, 2) AS s FROM t AS t WHERE t.d BETWEEN CAST('2000-01-01' AS DATE) AND t.d",
    "SELECT DISTINCT COALESCE(t.a, 0) AS a FROM t AS t WHERE EXISTS(SELECT 1 FROM u AS u WHERE u.a = t.a)",
    'SELECT t."select" AS "select" FROM (SELECT t.a AS "select" FROM t AS t) AS t',
]


@pytest.mark.parametrize("dialect", ["duckdb", "sqlite"])
@pytest.mark.parametrize("text", PLAIN)
def test_plain_queries_stay_as_they_are(text: str, dialect: str) -> None:
    schema = schema_of(SCHEMA, dialect)
    tree = qualify_text(text, schema, dialect)
    before = tree.copy()
    assert settle(tree, schema, dialect, tree.named_selects) is not None
    assert tree == before and tree.type is None


def _column(name: str) -> exp.Column:
    return exp.column(name, table="t")


CHANGES = {
    "an AND that hangs on the right": lambda tree: tree.args["where"].this.replace(
        exp.And(this=exp.EQ(this=_column("a"), expression=_column("b")), expression=exp.and_("t.a > 1", "t.b < 2", "t.a < 9"))
    ),
    "an output without a name": lambda tree: tree.set("expressions", [_column("a")]),
    "a table without an alias": lambda tree: tree.set("from_", exp.From(this=exp.to_table("t"))),
    "clauses in another order": lambda tree: tree.set("where", tree.args.pop("where")),
    "a count without its flag": lambda tree: tree.set("expressions", [exp.alias_(exp.Count(this=exp.Star()), "a")]),
    "a reserved word": lambda tree: tree.set("expressions", [exp.Alias(this=_column("a"), alias=exp.Identifier(this="order"))]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_reading_adds_is_added(change: str) -> None:
    schema = schema_of(SCHEMA, "duckdb")
    tree = qualify_text("SELECT t.a AS a FROM t AS t WHERE t.b > 1 AND t.c = 'x' ORDER BY a", schema, "duckdb")
    if "reserved" in change:
        tree.set("order", None)
    CHANGES[change](tree)
    copy = tree.copy()
    names = tree.named_selects
    assert settle(tree, schema, "duckdb", names) is not None
    if "reserved" in change:
        copy.expressions[0].args["alias"].set("quoted", True)
    again = requalify_text(copy.sql("duckdb"), schema, "duckdb", names, "the rewrite")
    assert tree == again
    assert [type(node) for node in tree.walk()] == [type(node) for node in again.walk()]
    assert [type(node) for node in tree.walk(bfs=False)] == [type(node) for node in again.walk(bfs=False)]


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.set("expressions", [exp.Star()]),
        lambda tree: tree.set("expressions", [exp.alias_(exp.column("a"), "a")]),
        lambda tree: tree.set("expressions", [exp.alias_(_column("unknown"), "a")]),
        lambda tree: tree.set("expressions", [exp.alias_(exp.column("a", table="elsewhere"), "a")]),
        lambda tree: tree.set("from_", exp.From(this=exp.to_table("nowhere", alias="t"))),
        lambda tree: tree.set("expressions", [exp.alias_(exp.Div(this=_column("a"), expression=_column("b"), typed=True), "a")]),
        lambda tree: tree.set(
            "where",
            exp.Where(
                this=exp.EQ(this=exp.EQ(this=_column("a"), expression=_column("b")), expression=exp.Or(this="1", expression="2"))
            ),
        ),
        lambda tree: tree.set("expressions", [exp.alias_(exp.Anonymous(this="f", expressions=[_column("a")]), "a")]),
        lambda tree: tree.args["from_"].this.args["alias"].set("columns", [exp.to_identifier("x")]),
    ],
)
def test_anything_else_is_left_to_reading(change: object) -> None:
    schema = schema_of(SCHEMA, "duckdb")
    tree = qualify_text("SELECT t.a AS a FROM t AS t", schema, "duckdb")
    change(tree)  # type: ignore[operator]
    assert settle(tree, schema, "duckdb", ["a"]) is None


@pytest.mark.parametrize("text", PLAIN)
def test_the_fingerprint_of_a_settled_tree_is_taken_in_place(text: str) -> None:
    schema = schema_of(SCHEMA, "duckdb")
    tree = qualify_text(text, schema, "duckdb")
    expected = fingerprint(tree, "duckdb")
    facts = settle(tree, schema, "duckdb", tree.named_selects)
    assert facts is not None
    before, nodes = tree.sql("duckdb"), [(id(node), *node.args) for node in tree.walk()]
    assert fingerprint(tree, "duckdb", facts.traversal) == expected
    assert (tree.sql("duckdb"), [(id(node), *node.args) for node in tree.walk()]) == (before, nodes)
