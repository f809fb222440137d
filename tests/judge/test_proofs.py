"""The judge looks for proofs: of winners, and of what tests are too weak to accept; facts that are only declared are checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from querywright.analyze.preparing import prepare
from querywright.databases.opening import open_database
from querywright.judge import Case, Rules, confirm, judge, open_case
from querywright.serve.wording import evidence
from querywright.values import Attempt, Candidate, Premise, Query, Step

SCHEMA = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, city VARCHAR NOT NULL, code INTEGER);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customer (id), amount INTEGER);
"""
ROWS = """
INSERT INTO customer VALUES (1, 'Ghent', 7), (2, 'Lyon', 8), (3, 'Lyon', 9);
INSERT INTO purchase VALUES (1, 1, 5), (2, 1, 50), (3, 2, 500), (4, 3, NULL);
"""
JOINED = "SELECT p.id AS id FROM purchase AS p JOIN customer AS c ON p.customer = c.id WHERE p.amount > 3"
ALONE = "SELECT id AS id FROM purchase WHERE amount > 3"
REFERENCE = Premise("foreign_key", "purchase", ("customer",), "declared", ("customer", ("id",)))
CODE = Premise("unique", "customer", ("code",), "checked")


def database(folder: Path, engine: str, more: str = "") -> str:
    if engine == "sqlite":
        with closing(sqlite3.connect(folder / "shop.sqlite")) as connection:
            connection.executescript(SCHEMA + ROWS + more)
        return str(folder / "shop.sqlite")
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(SCHEMA + ROWS + more)
    return str(folder / "shop.duckdb")


@contextmanager
def case_of(path: str, original: str, rules: Rules | None = None) -> Iterator[Case]:
    prepared = prepare(original, open_database(path))
    with open_case(prepared.query, prepared.database, rules=rules or Rules(witnesses=40, proof_s=30.0)) as case:
        yield case


def judged(case: Case, text: str, *premises: Premise) -> Attempt:
    steps = (Step("some_transform", "query", premises),)
    return judge(case, Candidate(Query(text, case.query.dialect, "1" * 16), case.query.fingerprint, steps))


def test_a_winner_is_proved(tmp_path: Path) -> None:
    with case_of(database(tmp_path, "duckdb"), JOINED) as case:
        attempt = judged(case, ALONE)
        assert attempt.verdict.grade == "tested"
        winner = confirm(case, attempt)
    assert winner.verdict.grade == "proved" and winner.timing is not None and winner.timing.phase == "confirm"
    assert [check.method for check in winner.verdict.checks] == ["witness", "full", "symbolic"]
    assert {premise.basis for premise in winner.verdict.premises} == {"enforced"}
    assert not winner.verdict.conditions and not case.conditional(winner)
    told = evidence(winner.verdict)
    assert (
        told.startswith("proved equal on all databases") and "every purchase(customer) occurs in customer(id) (enforced)" in told
    )
    assert "as long as" not in told


def test_what_is_declared_is_checked_on_the_data(tmp_path: Path) -> None:
    with case_of(database(tmp_path, "sqlite"), JOINED) as case:
        winner = confirm(case, judged(case, ALONE, REFERENCE))
    assert winner.verdict.grade == "proved"
    assert REFERENCE in winner.verdict.premises and not winner.verdict.conditions
    assert winner.verdict.checks[-1].method == "premises" and winner.verdict.checks[-1].rows >= 1
    assert "declared fact" in evidence(winner.verdict)


def test_data_that_violates_a_declaration_takes_the_recommendation_away(tmp_path: Path) -> None:
    # The stray row is filtered out, so that both queries agree on the data: only the check of the foreign key notices.
    stray = "INSERT INTO purchase VALUES (5, 99, 1);"
    with case_of(database(tmp_path, "sqlite", stray), JOINED) as case:
        attempt = judged(case, ALONE, REFERENCE)
        assert attempt.verdict.grade == "tested"
        winner = confirm(case, attempt)
    assert winner.verdict.grade == "unknown" and winner.timing is None
    assert "violates what the schema declares: foreign_key purchase(customer)" in winner.verdict.reason


def test_a_declaration_that_cannot_be_checked_in_time_proves_nothing(tmp_path: Path) -> None:
    with case_of(database(tmp_path, "sqlite"), JOINED) as case:
        assert case.declared is not None
        case.declared = replace(case.declared, limit_s=0.0)
        winner = confirm(case, judged(case, ALONE, REFERENCE))
    if winner.verdict.grade != "proved":  # so small a check may end before it is interrupted
        assert winner.verdict.grade == "tested" and "could not be checked" in winner.verdict.reason


def test_a_proof_makes_up_for_weak_tests(tmp_path: Path) -> None:
    empty = "SELECT id AS id FROM purchase WHERE amount > 3 AND amount < 2"
    with case_of(database(tmp_path, "duckdb"), empty) as case:
        rescued = judged(case, "SELECT id AS id FROM purchase WHERE amount < 2 AND amount > 3")
        left = judged(
            case, "SELECT id AS id FROM purchase WHERE amount > 3 AND amount < 2 AND STRPOS(CAST(id AS VARCHAR), '1') > 0"
        )
    assert rescued.verdict.grade == "proved" and rescued.timing is not None
    assert [check.method for check in rescued.verdict.checks] == ["witness", "symbolic", "full"]
    assert left.verdict.grade in ("proved", "vacuous")


def test_time_for_weak_candidates_runs_out(tmp_path: Path) -> None:
    empty = "SELECT id AS id FROM purchase WHERE amount > 3 AND amount < 2"
    with case_of(database(tmp_path, "duckdb"), empty) as case:
        case.proofs_left_s = 0.0
        attempt = judged(case, "SELECT id AS id FROM purchase WHERE amount < 2 AND amount > 3")
    assert attempt.verdict.grade == "vacuous" and attempt.timing is None


@pytest.mark.parametrize("agreed", [False, True])
def test_a_condition_stays_one_when_it_is_proved(tmp_path: Path, agreed: bool) -> None:
    original = "SELECT DISTINCT code AS code FROM customer WHERE code IS NOT NULL"
    # Without a key of its own, the table's columns are looked through for keys, which only the data vouches for.
    path = database(tmp_path, "duckdb", "CREATE TABLE unkeyed AS SELECT code, city FROM customer;")
    rules = Rules(witnesses=40, proof_s=30.0, assume_checked_keys=agreed)
    premise = replace(CODE, table="unkeyed")
    with case_of(path, original.replace("customer", "unkeyed"), rules) as case:
        attempt = judged(case, "SELECT code AS code FROM unkeyed WHERE code IS NOT NULL", premise)
        assert attempt.verdict.conditions == (premise,)
        assert case.conditional(attempt) is not agreed
        winner = confirm(case, attempt)
    assert winner.verdict.grade == "proved" and winner.verdict.conditions == (premise,)
    assert "as long as unkeyed(code) has no duplicates (checked)" in evidence(winner.verdict)


def test_what_is_not_proved_says_why(tmp_path: Path) -> None:
    text = "SELECT UPPER(LOWER(city)) AS city FROM customer WHERE id > 1"
    with case_of(database(tmp_path, "duckdb"), text) as case:
        winner = confirm(case, judged(case, "SELECT UPPER(city) AS city FROM customer WHERE id > 1"))
    assert winner.verdict.grade == "tested" and winner.timing is not None
    assert winner.verdict.reason == "Not proved: The normal forms of the queries could not be matched."
