"""Values that compare as equal and look different, and comparisons that convert: what differs there is never proved equal."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import duckdb
import pytest

from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.values import Verdict
from querywright.verification.bounded import Bounded, bounded
from querywright.verification.proof import Proof, prove
from querywright.verification.proofs import Prover

FIXTURE = (Path(__file__).parent.parent / "fixtures" / "verify" / "lookalikes.sql").read_text()
DDL = {
    "duckdb": """
        CREATE TYPE up AS ENUM ('b', 'a');
        CREATE TYPE down AS ENUM ('a', 'b');
        CREATE TABLE t (
            id INTEGER, a INTEGER, f DOUBLE, g FLOAT, c VARCHAR, d DATE, ts TIMESTAMP, m DECIMAL(10, 2), n DECIMAL(10, 4),
            iv INTERVAL, x up, x2 up, y down
        );
    """,
    "sqlite": "CREATE TABLE t (id INTEGER, a INTEGER, b INTEGER, f REAL, c TEXT, d DATE, m NUMERIC);",
}
SECONDS = 4.0


def pairs(wanted: str) -> list[object]:
    """The engine and the statements of each case."""
    found: list[object] = []
    for case in re.split(r"^-- (?=equal |different )", FIXTURE, flags=re.MULTILINE)[1:]:
        title, _, body = case.partition("\n")
        heading, _, name = title.partition(": ")
        label, engine = heading.split()
        statements = tuple(text.strip() for text in re.split(r"^--$", body, flags=re.MULTILINE))
        if label == wanted:
            found.append(pytest.param(engine, statements, id=f"{engine}-{name.replace(' ', '-')}"))
    return found


def answers(engine: str, insert: str, *texts: str) -> list[list[str]]:
    """What the engine answers over the rows that are inserted."""
    if engine == "duckdb":
        with duckdb.connect() as connection:
            connection.execute(DDL[engine] + insert)
            return [sorted(map(repr, connection.execute(text).fetchall())) for text in texts]
    database = sqlite3.connect(":memory:")
    database.executescript(DDL[engine] + insert)
    return [sorted(map(repr, database.execute(text))) for text in texts]


def proved(engine: str, original: str, candidate: str) -> bool:
    """Whether two queries are proved equal, for all databases or for small ones."""
    schema = schema_of(DDL[engine], engine)
    one, other = (qualify_text(text, schema, engine) for text in (original, candidate))
    if isinstance(prove(one, other, schema, engine, SECONDS), Proof):
        return True
    return isinstance(bounded(one, other, schema, engine, SECONDS), Bounded)


@pytest.mark.parametrize(("engine", "statements"), pairs("different"))
def test_what_differs_is_not_proved(engine: str, statements: tuple[str, str, str]) -> None:
    insert, original, candidate = statements
    first, second = answers(engine, insert, original, candidate)
    assert first != second
    assert not proved(engine, original, candidate)


@pytest.mark.parametrize(("engine", "statements"), pairs("equal"))
def test_what_is_equal_still_is(engine: str, statements: tuple[str, str]) -> None:
    assert proved(engine, *statements)


def test_a_cast_to_a_narrower_type_may_fail_where_another_one_does_not() -> None:
    assert not proved("duckdb", "SELECT CAST(a AS SMALLINT) AS a FROM t", "SELECT CAST(a AS TINYINT) AS a FROM t")


def test_a_plus_sign_takes_the_affinity_away() -> None:
    """The tree has no such sign, so that the texts have to be looked at."""
    schema = schema_of(DDL["sqlite"], "sqlite")
    prover = Prover("SELECT id FROM t WHERE +a = '2'", schema, "sqlite")
    assert not isinstance(prover.proof("SELECT id FROM t WHERE a = '2'", (), SECONDS), Proof)
    tested = Verdict("tested")
    assert prover.bound(tested, "SELECT id FROM t WHERE a = '2'", SECONDS) == tested
    plain = Prover("SELECT a + 1 AS b FROM t WHERE a = 1 AND a = 1", schema, "sqlite")
    assert isinstance(plain.proof("SELECT a + 1 AS b FROM t WHERE a = 1", (), SECONDS), Proof)
