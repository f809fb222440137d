"""The user's own databases are only read, whatever state they are in; what cannot be used is named before the first order."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_line import command, private_machine
from factory_databases import filled
from factory_examples import example

from querywright.databases.specification import schema_title
from querywright.errors import InputError
from querywright.factory.checking import check
from querywright.factory.exporting import export
from querywright.factory.folder import all_examples, journal_of, stored_plans
from querywright.factory.journal import products
from querywright.factory.loop import run
from querywright.factory.quotas import Quotas
from querywright.factory.values import Plan, Product, Solution
from querywright.generation.identity import HELD_OUT
from querywright.serve.cli.factory.making import databases

ODD_NAMES = Path(__file__).parents[1] / "fixtures" / "workloads" / "odd_names.sql"
CONVERSATIONS = ("training_data.jsonl", "validation.jsonl", "test.jsonl")
VISITS = "SELECT v.kind, COUNT(*) AS visits FROM visits AS v GROUP BY v.kind"
SOLVED = Solution(f"{VISITS} HAVING COUNT(*) > 0", "rules")


@pytest.fixture(scope="module", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, tmp_path_factory.mktemp("work"))
        yield


def made(path: Path, out: Path) -> list[Product]:
    """What four orders over the database come to; no order fails, and neither the file nor its folder changes."""
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    run(Plan(engines=("sqlite",), databases=(str(path),), iterations=1, queries=4, threshold=0.0), out)
    assert path.read_bytes() == before and sorted(path.parent.iterdir()) == beside
    found = list(products(journal_of(out, 2)))
    assert len(found) == 4 and {product.order.schema for product in found} == {str(path)}
    assert not [one.reason for product in found for one in product.tries if one.fate == "failed"]
    return found


@pytest.mark.parametrize("keys", [True, False])
def test_a_database_with_keys_or_without_is_only_read(tmp_path: Path, keys: bool) -> None:
    (tmp_path / "data").mkdir()
    with filled(tmp_path / "data" / "own.sqlite", keys):
        pass
    made(tmp_path / "data" / "own.sqlite", tmp_path / "out")


def test_an_empty_table_among_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "own.sqlite"
    with filled(path) as connection:
        connection.execute("CREATE TABLE refunds (id INTEGER PRIMARY KEY, visit_id INTEGER NOT NULL REFERENCES visits (id))")
        connection.commit()
    assert not [one for product in made(path, tmp_path / "out") for one in product.examples if "refunds" in one.slow]


def test_a_database_that_another_program_has_open_in_wal_mode_is_read_without_indexes(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "own.sqlite"
    with filled(path, mode="wal"):
        assert path.with_name("own.sqlite-wal").stat().st_size
        found = made(path, tmp_path / "out")
    assert not [one for product in found for one in product.examples if one.solution.statements]


def test_a_folder_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "own.sqlite"
    with filled(path):
        pass
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        made(path, tmp_path / "out")
    finally:
        path.parent.chmod(0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="everything can be read by root")
def test_a_database_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.sqlite"
    with filled(path):
        pass
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        run(Plan(engines=("sqlite",), databases=(str(path),)), tmp_path / "out")


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.sqlite"
    with filled(path):
        pass
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="malformed"):
        run(Plan(engines=("sqlite",), databases=(str(path),)), tmp_path / "out")


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE things (what TEXT)", "INSERT INTO things VALUES ('one')"),
        ("CREATE TABLE things (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, size INTEGER)",),
    ],
)
def test_a_schema_over_which_no_query_can_be_drawn_is_refused(tmp_path: Path, statements: tuple[str, ...]) -> None:
    path = tmp_path / "bad.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    with pytest.raises(InputError, match="No query can be drawn"):
        run(Plan(engines=("sqlite",), databases=(str(path),), iterations=1), tmp_path / "out")


def test_the_second_of_two_databases_is_looked_at_before_the_first_order(tmp_path: Path) -> None:
    path = tmp_path / "own.sqlite"
    with filled(path):
        pass
    plan = Plan(engines=("sqlite",), databases=(str(path), str(tmp_path / "none.sqlite")), iterations=1, queries=1)
    with pytest.raises(InputError, match="does not exist"):
        run(plan, tmp_path / "out")
    assert not list(products(journal_of(tmp_path / "out", 2)))


def test_a_database_of_another_engine_is_refused_and_the_remedy_works(tmp_path: Path) -> None:
    path = tmp_path / "own.sqlite"
    with filled(path):
        pass
    asked = Plan(databases=(str(path),), iterations=1, queries=1)
    with pytest.raises(InputError, match="is not a duckdb database") as refused:
        run(asked, tmp_path / "out")
    assert refused.value.remedy == "Add --engine sqlite."
    assert run(Plan(engines=("sqlite",), databases=(str(path),), iterations=1, queries=1), tmp_path / "out")["questions"] == 1


def test_a_path_means_the_same_database_from_wherever_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    private_machine(monkeypatch, tmp_path)
    qw = command(monkeypatch, capsys)
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "data" / "own.sqlite"
    with filled(path):
        pass
    out = tmp_path / "out"
    run(Plan(engines=("sqlite",), databases=databases(["data/own.sqlite"]), iterations=1, queries=2, threshold=0.0), out)
    assert stored_plans(out)[0].databases == (str(path),)
    assert {one.database for one in all_examples(out)} <= {str(path)}
    words = ("factory", "run", "--engine", "sqlite", "--threshold", 0, "--out", out, "--json")
    monkeypatch.chdir(tmp_path / "elsewhere")
    for named in (str(path), "../data/own.sqlite", "../data/../data/own.sqlite"):
        assert qw(*words, "--iterations", 1, "--db", named).code == 0
    further = qw(*words, "--iterations", 2, "--db", "../data/own.sqlite")
    assert further.code == 0 and '"questions": 4' in further.out
    other = qw(*words, "--db", "shop")
    assert other.code == 2 and "holds a run with other databases" in other.err
    export([example(0, "sqlite", database=stored_plans(out)[0].databases[0], slow=VISITS, clean=VISITS, solution=SOLVED)], out)
    assert qw("factory", "check", out / "training_data.jsonl", "--rows", 1000).code == 0


def test_without_an_engine_the_one_of_the_database_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    qw = command(monkeypatch, capsys)
    path = tmp_path / "own.sqlite"
    with filled(path):
        pass
    done = qw("factory", "run", "--db", path, "--iterations", 1, "--out", tmp_path / "out")
    assert done.code == 0 and stored_plans(tmp_path / "out")[0].engines == ("sqlite",)
    refused = qw("factory", "run", "--db", path, "--engine", "duckdb", "--out", tmp_path / "other")
    assert refused.code == 2 and "Add --engine sqlite." in refused.err


def test_what_is_no_path_stays_as_it_is_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows").mkdir()
    typed = ("shop", "tpch:sf=0.1,engine=sqlite", "sqlite:///own.sqlite", "mistyped.sqlite")
    assert databases(typed) == typed
    assert databases(("rows", "./rows", "rows/*.parquet", "rows")) == (
        str(tmp_path / "rows"),
        str(tmp_path / "rows" / "*.parquet"),
    )


def test_a_file_of_tables_comes_at_every_size_on_both_engines_from_wherever_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ODD_NAMES, tmp_path / "odd_names.sql")
    monkeypatch.chdir(tmp_path)
    chosen = databases(["ddl:file=odd_names.sql"])
    plan = Plan(databases=chosen, iterations=2, queries=6, threshold=0.0, seed=4)
    run(plan, tmp_path / "out")
    monkeypatch.chdir("/")
    found = list(products(journal_of(tmp_path / "out", 2)))
    assert not [one.reason for product in found for one in product.tries if one.fate == "failed"]
    made = [example for product in found for example in product.examples]
    assert made and {example.schema for example in made} == {"odd_names"}
    assert all(f"ddl:file={tmp_path}/odd_names.sql" in example.database for example in made)
    exported = export(all_examples(tmp_path / "out"), tmp_path / "data", plan.seed)
    checked = [check(tmp_path / "data" / name, rows=1000) for name in CONVERSATIONS if exported.files[name]]
    assert sum(one.lines for one in checked) == len(made) and not [fault for one in checked for fault in one.faults]


@pytest.mark.parametrize("schema", ["social", "social:seed=3", "social:rows=5000,engine=sqlite"])
def test_a_schema_that_is_held_out_is_so_at_any_size_and_seed(schema: str) -> None:
    assert schema_title(schema) == "social"
    assert Quotas().schema_weights([schema, "hr"], HELD_OUT)[schema] < 1
