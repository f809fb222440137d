"""The contract of every transform, proved on its fixture.

Golden text, equal answers on nasty databases, and silence where a precondition fails. Cases labelled ``near-miss:`` or ``no-op:``
are those in which the transform must not fire; ``# blocked: …`` is part of the precondition that must be named.
"""

from __future__ import annotations

import doctest
import re
from dataclasses import dataclass
from functools import cache

import pytest
from nasty import databases
from query_fixtures import Case, all_cases, names, read, update
from running import ENGINES, DuckDB, SQLite, differences, runner, telling
from sqlglot import exp

from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.qualify import qualify_text
from querywright.sql.requalify import requalify_text
from querywright.sql.schema import Schema
from querywright.transforms.driver import Rewritten, apply, apply_everywhere, survey, transforms
from querywright.transforms.protocol import FAMILIES

SILENT_LABELS = ("near-miss", "no-op")
CASES = all_cases("transforms")
FIRING = [case for case in CASES if case.label not in SILENT_LABELS]
SILENT = [case for case in CASES if case.label in SILENT_LABELS]
EXECUTIONS = [(case, engine) for case in FIRING for engine in case.engines if engine in ENGINES]
SECTIONS = ("What", "When", "Sound", "Source", "Example")

each_transform = pytest.mark.parametrize("name", sorted({*names("transforms"), *transforms()}))
each_firing = pytest.mark.parametrize("case", FIRING, ids=str)
each_silent = pytest.mark.parametrize("case", SILENT, ids=str)
each_execution = pytest.mark.parametrize(("case", "engine"), EXECUTIONS, ids=str)


@dataclass(frozen=True)
class Prepared:
    """A case in one engine: its qualified tree and what the transform makes of it."""

    tree: exp.Query
    schema: Schema
    rewritten: Rewritten | None


@cache
def prepared(case: Case, engine: str) -> Prepared:
    """Column names are those that the engine reports, as everywhere in the product."""
    schema = schema_of(read("transforms", case.subject).ddl, engine)
    outputs = [name for name, _ in running(case, engine).outputs(case.sql)] if engine in ENGINES else []
    tree = qualify_text(case.sql, schema, engine, outputs)
    return Prepared(tree, schema, apply_everywhere(tree, schema, engine, case.subject))


def running(case: Case, engine: str) -> DuckDB | SQLite:
    return runner(engine, read("transforms", case.subject).ddl)


def one_by_one(case: Case, engine: str) -> list[str]:
    """The texts that applying only one site gives, where there are several."""
    ready = prepared(case, engine)
    findings, _ = survey(ready.tree, ready.schema, engine, [case.subject])
    if len(findings) < 2:
        return []
    return [apply(ready.tree, ready.schema, engine, case.subject, finding.index).tree.sql(engine) for finding in findings]


def texts(case: Case, engine: str) -> tuple[str, str]:
    """Original and rewritten SQL as ``engine`` gets them."""
    rewritten = prepared(case, engine).rewritten
    assert rewritten is not None, f"the transform does not fire under {engine}"
    return case.sql, rewritten.tree.sql(engine)


# ---------------------------------------------------------------------- the plug-in


@each_transform
def test_has_module_and_fixture(name: str) -> None:
    assert name in transforms(), f"write src/querywright/transforms/{name}.py or remove its fixture"
    assert name in names("transforms"), f"write tests/fixtures/transforms/{name}.sql"
    fixture = read("transforms", name)
    assert any(case.label not in SILENT_LABELS for case in fixture.cases), "no case in which the transform fires"
    assert any(case.label in SILENT_LABELS for case in fixture.cases), "no near-miss"
    rewritten = [str(case) for case in fixture.cases if case.label in SILENT_LABELS and case.golden]
    assert not rewritten, f"a near-miss or no-op has no '# becomes': {rewritten}"
    assert set(transforms()[name].ENGINES) & set(ENGINES) <= set(fixture.engines), "an engine it is proposed on is not tested"


@each_transform
def test_documents_itself(name: str) -> None:
    module = transforms()[name]
    text = module.__doc__ or ""
    summary = text.splitlines()[0] if text else ""
    assert summary.endswith("."), "the docstring begins with one sentence"
    missing = [section for section in SECTIONS if not re.search(rf"^{section}:", text, flags=re.MULTILINE)]
    assert not missing, f"sections missing from the docstring: {missing}"
    assert module.FAMILY in FAMILIES
    assert module.ENGINES


