"""``qw verify`` without any data: schemas and queries of other dialects, and what is said of those that cannot be used."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from command_line import Answer, Command

DDL = "CREATE TABLE t (id INT PRIMARY KEY, x INT, s VARCHAR(20))"
MYSQL = "CREATE TABLE `t` (`id` int(11) NOT NULL, `x` int, `s` varchar(20), PRIMARY KEY (`id`), KEY `k` (`x`)) ENGINE=InnoDB;"


def verify(qw: Command, desk: Path, a: str, b: str, *words: object, ddl: str = DDL) -> Answer:
    for name, text in (("a.sql", a), ("b.sql", b), ("schema.sql", ddl)):
        (desk / name).write_text(text)
    return qw("verify", "a.sql", "b.sql", "--schema", "schema.sql", *words)


@pytest.mark.parametrize(
    ("a", "b", "ddl", "problem"),
    [
        ("SELECT id FROM", "SELECT id FROM t", DDL, "a.sql is not valid duckdb SQL: Expected table name\nCorrect line 1"),
        ("SELECT id FROM t", "SELECT nosuch(id) AS id FROM t", DDL, "b.sql does not run on duckdb"),
        ("SELECT nosuch(id) FROM t", "SELECT nosuch(x) FROM t", DDL, "a.sql does not run on duckdb"),
        ("SELECT id FROM u", "SELECT id FROM t", DDL, "a.sql reads table u"),
        ("SELECT id FROM t", "SELECT y FROM t", DDL, "b.sql does not fit the database"),
        ("DROP TABLE t", "SELECT id FROM t", DDL, "a.sql is not a read-only query"),
        ("", "SELECT id FROM t", DDL, "a.sql is empty"),
        ("SELECT id FROM t", "SELECT id FROM t", f"{DDL}; {DDL}", "the schema contradicts itself: it creates table t twice"),
        ("SELECT id FROM t", "SELECT id FROM t", "CREATE TABLE t (id INT, UNIQUE (no))", "names column no"),
        ("SELECT id FROM t", "SELECT id FROM t WHERE id > 1", "CREATE TABLE t (id FOO)", "FOO does not exist"),
        ("SELECT id FROM t", "SELECT id FROM t", "hello", "the schema creates no table"),
    ],
)
def test_what_cannot_be_used(qw: Command, desk: Path, a: str, b: str, ddl: str, problem: str) -> None:
    answer = verify(qw, desk, a, b, ddl=ddl)
    assert answer.code == 2
    assert problem in answer.err and "Traceback" not in answer.err and "Token" not in answer.err


@pytest.mark.parametrize(
    ("b", "reason"),
    [
        ("SELECT id FROM t", "The original has 2 columns, the candidate 1."),
        ("SELECT id, s FROM t", "Column 2 (x) is INTEGER in the original and VARCHAR in the candidate."),
    ],
)
def test_other_columns_are_a_difference(qw: Command, desk: Path, b: str, reason: str) -> None:
    answer = verify(qw, desk, "SELECT id, x FROM t", b, "--json", "--counterexample", "shown.sql")
    verdict = json.loads(answer.out)
    assert answer.code == 1 and verdict["grade"] == "refuted" and verdict["reason"] == reason
    with duckdb.connect() as connection:
        described = []
        for statement in connection.extract_statements((desk / "shown.sql").read_text()):
            connection.execute(statement)
            if statement.type not in (duckdb.StatementType.CREATE, duckdb.StatementType.INSERT):
                described.append([column[:2] for column in connection.fetchall()])
    assert len(described) == 2 and described[0] != described[1]


def test_a_counterexample_can_be_replayed(qw: Command, desk: Path) -> None:
    answer = verify(qw, desk, "SELECT x FROM t WHERE x >= 3", "SELECT x FROM t WHERE x > 3", "--counterexample", "shown.sql")
    assert answer.code == 1
    with duckdb.connect() as connection:
        results = []
        for statement in connection.extract_statements((desk / "shown.sql").read_text()):
            connection.execute(statement)
            if statement.type == duckdb.StatementType.SELECT:
                results.append(Counter(connection.fetchall()))
    assert len(results) == 2 and results[0] != results[1]


@pytest.mark.parametrize("dialect", ["mysql", "auto"])
def test_another_dialect_is_translated(qw: Command, desk: Path, dialect: str) -> None:
    a, b = "SELECT `id` FROM `t` WHERE IFNULL(`x`, 0) > 1", "SELECT `id` FROM `t` WHERE `x` > 1"
    answer = verify(qw, desk, a, b, "--dialect", dialect, "--json", ddl=MYSQL)
    verdict = json.loads(answer.out)
    assert answer.code == 0 and verdict["grade"] in ("proved", "tested")
    assert verdict["dialect"] in ("mysql", "spark") and "COALESCE" in verdict["executed"][0]
    shown = verify(qw, desk, a, b, "--dialect", dialect, ddl=MYSQL).out
    assert f"Read as {verdict['dialect']} and run as" in shown


def test_the_schema_may_be_of_another_dialect_than_the_queries(qw: Command, desk: Path) -> None:
    verdict = json.loads(
        verify(qw, desk, "SELECT id FROM t WHERE x > 1", "SELECT id FROM t WHERE NOT x <= 1", "--json", ddl=MYSQL).out
    )
    assert verdict["grade"] in ("proved", "tested") and verdict["executed"] == []


def test_chance_is_not_equal_to_itself(qw: Command, desk: Path) -> None:
    answer = verify(qw, desk, "SELECT random() AS r FROM t", "SELECT random() AS r FROM t")
    assert answer.code == 3 and "cannot be verified" in answer.out


def test_a_column_of_nulls_has_any_type(qw: Command, desk: Path) -> None:
    assert verify(qw, desk, "SELECT id, s FROM t WHERE FALSE", "SELECT id, NULL AS s FROM t WHERE 1 = 0").code in (0, 3)
    assert verify(qw, desk, "SELECT id, s FROM t", "SELECT id, NULL AS s FROM t").code == 1


def test_what_is_wrong_is_said_of_the_dialect_that_could_be_read(qw: Command, desk: Path) -> None:
    answer = verify(qw, desk, "SELECT `id` FROM `t`", "SELECT `nope` FROM `t`")
    assert answer.code == 2 and "nope" in answer.err and "not valid" not in answer.err
