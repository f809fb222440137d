"""What a catalog says of collations, and of views that cannot be read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from querywright.engines.protocol import Location
from querywright.engines.session import Session, engine_of

COLLATED = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR COLLATE NOCASE, "
    '"odd "" name" VARCHAR COLLATE NOCASE, name VARCHAR)',
    "CREATE VIEW emails AS SELECT email, id FROM people WHERE name = 'a'",
)
BROKEN = ("CREATE TABLE gone (a INTEGER)", "CREATE VIEW broken AS SELECT a FROM gone", "DROP TABLE gone")


def written(engine: str, folder: Path, statements: tuple[str, ...]) -> Location:
    path = folder / f"odd.{engine}"
    connection = duckdb.connect(str(path)) if engine == "duckdb" else sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return Location(engine, str(path))


def collated(location: Location) -> set[tuple[str, str]]:
    with Session(location) as session:
        return {(table.name, column.name) for table in session.schema().tables for column in table.columns if column.collated}


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_types_name_the_collation(engine: str, tmp_path: Path) -> None:
    expected = {("people", "email"), ("people", 'odd " name'), ("emails", "email")}
    assert collated(written(engine, tmp_path, COLLATED)) == expected


def test_a_collation_of_a_program_is_named(tmp_path: Path) -> None:
    """SQLite files may need a collation that only their own program has; other queries still run."""
    connection = sqlite3.connect(tmp_path / "own.sqlite")
    connection.create_collation("house_rules", lambda one, other: (one > other) - (one < other))
    connection.execute("CREATE TABLE t (a TEXT COLLATE house_rules, b INTEGER)")
    connection.close()
    assert collated(Location("sqlite", str(tmp_path / "own.sqlite"))) == {("t", "a")}


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_tables_keep_their_collation_elsewhere(engine: str, tmp_path: Path) -> None:
    with Session(written(engine, tmp_path, COLLATED)) as session:
        people = session.schema().table("people")
    assert people is not None
    with Session(Location(engine, writable=True)) as scratch:
        scratch.execute(engine_of(scratch.location).create_table(people))
        scratch.execute("INSERT INTO people VALUES (1, 'A', 'x', 'A')")
        rows = scratch.fetch("SELECT email = 'a', name = 'a' FROM people").rows
    assert [tuple(map(bool, row)) for row in rows] == [(True, False)]


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_a_view_of_a_table_that_is_gone_hides_no_other(engine: str, tmp_path: Path) -> None:
    with Session(written(engine, tmp_path, (*COLLATED, *BROKEN))) as session:
        assert {"people", "emails"} <= {table.name for table in session.schema().tables}
