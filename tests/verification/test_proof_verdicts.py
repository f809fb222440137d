"""Verdicts with the symbolic proof switched on: refutation first, then proof, then the strength of the tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from querywright.sql.ddl import schema_of
from querywright.sql.schema import Schema
from querywright.values import Candidate, Premise, Query, Step, Verdict
from querywright.verification.verdicts import Verifier

SCHEMA = schema_of(
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, code INTEGER UNIQUE);"
    "CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customer (id), amount INTEGER)",
    "duckdb",
)
ORIGINAL = "SELECT p.id AS id FROM purchase AS p JOIN customer AS c ON p.customer = c.id WHERE p.amount > 3"
CHECKED = Premise("unique", "customer", ("code",), "checked")


def verdict(
    original: str, candidate: str, schema: Schema = SCHEMA, *, seconds: float = 30.0, steps: tuple[Step, ...] = ()
) -> Verdict:
    query = Query(original, "duckdb", "0" * 16)
    with Verifier(query, schema, "duckdb", databases=40, proof_s=seconds) as verifier:
        return verifier.verdict(Candidate(Query(candidate, "duckdb", "1" * 16), "0" * 16, steps))


def test_a_proof_ends_the_search() -> None:
    found = verdict(ORIGINAL, "SELECT id AS id FROM purchase WHERE amount > 3")
    assert found.grade == "proved"
    assert [check.method for check in found.checks] == ["witness", "symbolic"]
    assert {premise.basis for premise in found.premises} == {"declared"} and found.counterexample is None


def test_what_differs_is_refuted_first() -> None:
    found = verdict(ORIGINAL, "SELECT id AS id FROM purchase WHERE amount >= 3")
    assert found.grade == "refuted" and found.counterexample is not None


def test_what_is_not_proved_is_tested() -> None:
    text = "SELECT UPPER(LOWER(name)) AS name FROM customer WHERE id > 1"
    assert verdict(text, "SELECT UPPER(name) AS name FROM customer WHERE id > 1").grade == "tested"


def test_the_proof_is_off_without_time() -> None:
    assert verdict(ORIGINAL, "SELECT id AS id FROM purchase WHERE amount > 3", seconds=0.0).grade == "tested"


@pytest.mark.parametrize(("steps", "grade"), [((Step("remove", "", (CHECKED,)),), "proved"), ((), "refuted")])
def test_a_checked_key_counts_only_if_the_candidate_names_it(steps: tuple[Step, ...], grade: str) -> None:
    table = SCHEMA.tables[0]
    keys = tuple(replace(key, basis="checked") if key.columns == ("code",) else key for key in table.keys)
    schema = Schema((replace(table, keys=keys), *SCHEMA.tables[1:]))
    found = verdict(
        "SELECT DISTINCT code AS code FROM customer WHERE code IS NOT NULL",
        "SELECT code AS code FROM customer WHERE code IS NOT NULL",
        schema,
        steps=steps,
    )
    assert found.grade == grade
    assert found.premises == ((CHECKED,) if steps else ())
