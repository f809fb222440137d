"""Prompts as they are sent: their texts on file, what stays out of them, and that they never vary by themselves."""

from __future__ import annotations

import difflib
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from prompt_requests import DDL, EXAMPLE, PLAN, REFUTED, SQL, analyzed, attempt, request

from querywright.analyze import analyze
from querywright.pipeline import verify
from querywright.propose.contract import SCHEMA
from querywright.propose.history import private, result
from querywright.propose.prompting import PromptRequest, messages, plain
from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.transforms.protocol import FAMILIES
from querywright.values import Counterexample, Query, Verdict

FIXTURES = Path(__file__).parents[1] / "fixtures" / "prompts"
RULES = attempt("SELECT 2", "push_predicate_down", proposer="rules", ratio=1.4)
SLOWER = attempt("SELECT 3 AS x", "inline_cte", ratio=0.8)
FASTER = attempt("SELECT 4 AS x", "decorrelate", "pushdown", ratio=1.72)
FAILED = attempt("SELECT 5 AS x", "or_to_union", failure="error: Could not convert string 'Ann Smith' to INT32 (row 77)")

REQUESTS: dict[str, PromptRequest] = {
    "first": request(examples=(EXAMPLE,), leads=("decorrelate", "early_filter", "or_to_union")),
    "improving": request(
        examples=(EXAMPLE,), attempts=(RULES, SLOWER, FASTER), speedup=1.72, analysis=analyzed(plan=PLAN), leads=("pushdown",)
    ),
    "after a failure": request(attempts=(FAILED, REFUTED), problems=("Column totl does not exist.",)),
    "a retry among workers": request(attempts=(RULES, FASTER), others=True, number=3, total=5),
    "redacted": request(redact_literals=True, attempts=(attempt(SQL.replace("10", "11"), "pushdown", ratio=1.2), REFUTED)),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_prompts_are_as_on_file(name: str, update: bool) -> None:
    path = FIXTURES / f"{name.replace(' ', '_')}.md"
    text = plain(messages(_without_figures(REQUESTS[name])))
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    stored = path.read_text(encoding="utf-8")
    assert text == stored, "\n".join(difflib.unified_diff(stored.splitlines(), text.splitlines(), lineterm=""))


def _without_figures(given: PromptRequest) -> PromptRequest:
    """Figures and hints change with every measurement; they have tests of their own."""
    from dataclasses import replace

    return replace(given, engine="no_engine", version="1.0", analysis=replace(given.analysis, hints=()))


@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_request_gives_the_same_prompt(name: str) -> None:
    assert messages(REQUESTS[name]) == messages(REQUESTS[name])


def test_a_prompt_has_what_the_contract_needs() -> None:
    system, user = messages(REQUESTS["improving"])
    assert (system.role, user.role) == ("system", "user")
    assert all(family in system.content for family in FAMILIES)
    assert all(f'"{key}"' in system.content for key in SCHEMA["properties"])  # type: ignore[attr-defined]
    headings = [line for line in user.content.splitlines() if line.startswith("## ")]
    assert [heading.split(":")[0] for heading in headings] == [
        "## Examples",
        "## Reached Without You",
        "## Previous Iterations",
        "## Current Challenge",
        "## Engine Profile",
        "## ML Recommendations",
        "## AST Patterns Detected",
        "## Query",
        "## Target Nodes",
        "## Query DAG",
        "## Execution Plan",
        "## Schema",
    ]
    assert user.content.endswith("Now output your rewrite_sets to bridge the 0.28x gap, keeping what was gained:")


def test_what_the_engine_does_by_itself_is_told() -> None:
    user = messages(REQUESTS["first"])[1].content
    assert "## Engine Profile: duckdb 1.5.5" in user
    assert "It misses, so that rewriting by hand pays:" in user
    assert "It does by itself, or rewriting changes nothing:" in user


# ---------------------------------------------------------------------- privacy


def test_no_value_of_the_database_is_in_a_prompt(tmp_path: Path) -> None:
    """A real database whose every value is recognizable, analyzed and explained with its actual costs."""
    from querywright.analyze.preparing import prepare
    from querywright.engines.session import Session

    path = tmp_path / "secret.duckdb"
    with duckdb.connect(str(path)) as store:
        store.execute(DDL)
        store.execute(
            "INSERT INTO customers SELECT 770000 + i, 'secret name ' || i, 'secret land ' || i % 3 FROM range(500) AS r(i)"
        )
        store.execute(
            "INSERT INTO orders SELECT 880000 + i, 770000 + i % 500, DATE '2031-05-01' + CAST(i % 90 AS INT), 990000.5 + i "
            "FROM range(5000) AS r(i)"
        )
    prepared = prepare(SQL, str(path))
    with Session(prepared.database.location) as session:
        plan = session.explain(SQL, (), True)
    analysis = analyze(prepared.query, prepared.tree, prepared.database.schema, "duckdb", plan)
    text = plain(messages(request(analysis=analysis, examples=(), attempts=(FAILED,))))
    for value in ("secret", "7700", "8800", "2031", "9900", "Ann Smith"):
        assert value not in text
    assert "5,000 rows" in text, "row counts are told"


@pytest.mark.parametrize("redact", [False, True])
def test_no_value_that_only_the_schema_spells_is_in_a_prompt(redact: bool, tmp_path: Path) -> None:
    """Labels of enumerated types, expressions and conditions of indexes, defaults, checks, comments."""
    from querywright.analyze.preparing import prepare

    with duckdb.connect(str(tmp_path / "store.duckdb")) as store:
        store.execute("CREATE TYPE mood AS ENUM ('secret, it''s sad', 'secret glad')")
        store.execute(
            "CREATE TABLE t (id INT PRIMARY KEY, m mood, s TEXT DEFAULT 'secret' CHECK (s <> 'secret'), d DECIMAL(9, 2))"
        )
        store.execute("CREATE INDEX i ON t (coalesce(s, 'secret 77001'), d)")
        store.execute("COMMENT ON TABLE t IS 'secret'; COMMENT ON COLUMN t.s IS 'secret'")
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as store:
        store.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, m TEXT CHECK (m <> 'secret'), s TEXT DEFAULT 'secret', d INT)"
        )
        store.executescript("CREATE INDEX i ON t (d) WHERE s = 'secret'; CREATE INDEX j ON t (coalesce(s, 'secret'))")
    for engine in ("duckdb", "sqlite"):
        prepared = prepare("SELECT m, d FROM t WHERE s = 'x'", str(tmp_path / f"store.{engine}"))
        analysis = analyze(prepared.query, prepared.tree, prepared.database.schema, engine)
        text = plain(messages(PromptRequest(analysis, engine, redact_literals=redact)))
        assert "secret" not in text and "77001" not in text
        assert "index: (expression)" in text
    assert "d INT" in text


