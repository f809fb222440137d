"""The contract of every anti-pattern, proved on its labelled queries.

What is injected is found, answers stay equal on nasty databases, and clean queries are left in peace. Cases are of four kinds:

- with ``# becomes`` and a second statement: the first is clean, the second is what ``inject`` makes of it under DuckDB;
- titled ``habit: …``: the statement has the habit; ``# finds: severity, severity, …`` names what is found, in order;
- titled ``clean: …``: nothing is found;
- titled ``near-miss: …``: nothing is found and nothing can be injected.
"""

from __future__ import annotations

import re
from functools import cache

import pytest
from nasty import databases
from query_fixtures import Case, all_cases, names, read, update
from running import differences, runner, telling
from sqlglot import exp

from querywright.antipatterns.driver import Habit, antipatterns, habits, inject
from querywright.antipatterns.protocol import SEVERITIES
from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema
from querywright.transforms.driver import survey, transforms

LABELS = ("habit", "clean", "near-miss")
CASES = all_cases("antipatterns")
INJECTABLE = [case for case in CASES if case.label not in LABELS]
SECTIONS = ("Cost", "Why")

each_antipattern = pytest.mark.parametrize("name", sorted({*names("antipatterns"), *antipatterns()}))
each_injectable = pytest.mark.parametrize(
    ("case", "engine"), [(case, engine) for case in INJECTABLE for engine in case.engines], ids=str
)
each_case = pytest.mark.parametrize(("case", "engine"), [(case, engine) for case in CASES for engine in case.engines], ids=str)


def schema_under(case: Case, engine: str) -> Schema:
    return schema_of(read("antipatterns", case.subject).ddl, engine)


@cache
def qualified(case: Case, engine: str, sql: str) -> exp.Query:
    outputs = [name for name, _ in runner(engine, read("antipatterns", case.subject).ddl).outputs(case.sql)]
    return qualify(parse_query(sql, engine), schema_under(case, engine), engine, outputs)


def found(case: Case, engine: str, sql: str) -> list[Habit]:
    """Occurrences of the case's own anti-pattern."""
    every = habits(qualified(case, engine, sql), parse_query(sql, engine), schema_under(case, engine), engine)
    return [habit for habit in every if habit.antipattern == case.subject]


def injected(case: Case, engine: str) -> str | None:
    written = inject(qualified(case, engine, case.sql), schema_under(case, engine), engine, case.subject)
    return written.sql(engine) if written is not None else None


@each_antipattern
def test_has_module_and_fixture(name: str) -> None:
    assert name in antipatterns(), f"write src/querywright/antipatterns/{name}.py or remove its fixture"
    assert name in names("antipatterns"), f"write tests/fixtures/antipatterns/{name}.sql"
    cases = read("antipatterns", name).cases
    labels = {case.label if case.label in LABELS else "inject" for case in cases}
    assert {"inject", "habit", "clean"} <= labels, f"kinds of cases missing: {labels}"
    for case in cases:
        assert case.golden is None or case.label not in LABELS, f"{case}: only cases without a label have '# becomes'"
        assert bool(case.listed("finds")) == (case.label == "habit"), f"{case}: '# finds:' belongs to 'habit:' cases"


@each_antipattern
def test_documents_itself(name: str) -> None:
    module = antipatterns()[name]
    text = module.__doc__ or ""
    assert text.splitlines()[0].endswith("."), "the docstring begins with one sentence"
    missing = [section for section in SECTIONS if not re.search(rf"^{section}:", text, flags=re.MULTILINE)]
    assert not missing, f"sections missing from the docstring: {missing}"
    assert module.SEVERITY in SEVERITIES


@each_antipattern
def test_names_a_cure_or_says_why_there_is_none(name: str) -> None:
    module = antipatterns()[name]
    reason = re.search(r"^Uncured: .{20,}", module.__doc__ or "", flags=re.MULTILINE)
    assert bool(module.CURES) != bool(reason), "name transforms in CURES, or say in section Uncured why none removes it"


@each_antipattern
def test_cures_are_transforms_that_apply(name: str) -> None:
    """Each cure has a site in some query of the fixture that has the habit."""
    for cure in antipatterns()[name].CURES:
        assert cure in transforms()
        sick = [(case, case.sql if case.label == "habit" else case.golden) for case in read("antipatterns", name).cases]
        trees = [(case, qualified(case, "duckdb", sql)) for case, sql in sick if sql and "duckdb" in case.engines]
        assert any(survey(tree, schema_under(case, "duckdb"), "duckdb", [cure])[0] for case, tree in trees), cure


@pytest.mark.parametrize("case", INJECTABLE, ids=str)
def test_golden_text(case: Case, request: pytest.FixtureRequest) -> None:
    written = injected(case, "duckdb" if "duckdb" in case.engines else case.engines[0])
    if request.config.getoption("--update") and written is not None and written != case.golden:
        update("antipatterns", case, written)
    else:
        assert written == case.golden, "run with --update to accept, then check by eye"


@each_injectable
def test_injected_is_found_and_clean_is_not(case: Case, engine: str) -> None:
    text = injected(case, engine)
    assert text is not None
    assert not found(case, engine, case.sql)
    assert found(case, engine, text)


@each_injectable
def test_injected_is_equal_when_executed(case: Case, engine: str) -> None:
    """Databases on which the clean query itself fails prove nothing and are left out."""
    text, schema = injected(case, engine), schema_under(case, engine)
    assert text is not None
    tree = qualified(case, engine, case.sql)
    ordered = Facts(tree, schema, engine).total_order(tree) is not None
    here = runner(engine, read("antipatterns", case.subject).ddl)
    assert here.outputs(text) == here.outputs(case.sql)
    told = False
    for number, database in enumerate(databases(schema, tree)):
        here.load(database)
        try:
            expected = here.rows(case.sql)
        except here.error:
            continue
        told |= telling(expected)
        difference = differences(expected, here.rows(text), ordered=ordered)
        assert not difference, f"database {number}: {difference}\n{text}\n{database}"
    assert told, "every database gives an empty answer; change the query so that the test says something"


@each_case
def test_labels(case: Case, engine: str) -> None:
    severities = tuple(habit.severity for habit in found(case, engine, case.sql))
    assert sorted(severities) == sorted(case.listed("finds"))
    if case.label == "near-miss":
        assert injected(case, engine) is None


@each_case
def test_every_query_runs_and_stays_untouched(case: Case, engine: str) -> None:
    tree, parsed = qualified(case, engine, case.sql), parse_query(case.sql, engine)
    copies = tree.copy(), parsed.copy()
    for habit in habits(tree, parsed, schema_under(case, engine), engine):
        assert habit.detail and habit.path
        assert bool(habit.cures) != bool(habit.uncured)
    for name in antipatterns():
        inject(tree, schema_under(case, engine), engine, name)
    assert (tree, parsed) == copies
