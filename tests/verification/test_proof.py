"""The symbolic proof: what it proves and on which premises, what it must never prove, and the reasons it gives."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from querywright.pipeline import PROOF_S
from querywright.sql.ambiguity import ambiguities
from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Premise
from querywright.verification.proof import Proof, Unproved, prove
from querywright.verification.scratch import Scratch
from querywright.verification.witness import Laboratory

FIXTURES = Path(__file__).parents[1] / "fixtures" / "proof"
SECONDS = 60.0  # far more than any of these needs: the answer must not depend on the machine


@dataclass(frozen=True)
class Case:
    title: str
    schema: Schema
    original: str
    candidate: str
    premises: frozenset[str]
    note: str

    def proof(self, dialect: str = "duckdb", seconds: float = SECONDS) -> Proof | Unproved:
        trees = [qualify_text(text, self.schema, dialect) for text in (self.original, self.candidate)]
        return prove(trees[0], trees[1], self.schema, dialect, seconds)

    def ambiguous(self) -> bool:
        return bool(ambiguities(Facts(qualify_text(self.original, self.schema, "duckdb"), self.schema, "duckdb")))


def cases(name: str) -> list[Case]:
    header, *parts = re.split(r"^# title: ", (FIXTURES / f"{name}.sql").read_text(), flags=re.MULTILINE)
    schema = schema_of("\n".join(line for line in header.splitlines() if not line.startswith("#")), "duckdb")
    found = []
    for part in parts:
        title, _, body = part.partition("\n")
        allowed = re.search(r"^# premises: (.*)$", body, flags=re.MULTILINE)
        first, note, second = re.split(r"^# (equals|differs|unproved: \w+)$", body, flags=re.MULTILINE)
        original, candidate = (re.sub(r"^#.*$", "", text, flags=re.MULTILINE).strip().rstrip(";") for text in (first, second))
        premises = frozenset(re.findall(r"\w+ \w+\([^)]*\)", allowed[1])) if allowed else frozenset[str]()
        found.append(Case(title, schema, original, candidate, premises, note))
    return found


def named(premise: Premise) -> str:
    return f"{premise.kind} {premise.table}({', '.join(premise.columns)})"


def each(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases(name), ids=lambda case: case.title)


@each("proved")
def test_proves(case: Case) -> None:
    found = case.proof()
    assert isinstance(found, Proof), found
    assert {named(premise) for premise in found.premises} <= case.premises


@each("proved")
def test_proves_the_other_way_round(case: Case) -> None:
    assert isinstance(replace(case, original=case.candidate, candidate=case.original).proof(), Proof)


@each("proved")
def test_needs_its_premises(case: Case) -> None:
    bare = Schema(
        tuple(
            replace(table, keys=(), foreign_keys=(), columns=tuple(replace(column, not_null=None) for column in table.columns))
            for table in case.schema.tables
        )
    )
    needed = isinstance(case.proof(), Proof) and case.proof().premises  # type: ignore[union-attr]
    if needed and not case.ambiguous() and replace(case, schema=bare).ambiguous():
        return  # without them the queries are equal up to a choice of the engine's
    assert isinstance(replace(case, schema=bare).proof(), Unproved if needed else Proof)


@each("different")
def test_never_proves_what_differs(case: Case) -> None:
    assert isinstance(case.proof(seconds=PROOF_S), Unproved)


@each("unproved")
def test_says_why_not(case: Case) -> None:
    found = case.proof()
    assert isinstance(found, Unproved)
    assert found.kind == case.note.removeprefix("unproved: ")
    assert found.reason.endswith(".")


@pytest.fixture(scope="module")
def scratch() -> object:
    scratch = Scratch("duckdb")
    yield scratch
    scratch.close()


@each("different")
def test_pairs_labelled_different_are(case: Case, scratch: Scratch) -> None:
    with Laboratory(
        case.original, case.schema, "duckdb", databases=60, strict=False, aim=(case.candidate,), scratch=scratch
    ) as laboratory:
        assert laboratory.run(case.candidate).difference is not None


@each("proved")
def test_pairs_labelled_equal_are(case: Case, scratch: Scratch) -> None:
    with Laboratory(
        case.original, case.schema, "duckdb", databases=60, strict=False, aim=(case.candidate,), scratch=scratch
    ) as laboratory:
        assert laboratory.run(case.candidate).difference is None


def test_a_cast_of_a_sum_rests_on_its_range() -> None:
    """The premise is one that the user has to agree to: it holds for no type that is too narrow for a single value."""
    schema = schema_of("CREATE TABLE t (a INTEGER, b INTEGER)", "duckdb")
    original, candidate = "SELECT b, SUM(a) AS s FROM t GROUP BY b", "SELECT b, CAST(SUM(a) AS {}) AS s FROM t GROUP BY b"
    found = Case("", schema, original, candidate.format("INT"), frozenset(), "").proof()
    assert isinstance(found, Proof)
    assert found.premises == (Premise("fits", "INT", ("SUM(t.a)",), "assumed"),)
    assert isinstance(Case("", schema, original, candidate.format("BIGINT"), frozenset(), "").proof(), Proof)
    for narrow in ("SMALLINT", "TINYINT", "UTINYINT", "UINTEGER"):
        assert isinstance(Case("", schema, original, candidate.format(narrow), frozenset(), "").proof(), Unproved), narrow


def test_a_premise_names_its_basis() -> None:
    schema = schema_of("CREATE TABLE t (a INTEGER UNIQUE, b INTEGER)", "duckdb")
    table = schema.tables[0]
    checked = Schema((replace(table, keys=tuple(replace(key, basis="checked") for key in table.keys)),))
    found = Case(
        "", checked, "SELECT t.a FROM t JOIN t AS u ON t.a = u.a", "SELECT a FROM t WHERE a IS NOT NULL", frozenset(), ""
    ).proof()
    assert isinstance(found, Proof)
    assert [premise.basis for premise in found.premises] == ["checked"]


def test_a_nullable_unique_column_still_repeats_null() -> None:
    schema = schema_of("CREATE TABLE t (a INTEGER UNIQUE, b INTEGER)", "duckdb")
    assert isinstance(Case("", schema, "SELECT DISTINCT a FROM t", "SELECT a FROM t", frozenset(), "").proof(), Unproved)


@pytest.mark.parametrize(
    ("ddl", "original", "candidate"),
    [
        ("CREATE TABLE t (d DATE)", "SELECT d FROM t WHERE d = '2024-01-01'", "SELECT d FROM t WHERE d = '2024-1-1'"),
        ("CREATE TABLE t (a INTEGER)", "SELECT a / 2 AS h FROM t WHERE a = 3", "SELECT 1.5 AS h FROM t WHERE a = 3"),
        ("CREATE TABLE t (a TEXT COLLATE NOCASE)", "SELECT a FROM t WHERE a = 'x'", "SELECT 'x' AS a FROM t WHERE a = 'x'"),
        ("CREATE TABLE t (a INTEGER, b INTEGER)", "SELECT MAX(a, b) AS m FROM t WHERE FALSE", "SELECT NULL AS m"),
    ],
)
def test_sqlite_is_not_taken_for_standard_sql(ddl: str, original: str, candidate: str) -> None:
    case = Case("", schema_of(ddl, "sqlite"), original, candidate, frozenset(), "")
    assert isinstance(case.proof("sqlite"), Unproved)


def test_texts_of_mysql_are_equal_without_being_the_same() -> None:
    schema = schema_of("CREATE TABLE t (a VARCHAR(9))", "mysql")
    case = Case("", schema, "SELECT a FROM t WHERE a = 'x'", "SELECT 'x' AS a FROM t WHERE a = 'x'", frozenset(), "")
    assert isinstance(case.proof("mysql"), Unproved)


def test_no_time_is_a_reason() -> None:
    case = next(case for case in cases("proved") if case.title == "sums of sums")
    trees = [qualify_text(text, case.schema, "duckdb") for text in (case.original, case.candidate)]
    found = prove(trees[0], trees[1], case.schema, "duckdb", 0.0)
    assert isinstance(found, Unproved) and found.kind == "timeout"


def test_without_the_solver_it_says_how_to_install_it() -> None:
    script = """
import sys
sys.modules["z3"] = None
from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.verification.proof import prove
schema = schema_of("CREATE TABLE t (a INTEGER)", "duckdb")
trees = [qualify_text(text, schema, "duckdb") for text in ("SELECT a FROM t", "SELECT a FROM t WHERE TRUE")]
print(prove(*trees, schema, "duckdb"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "querywright[prove]" in done.stdout