def test_redacted_prompts_hold_no_literal_of_the_query() -> None:
    text = plain(messages(REQUESTS["redacted"])[1:])
    for value in ("Atlantis", "2024", "loyal", "LIMIT 10", "LIMIT 11"):
        assert value not in text
    assert "c.country = $text_1" in text
    assert "Counterexample" not in text, "its values lie close to the literals"


def test_counterexamples_of_generated_rows_are_shown_those_of_data_never() -> None:
    found = Verdict("refuted", reason="On the store: The rows differ.")
    on_data = attempt("SELECT 1", "pushdown", verdict=found)
    assert "Counterexample" not in plain(messages(request(attempts=(on_data,))))
    assert "INSERT INTO customers VALUES (1);" in plain(messages(request(attempts=(on_data, REFUTED))))


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ("SELECT id, m FROM t WHERE m <> 'secret glad'", "ENUM('label_1', 'secret glad') NOT NULL, UNIQUE"),
        ("SELECT id, CAST(m AS TEXT) AS m FROM t", "not equal: Column 2 (m) is ENUM('label_1', 'label_2') in the original"),
        ("SELECT id, m FROM t WHERE id > 0", "-- 0 | label_2"),
    ],
    ids=["rows", "types", "cells"],
)
def test_labels_of_enumerated_types_stay_out_of_what_refuted_a_rewrite(wrong: str, shown: str) -> None:
    original = "SELECT id, m FROM t"
    store = schema_of("CREATE TABLE t (id INTEGER PRIMARY KEY, m ENUM('secret sad', 'secret glad') NOT NULL)", "duckdb")
    tree = qualify_text(original, store, "duckdb", ("id", "m"))
    analysis = analyze(Query(original, "duckdb", "original"), tree, store, "duckdb")
    verdict = verify(original, wrong, schema=store, strict=True)
    assert verdict.grade == "refuted" and verdict.counterexample is not None
    text = plain(messages(PromptRequest(analysis, "duckdb", attempts=(attempt(wrong, verdict=verdict),))))
    assert "secret sad" not in text
    assert shown in text, text
    assert ("secret glad" in text) == ("secret glad" in wrong), "what the model wrote itself it may see"


def test_of_two_counterexamples_the_last_is_shown() -> None:
    later = attempt("SELECT 9", verdict=Verdict("refuted", counterexample=Counterexample("-- the later one", (), ())))
    user = messages(request(attempts=(REFUTED, later)))[1].content
    assert "-- the later one" in user
    assert "INSERT INTO customers" not in user


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("error: Could not convert string 'Ann' to INT32", "error: Could not convert string … to INT32"),
        ('error: invalid date "2031-02-30" at 17', "error: invalid date … at …"),
        ('error: Binder Error: column "spend" not found', 'error: Binder Error: column "spend" not found'),
        ("The candidate fails: Overflow in 123456 * 3", "The candidate fails: Overflow in … * …"),
        ("The candidate did not finish in time.", "The candidate did not finish in time."),
    ],
)
def test_error_messages_lose_what_may_be_data(message: str, told: str) -> None:
    assert private(message, "SELECT spend FROM t") == told


def test_results_are_told_in_words_without_data() -> None:
    assert "Ann" not in result(FAILED)
    assert result(FASTER) == "1.72x"
    assert result(REFUTED) == "not equal: The rows differ."
