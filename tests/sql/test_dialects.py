"""Queries and schemas of other dialects become the engine's, or are refused with a message that helps."""

from __future__ import annotations

import re

import duckdb
import pytest

from querywright.errors import InputError, QueryError
from querywright.sql.dialects import AUTO, check_dialect, parameters_of, read_schema, translated
from querywright.sql.schema import ForeignKey, Key

MYSQL = """
SET FOREIGN_KEY_CHECKS = 0;
DROP TABLE IF EXISTS `towns`;
CREATE TABLE `towns` (`id` int(11) unsigned NOT NULL AUTO_INCREMENT, `name` varchar(20) CHARACTER SET utf8 COLLATE utf8_bin,
  PRIMARY KEY (`id`) USING BTREE) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COMMENT='x';
CREATE TABLE `people` (`id` int NOT NULL, `town` int unsigned, `kind` enum('a','b') DEFAULT 'a', `born` datetime,
  `notes` mediumtext,
  PRIMARY KEY (`id`), UNIQUE KEY `by_kind` (`kind`, `born`), KEY `by_town` (`town`),
  FULLTEXT KEY `words` (`notes`),
  CONSTRAINT `lives` FOREIGN KEY (`town`) REFERENCES `towns` (`id`) ON DELETE CASCADE) ENGINE=InnoDB;
"""
POSTGRES = """
CREATE TABLE towns (id serial, name character varying(20) NOT NULL, area numeric(10,2) CHECK (area > 0), data jsonb);
CREATE TABLE people (id bigint PRIMARY KEY, town integer, born timestamp with time zone DEFAULT now());
ALTER TABLE ONLY towns ADD CONSTRAINT towns_key PRIMARY KEY (id);
ALTER TABLE people ADD CONSTRAINT lives FOREIGN KEY (town) REFERENCES towns;
CREATE UNIQUE INDEX by_name ON towns USING btree (name);
"""
TSQL = """
CREATE TABLE [dbo].[people] (
  [id] INT IDENTITY(1,1) NOT NULL, [name] NVARCHAR(20) NULL, CONSTRAINT [k] PRIMARY KEY CLUSTERED ([id] ASC)
)
"""
TABLES = "CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20), town INT, born DATE)"


def test_mysql_dump() -> None:
    towns, people = read_schema(MYSQL, AUTO, "duckdb").tables
    assert towns.keys == (Key(("id",), "declared"),) and towns.columns[1].type == "TEXT(20)"
    assert [(column.name, column.type) for column in people.columns] == [
        ("id", "INT"),
        ("town", "UINTEGER"),
        ("kind", "TEXT"),
        ("born", "TIMESTAMP"),
        ("notes", "TEXT"),
    ]
    assert people.keys == (Key(("id",), "declared"), Key(("kind", "born"), "declared"))
    assert people.foreign_keys == (ForeignKey(("town",), "towns", ("id",), "declared"),)
    assert people.checks == ("\"kind\" IN ('a', 'b')",)


def test_postgres_dump() -> None:
    towns, people = read_schema(POSTGRES, AUTO, "duckdb").tables
    assert [column.type for column in towns.columns] == ["INTEGER", "TEXT(20)", "DECIMAL(10, 2)", "TEXT"]
    assert towns.keys == (Key(("id",), "declared"), Key(("name",), "declared")) and towns.columns[0].not_null == "declared"
    assert towns.checks == ("area > 0",)
    assert people.foreign_keys == (ForeignKey(("town",), "towns", ("id",), "declared"),)
    assert people.columns[2].type == "TIMESTAMP"


def test_a_clustered_key_and_names_in_brackets() -> None:
    (people,) = read_schema(TSQL, AUTO, "duckdb").tables
    assert people.name == "people" and people.keys == (Key(("id",), "declared"),)


