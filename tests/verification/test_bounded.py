"""Bounded proof: what it shows of small databases, what it must never show, and the databases it finds where queries differ."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from test_proof import Case, cases, each

from querywright.pipeline import PROOF_S
from querywright.sql.ddl import schema_of
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Candidate, Counterexample, Query, Verdict
from querywright.verification.bounded import Bounded, Suspect, Unbounded, bounded
from querywright.verification.mutate import mutants
from querywright.verification.proof import Proof
from querywright.verification.proofs import witness_of
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier
from querywright.verification.witness import Laboratory

SECONDS = 60.0  # far more than any of these needs: the answer must not depend on the machine
SCHEMA = schema_of("CREATE TABLE t (a INTEGER, b INTEGER); CREATE TABLE u (id INTEGER PRIMARY KEY, a INTEGER NOT NULL)", "duckdb")
OPEN = {
    "another direction under a LIMIT",
    "DISTINCT before and after a window",
    "the first row and a random one of its ties",
    "a LIMIT pushed below a filter",
    "another LIMIT",
    "an offset",
    "a LIMIT below the condition of an EXISTS",
    "a limit over a larger one",
    "a limit over a smaller one of each side of a join",
    "an OFFSET inside EXISTS",
    "an offset over a limit",
    "the second of the values is not the first",
}
"""Different pairs that the bounded proof does not cover."""

INEXACT = {
    "the average of averages",
    "laws of arithmetic do not hold for floating numbers",
    "NOT IN of pairs",
    "tuples in a subquery below a negation",
}
"""Different pairs with functions that the solver knows nothing about: what it finds need not show in the engine."""


@pytest.fixture(scope="module")
def scratches() -> Iterator[tuple[Scratch, Scratch]]:
    pair = (Scratch("duckdb"), Scratch("duckdb"))
    yield pair
    for scratch in pair:
        scratch.close()


def decided(case: Case, rows: int = 2, dialect: str = "duckdb", seconds: float = SECONDS) -> Bounded | Suspect | Unbounded:
    trees = [qualify_text(text, case.schema, dialect) for text in (case.original, case.candidate)]
    return bounded(trees[0], trees[1], case.schema, dialect, seconds, rows)


def of(original: str, candidate: str, schema: Schema = SCHEMA, rows: int = 2, dialect: str = "duckdb") -> object:
    return decided(Case("", schema, original, candidate, frozenset(), ""), rows, dialect)


def laboratory(case: Case, scratches: tuple[Scratch, Scratch], databases: int = 0) -> Laboratory:
    aim = (case.candidate,)
    return Laboratory(case.original, case.schema, "duckdb", databases=databases, strict=False, aim=aim, scratch=scratches[0])


@each("different")
def test_a_difference_is_found_and_shows_in_the_engine(case: Case, scratches: tuple[Scratch, Scratch]) -> None:
    found = decided(case)
    if case.title in OPEN:
        assert isinstance(found, Unbounded) and found.reason.endswith(".")
        return
    assert isinstance(found, Suspect), found
    assert all(len(rows) <= 2 for rows in found.rows.values())
    with laboratory(case, scratches) as real:
        assert real.tried(case.candidate, witness_of(found, real.schema, ())) is not None or case.title in INEXACT


@each("proved")
def test_what_is_equal_is_never_refuted(case: Case, scratches: tuple[Scratch, Scratch]) -> None:
    found = decided(case)
    if isinstance(found, Suspect):  # a function that the solver knows nothing about
        with laboratory(case, scratches) as real:
            assert real.tried(case.candidate, witness_of(found, real.schema, ())) is None
    if isinstance(found, Bounded):
        assert found.rows == 2 and {premise.basis for premise in found.premises} <= {"declared"}


@pytest.mark.parametrize("case", cases("proved")[::4], ids=lambda case: case.title)
def test_proofs_and_witnesses_never_contradict_each_other(case: Case, scratches: tuple[Scratch, Scratch]) -> None:
    for mutant in mutants(parse_query(case.original, "duckdb"), "duckdb", seed=7, most=3):
        changed = Case(mutant.change, case.schema, case.original, mutant.text, frozenset(), "")
        small, proof = decided(changed, seconds=PROOF_S), changed.proof(seconds=PROOF_S)  # no answer contradicts nothing
        if isinstance(small, Bounded) or isinstance(proof, Proof):
            with laboratory(changed, scratches, 40) as real:
                outcome = real.run(mutant.text)
            assert outcome.difference is None or (isinstance(small, Bounded) and not isinstance(proof, Proof)), mutant.text
            assert outcome.counterexample is None or larger(outcome.counterexample), mutant.text


def larger(counterexample: Counterexample, rows: int = 2) -> bool:
    """Whether a counterexample needs more rows in some table."""
    return max(Counter(re.findall(r'INSERT INTO "(\w+)"', counterexample.script)).values(), default=0) > rows


@pytest.mark.parametrize(
    ("original", "candidate", "rows"),
    [
        ("SELECT a FROM t GROUP BY a HAVING COUNT(*) > 2", "SELECT a FROM t WHERE FALSE GROUP BY a", 3),
        ("SELECT COUNT(*) AS n FROM t HAVING COUNT(*) <> 3", "SELECT COUNT(*) AS n FROM t", 3),
        ("SELECT u.id FROM u ORDER BY id LIMIT 1", "SELECT id FROM u WHERE id = (SELECT MAX(id) FROM u)", 2),
        (
            "SELECT a, (SELECT COUNT(*) FROM t AS s WHERE s.b <= t.b) AS n FROM t",
            "SELECT a, COUNT(b) OVER (ORDER BY b) AS n FROM t",
            2,
        ),
        ("SELECT id, SUM(a) OVER (ORDER BY id) AS s FROM u", "SELECT id, SUM(a) OVER (ORDER BY a) AS s FROM u", 2),
        ("SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS n FROM u", "SELECT id, RANK() OVER (ORDER BY a) AS n FROM u", 2),
    ],
)
def test_what_takes_more_rows_is_told_apart_with_more(original: str, candidate: str, rows: int) -> None:
    assert isinstance(of(original, candidate, rows=rows), Suspect)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ("SELECT id FROM u WHERE a > 3", "SELECT id FROM u WHERE a >= 4"),
        ("SELECT id, RANK() OVER (ORDER BY id) AS n FROM u", "SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS n FROM u"),
        ("SELECT id FROM u ORDER BY id LIMIT 1", "SELECT MIN(id) AS id FROM u HAVING COUNT(*) > 0"),
        ("SELECT AVG(b) AS m FROM t", "SELECT SUM(b) / COUNT(b) AS m FROM t"),
        (
            "SELECT a, (SELECT COUNT(*) FROM t AS s WHERE s.b <= t.b) AS n FROM t",
            "SELECT a, CASE WHEN b IS NULL THEN 0 ELSE COUNT(b) OVER (ORDER BY b) END AS n FROM t",
        ),
        ("SELECT a FROM t WHERE a > 3 ORDER BY b LIMIT 10", "SELECT a FROM t WHERE NOT a <= 3 ORDER BY b LIMIT 10"),
        (
            "SELECT x.a AS a, y.a AS b FROM u AS x JOIN u AS y ON x.id = y.a ORDER BY x.id, y.id LIMIT 2",
            "SELECT x.a AS a, y.a AS b FROM u AS y JOIN u AS x ON y.a = x.id ORDER BY x.id, y.id LIMIT 2",
        ),
    ],
)
def test_equal_on_small_databases(original: str, candidate: str) -> None:
    found = of(original, candidate, rows=3)
    assert isinstance(found, Bounded) and found.rows in (2, 3)


def test_what_never_returns_rows_is_not_proved() -> None:
    found = of("SELECT a FROM t GROUP BY a HAVING COUNT(*) > 2", "SELECT a FROM t WHERE FALSE GROUP BY a", rows=2)
    assert isinstance(found, Unbounded) and "returns no rows on any database with at most 2 rows" in found.reason


def verdict(original: str, candidate: str, scratches: tuple[Scratch, Scratch], schema: Schema = SCHEMA) -> Verdict:
    query = Query(original, "duckdb", "0" * 16)
    with Verifier(query, schema, "duckdb", databases=40, strict=False, proof_s=SECONDS / 6, scratch=scratches) as verifier:
        return verifier.verdict(Candidate(Query(candidate, "duckdb", "1" * 16), "0" * 16))


def test_between_tested_and_proved(scratches: tuple[Scratch, Scratch]) -> None:
    text = "SELECT id FROM u ORDER BY id LIMIT 1"
    found = verdict(text, "SELECT id FROM u WHERE id = (SELECT MIN(id) FROM u)", scratches)
    if found.grade != "proved":  # as long as the proof for all databases is beyond the prover
        assert found.grade == "bounded", found
        assert [check.method for check in found.checks] == ["witness", "bounded"] and found.checks[-1].rows >= 2
        assert found.reason.startswith("Not proved: ")


def test_the_solver_finds_what_witnesses_miss(scratches: tuple[Scratch, Scratch]) -> None:
    # It takes a table without rows beside one with some.
    found = verdict(
        "SELECT SUM(t.a * n.one) AS s FROM t CROSS JOIN (SELECT 1 AS one FROM u) AS n",
        "SELECT (SELECT SUM(a) FROM t) * (SELECT COUNT(*) FROM u) AS s",
        scratches,
    )
    assert found.grade == "refuted" and found.counterexample is not None


def test_without_the_solver_it_says_how_to_install_it() -> None:
    script = """
import sys
sys.modules["z3"] = None
from querywright.values import Candidate, Query
from querywright.sql.ddl import schema_of
from querywright.verification.bounded import bounded
from querywright.verification.verdicts import Verifier
from querywright.sql.qualify import qualify_text
if __name__ == "__main__":
    schema = schema_of("CREATE TABLE t (a INTEGER)", "duckdb")
    texts = ["SELECT a FROM t WHERE a > 1", "SELECT a FROM t WHERE NOT a <= 1"]
    print(bounded(*(qualify_text(text, schema, "duckdb") for text in texts), schema, "duckdb").reason)
    with Verifier(Query(texts[0], "duckdb", "0"), schema, "duckdb", proof_s=5.0) as verifier:
        verdict = verifier.verdict(Candidate(Query(texts[1], "duckdb", "1"), "0"))
    print(verdict.grade, verdict.reason)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    bound, tested = done.stdout.splitlines()
    assert "pip install 'querywright[prove]'" in bound
    assert tested.startswith("tested Not proved: ") and "pip install 'querywright[prove]'" in tested
