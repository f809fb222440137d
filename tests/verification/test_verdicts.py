"""Witness databases tell every labelled mistake apart and never refute an equal pair."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from querywright.sql.ddl import schema_of
from querywright.sql.schema import Key, Schema
from querywright.values import Candidate, Premise, Query, Step, Verdict
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

FIXTURE = (Path(__file__).parent.parent / "fixtures" / "verify" / "pairs.sql").read_text()
DDL, *CASES = re.split(r"^-- (?=equal:|different:)", FIXTURE, flags=re.MULTILINE)
SCHEMA = schema_of(DDL, "duckdb")


def pairs() -> list[object]:
    cases = []
    for case in CASES:
        title, _, body = case.partition("\n")
        original, candidate = re.split(r"^--$", body.strip(), flags=re.MULTILINE)
        label, _, name = title.partition(": ")
        cases.append(pytest.param(label, original.strip(), candidate.strip(), id=name.replace(" ", "-")))
    return cases


SCRATCHES: dict[str, tuple[Scratch, Scratch]] = {}


@pytest.fixture(scope="module", autouse=True)
def scratches() -> Iterator[None]:
    yield
    for pair in SCRATCHES.values():
        for scratch in pair:
            scratch.close()
    SCRATCHES.clear()


def verifier_of(query: Query, schema: Schema = SCHEMA, *, strict: bool = False) -> Verifier:
    engine = query.dialect
    pair = SCRATCHES.setdefault(engine, (Scratch(engine), Scratch(engine)))
    return Verifier(query, schema, engine, strict=strict, databases=60, scratch=pair)


def verdict_of(
    original: str, candidate: str, *, engine: str = "duckdb", schema: Schema = SCHEMA, steps: tuple[Step, ...] = ()
) -> Verdict:
    query, other = Query(original, engine, "a"), Query(candidate, engine, "b")
    with verifier_of(query, schema) as verifier:
        return verifier.verdict(Candidate(other, "a", steps))


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
@pytest.mark.parametrize(("label", "original", "candidate"), pairs())
def test_pairs(label: str, original: str, candidate: str, engine: str) -> None:
    if engine == "sqlite":
        original, candidate = (re.sub(r"DATE '", "'", text) for text in (original, candidate))
        if "CAST('1' ||" in candidate:
            pytest.skip("SQLite's casts never fail")
    verdict = verdict_of(original, candidate, engine=engine)
    if label == "different":
        assert verdict.grade == "refuted" or "LIMITs differ" in verdict.reason, verdict
    else:
        assert verdict.grade == "tested", verdict


def test_counterexamples_replay() -> None:
    original = "SELECT d.id FROM department AS d WHERE d.id NOT IN (SELECT e.department_id FROM employee AS e)"
    candidate = "SELECT d.id FROM department AS d WHERE NOT EXISTS (SELECT 1 FROM employee AS e WHERE e.department_id = d.id)"
    found = verdict_of(original, candidate, engine="sqlite").counterexample
    assert found is not None
    connection = sqlite3.connect(":memory:")
    answers = []
    for statement in found.script.split(";"):
        bare = "\n".join(line for line in statement.splitlines() if not line.startswith("--")).strip()
        if bare:
            rows = connection.execute(bare).fetchall()
            if bare.startswith("SELECT"):
                answers.append(rows)
    assert answers == [list(found.original_rows), list(found.candidate_rows)]
    assert answers[0] != answers[1]
    assert found.script.count("INSERT") <= 3


KEYED = Premise("unique", "bonus", ("employee_id",), "checked")


def test_a_rewrite_that_needs_an_unguaranteed_key_is_conditional() -> None:
    original = "SELECT e.id FROM employee AS e WHERE EXISTS (SELECT 1 FROM bonus AS b WHERE b.employee_id = e.id)"
    candidate = "SELECT e.id FROM employee AS e JOIN bonus AS b ON b.employee_id = e.id"
    tables = tuple(
        table if table.name != "bonus" else type(table)(table.name, table.columns, (Key(("employee_id",), "checked"),))
        for table in SCHEMA.tables
    )
    assert verdict_of(original, candidate, schema=Schema(tables)).grade == "refuted"
    verdict = verdict_of(original, candidate, schema=Schema(tables), steps=(Step("semijoin", "query", (KEYED,)),))
    assert verdict.grade == "tested"
    assert verdict.premises == (KEYED,)


def test_random_queries_cannot_be_verified() -> None:
    text = "SELECT id FROM employee WHERE random() < 0.5"
    assert verdict_of(text, text).grade == "unverifiable"


def test_a_query_without_rows_verifies_nothing() -> None:
    text = "SELECT id FROM employee WHERE salary > 5 AND salary < 5"
    assert verdict_of(text, text).grade == "vacuous"


def test_a_dropped_order_is_not_left_to_luck() -> None:
    verdict = verdict_of("SELECT title FROM employee ORDER BY title", "SELECT title FROM employee")
    assert verdict.grade == "unknown"
    assert "order" in verdict.reason


def test_a_candidate_that_cannot_run_is_refuted() -> None:
    for broken in ("SELECT nothing FROM employee", "SELECT FROM WHERE", "SELECT id FROM nowhere"):
        assert verdict_of("SELECT id FROM employee", broken).grade == "refuted"


def test_optimize_asks_for_the_same_names_and_types() -> None:
    with verifier_of(Query("SELECT id FROM employee", "duckdb", "a"), strict=True) as verifier:
        renamed = Candidate(Query("SELECT id AS number FROM employee", "duckdb", "b"), "a")
        assert verifier.verdict(renamed).grade == "refuted"


def test_parameters_vary_over_the_witnesses() -> None:
    bindings = ((("p1", 100),), (("p1", 5),))
    with verifier_of(Query("SELECT id FROM employee WHERE salary > $p1", "duckdb", "a", bindings)) as verifier:
        fixed = Candidate(Query("SELECT id FROM employee WHERE salary > 100", "duckdb", "b", bindings), "a")
        same = Candidate(Query("SELECT id FROM employee WHERE NOT salary <= $p1", "duckdb", "b", bindings), "a")
        assert verifier.verdict(fixed).grade == "refuted"
        assert verifier.verdict(same).grade == "tested"


def test_the_clock_is_frozen() -> None:
    text = "SELECT id, CURRENT_DATE AS today FROM employee WHERE hired < CURRENT_DATE"
    assert verdict_of(text, text + " AND 1 = 1").grade == "tested"


def test_ambiguous_originals_are_named_and_not_refuted_by_ties() -> None:
    numbered = "SELECT *, ROW_NUMBER() OVER (PARTITION BY department_id ORDER BY salary) AS n FROM employee"
    original = f"SELECT department_id, title FROM ({numbered}) AS e WHERE n = 1"
    verdict = verdict_of(original, original.replace("ORDER BY salary", "ORDER BY salary, id DESC"))
    assert verdict.grade == "tested", verdict
    assert verdict.modulo
    wrong = verdict_of(original, original.replace("ORDER BY salary", "ORDER BY salary DESC"))
    assert wrong.grade == "refuted"


def test_ties_below_a_limit_are_not_refuted_either() -> None:
    original = "SELECT id, title, ROW_NUMBER() OVER (ORDER BY salary) AS n FROM employee LIMIT 5"
    candidate = (
        "SELECT id, title, ROW_NUMBER() OVER (ORDER BY salary) AS n FROM (SELECT * FROM employee ORDER BY salary LIMIT 5) AS e"
    )
    assert verdict_of(original, candidate).grade != "refuted"


def test_ties_of_a_sort_key_outside_the_result_are_not_refuted() -> None:
    original = "SELECT title FROM employee ORDER BY salary LIMIT 2"
    assert verdict_of(original, "SELECT title FROM employee ORDER BY salary, id DESC LIMIT 2").grade != "refuted"
    assert verdict_of(original, "SELECT title FROM employee ORDER BY salary DESC LIMIT 2").grade == "refuted"


def test_witnesses_obey_checks() -> None:
    ddl = "CREATE TABLE t (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL CHECK (amount > 0))"
    verdict = verdict_of("SELECT id FROM t WHERE amount > 0", "SELECT id FROM t", schema=schema_of(ddl, "duckdb"))
    assert verdict.grade == "tested", verdict