@pytest.mark.parametrize(
    ("ddl", "problem"),
    [
        ("CREATE TABLE t (a INT); CREATE TABLE T (b INT)", "creates table T twice"),
        ("CREATE TABLE t (a INT, A TEXT)", "two columns A"),
        ("CREATE TABLE t (a INT PRIMARY KEY, b INT, PRIMARY KEY (b))", "two primary keys"),
        ("CREATE TABLE t (a INT NULL NOT NULL)", "NULL and NOT NULL of t.a"),
        ("CREATE TABLE t (a INT, UNIQUE (b))", "names column b"),
        ("CREATE TABLE s (x INT); CREATE TABLE t (a INT REFERENCES s (y))", "refers to column y"),
        ("CREATE TABLE s (x INT); CREATE TABLE t (a INT, b INT, FOREIGN KEY (a, b) REFERENCES s (x))", "from 2 columns to 1"),
        ("CREATE TABLE t (a INT, FOREIGN KEY (a))", "refers to nothing"),
        ("CREATE TABLE t (a INT, CHECK (b > 0))", "CHECK of table t on column b"),
        ("ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY (a)", "alters table t"),
        ("CREATE VIEW v AS SELECT 1", "creates no table"),
        ("some words", "creates no table"),
        ("CREATE TABLE t (", "not valid"),
    ],
)
def test_schemas_that_contradict_themselves_or_say_nothing(ddl: str, problem: str) -> None:
    with pytest.raises(QueryError, match=re.escape(problem)):
        read_schema(ddl, AUTO, "duckdb")


@pytest.mark.parametrize(
    ("dialect", "text", "rows"),
    [
        ("mysql", "SELECT `id` FROM `people` WHERE IFNULL(town, 0) > 1 ORDER BY id LIMIT 1, 5;", [(3,)]),
        ("mysql", "SELECT id FROM people WHERE name = \"b\" AND born < DATE_ADD('2000-01-01', INTERVAL 1 DAY)", []),
        ("postgres", "SELECT id FROM people WHERE name ILIKE 'A%' AND born > DATE '2000-01-01' - INTERVAL '1' DAY", [(1,)]),
        ("postgres", "SELECT id / 2 FROM people WHERE id = 3", [(1,)]),
        ("spark", "SELECT id FROM people WHERE born <= date_sub('2000-01-10', 5) AND rlike(name, '^a')", [(1,)]),
        ("spark", "SELECT p.id FROM people p LEFT SEMI JOIN people q ON p.id = q.town ORDER BY 1", [(2,), (3,)]),
        ("tsql", "SELECT TOP 1 [id] FROM [people] WHERE ISNULL(town, 7) = 7", [(1,)]),
        ("calcite", "SELECT EXPR$1 FROM (VALUES (1, 2), (3, 4)) AS t WHERE EXPR$0 = 3", [(4,)]),
        ("calcite", "SELECT COUNT(*) AS $f1 FROM people GROUP BY 7, town ORDER BY 1, 'x'", [(1,), (1,), (1,)]),
        ("calcite", "SELECT COUNT(id, town) FROM people", [(2,)]),
    ],
)
def test_a_translated_query_runs(dialect: str, text: str, rows: list[tuple[object, ...]]) -> None:
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        connection.execute(
            "INSERT INTO people VALUES (1, 'abc', NULL, '2000-01-01'), (2, 'b', 2, '2010-01-01'), (3, NULL, 3, NULL)"
        )
        told = translated(text, read_schema(TABLES, AUTO, "duckdb"), dialect, "duckdb")
        assert connection.execute(told).fetchall() == rows, told


def test_texts_of_the_engine_stay_as_they_are() -> None:
    text = "select  *\nfrom people -- all of them"
    assert translated(text + ";\n", read_schema(TABLES, AUTO, "duckdb"), "duckdb", "duckdb") == text


def test_parameters_are_named_in_every_dialect() -> None:
    schema = read_schema(TABLES, AUTO, "duckdb")
    assert "$p2" in translated("SELECT id FROM people WHERE id = ? OR town = ?", schema, "mysql", "duckdb")
    assert parameters_of("SELECT `id` FROM people WHERE id = ? OR town = ?", AUTO, "duckdb") == ("p1", "p2")
    assert parameters_of("SELECT EXPR$0 FROM (SELECT id AS EXPR$0 FROM people) AS t WHERE EXPR$0 = $1", AUTO, "duckdb") == ("p1",)


def test_an_unknown_dialect_is_named_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match="klingon") as raised:
        check_dialect("klingon")
    assert "mysql" in str(raised.value)