@each_transform
def test_example_runs(name: str) -> None:
    def show(sql: str, **tables: str) -> None:
        schema = schema_of(";".join(f"CREATE TABLE {table} ({columns})" for table, columns in tables.items()), "duckdb")
        rewritten = apply_everywhere(qualify_text(sql, schema, "duckdb"), schema, "duckdb", name)
        print(rewritten.tree.sql("duckdb") if rewritten else "unchanged")

    example = doctest.DocTestParser().get_doctest(transforms()[name].__doc__ or "", {"show": show}, name, None, 0)
    assert example.examples, "the docstring has no example"
    report: list[str] = []
    failed, _ = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=report.append)
    assert not failed, "".join(report)


# ---------------------------------------------------------------------- where it fires


@each_firing
def test_golden_text(case: Case, request: pytest.FixtureRequest) -> None:
    _, rewritten = texts(case, "duckdb")
    if request.config.getoption("--update") and rewritten != case.golden:
        update("transforms", case, rewritten)
    else:
        assert rewritten == case.golden, "run with --update to accept, then check by eye"


@each_execution
def test_reading_its_text_gives_the_same_tree(case: Case, engine: str) -> None:
    ready = prepared(case, engine)
    assert ready.rewritten is not None
    again = requalify_text(ready.rewritten.text, ready.schema, engine, ready.tree.named_selects, "the rewrite")
    assert again == ready.rewritten.tree
    for bfs in (True, False):
        assert [node.key for node in again.walk(bfs)] == [node.key for node in ready.rewritten.tree.walk(bfs)]


@each_execution
def test_equal_when_executed(case: Case, engine: str) -> None:
    """Databases on which the original itself fails prove nothing and are left out."""
    original, rewritten = texts(case, engine)
    ready = prepared(case, engine)
    ordered = Facts(ready.tree, ready.schema, engine).total_order(ready.tree) is not None
    limited = any(ready.tree.args.get(clause) for clause in ("limit", "offset", "fetch"))
    assert ordered or not limited, "a LIMIT without a total order has no one answer: order by a key as well"
    here = running(case, engine)
    candidates = [rewritten, *one_by_one(case, engine)]
    told = False
    for number, database in enumerate(databases(ready.schema, ready.tree)):
        here.load(database)
        try:
            expected = here.rows(original)
        except here.error:
            continue
        told |= telling(expected)
        for candidate in candidates:
            difference = differences(expected, here.rows(candidate), ordered=ordered)
            assert not difference, f"database {number}: {difference}\n{candidate}\n{database}"
    assert told, "every database gives an empty answer; change the query so that the test says something"


@each_execution
def test_outputs_keep_names_and_types(case: Case, engine: str) -> None:
    original, rewritten = texts(case, engine)
    assert running(case, engine).outputs(rewritten) == running(case, engine).outputs(original), rewritten


@each_execution
def test_twice_is_once(case: Case, engine: str) -> None:
    ready = prepared(case, engine)
    assert ready.rewritten is not None
    again = qualify_text(ready.rewritten.tree.sql(engine), ready.schema, engine, ready.tree.named_selects)
    further = apply_everywhere(again, ready.schema, engine, case.subject)
    assert further is None, f"fires again on its own output: {further.tree.sql(engine) if further else ''}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_input_is_untouched(case: Case) -> None:
    ready = prepared(case, "duckdb")
    copy = ready.tree.copy()
    survey(ready.tree, ready.schema, "duckdb", [case.subject])
    apply_everywhere(ready.tree, ready.schema, "duckdb", case.subject)
    assert ready.tree == copy
    assert ready.tree.sql("duckdb") == copy.sql("duckdb")


# ---------------------------------------------------------------------- where it must not fire


@each_silent
def test_does_not_fire(case: Case) -> None:
    for engine in {"duckdb", *case.engines} & {*ENGINES}:
        rewritten = prepared(case, engine).rewritten
        assert rewritten is None, f"fires under {engine}: {rewritten.tree.sql(engine) if rewritten else ''}"


@pytest.mark.parametrize("case", [case for case in CASES if "blocked" in case.directives], ids=str)
def test_names_the_obstacle(case: Case) -> None:
    ready = prepared(case, "duckdb")
    _, obstacles = survey(ready.tree, ready.schema, "duckdb", [case.subject])
    assert any(case.directives["blocked"] in obstacle.precondition for obstacle in obstacles), f"named instead: {obstacles}"
