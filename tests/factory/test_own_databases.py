"""The user's own databases are only read, whatever state they are in; what cannot be used is named before the first order."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_line import private_machine
from factory_databases import filled

from querywright.errors import InputError
from querywright.factory.folder import journal_of
from querywright.factory.journal import products
from querywright.factory.loop import run
from querywright.factory.values import Plan, Product


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
