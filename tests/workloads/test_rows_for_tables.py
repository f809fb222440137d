"""Rows for the tables of a file: whatever the file says of them holds, and what cannot be made is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from querywright.databases.opening import open_database
from querywright.databases.specification import parse_spec
from querywright.errors import InputError
from querywright.workloads.driver import build_once, instance

CLINIC = Path(__file__).parents[1] / "fixtures" / "workloads" / "clinic.sql"


def built(path: Path, **parameters: str) -> Path:
    return build_once(instance("ddl", {"file": str(path), "rows": "1000"} | parameters), lambda *_: None)


def rows_of(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def written(folder: Path, text: str) -> Path:
    path = folder / "schema.sql"
    path.write_text(text, encoding="utf-8")
    return path


def test_tables_that_are_referred_to_are_smaller_and_a_few_rows_are_referred_to_by_many() -> None:
    path = built(CLINIC, rows="4000")
    sizes = {str(name): count for name, count in rows_of(path, "SELECT table_name, estimated_size FROM duckdb_tables()")}
    assert sizes["visits"] == 4000 and sizes["staff"] == 500 and sizes["wards"] < 100
    (most,), *_ = rows_of(path, "SELECT COUNT(*) AS visits FROM visits GROUP BY staff_id ORDER BY visits DESC")
    assert isinstance(most, int) and most > 20 * 4000 / 500


def test_checks_types_and_references_back_hold() -> None:
    path = built(CLINIC)
    assert {role for (role,) in rows_of(path, "SELECT DISTINCT role FROM staff")} == {"nurse", "doctor", "porter"}
    assert rows_of(path, "SELECT COUNT(*) FROM stays WHERE left_at < arrived OR number NOT BETWEEN 1 AND 9") == [(0,)]
    assert rows_of(path, "SELECT MIN(floor) >= -1 AND MAX(floor) <= 6 AND COUNT(DISTINCT floor) > 2 FROM wards") == [(True,)]
    bosses = "SELECT COUNT(boss) > 0, COUNT(*) > COUNT(boss), COUNT(*) FILTER (boss NOT IN (SELECT id FROM staff)) FROM staff"
    assert rows_of(path, bosses) == [(True, True, 0)]
    kinds = {name: kind for name, kind in rows_of(path, "SELECT column_name, data_type FROM duckdb_columns()")}
    assert (kinds["badge"], kinds["salary"], kinds["on call"]) == ("UUID", "DECIMAL(8,2)", "BOOLEAN")


def test_the_same_seed_gives_the_same_rows_and_another_one_others() -> None:
    query = "SELECT * FROM staff ORDER BY id"
    first = rows_of(built(CLINIC), query)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{built(CLINIC)}' AS again (READ_ONLY)")
        assert connection.execute("SELECT * FROM again.staff ORDER BY id").fetchall() == first
    assert rows_of(built(CLINIC, seed="2"), query) != first


def test_a_changed_file_is_another_database(tmp_path: Path) -> None:
    path = written(tmp_path, "CREATE TABLE things (id INTEGER PRIMARY KEY)")
    before = built(path)
    written(tmp_path, "CREATE TABLE things (id INTEGER PRIMARY KEY, kind VARCHAR)")
    assert built(path) != before


def test_a_relative_path_becomes_absolute_and_the_database_opens_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "CREATE TABLE things (id INTEGER PRIMARY KEY, kind VARCHAR NOT NULL)")
    monkeypatch.chdir(tmp_path)
    label, query = parse_spec("ddl:file=schema.sql,rows=1000,engine=sqlite")
    assert (label, query) == (f"ddl:file={tmp_path / 'schema.sql'},rows=1000,engine=sqlite", None)
    monkeypatch.chdir("/")
    database = open_database(label)
    assert [table.name for table in database.schema.tables] == ["things"] and database.location.engine == "sqlite"


def test_sqlite_keeps_nulls_of_a_key_that_may_be_null(tmp_path: Path) -> None:
    path = written(tmp_path, "CREATE TABLE people (badge INTEGER UNIQUE, name VARCHAR NOT NULL)")
    with closing(sqlite3.connect(built(path, engine="sqlite"))) as connection:
        (missing,) = connection.execute("SELECT COUNT(*) FROM people WHERE badge IS NULL").fetchone()
    assert missing == rows_of(built(path), "SELECT COUNT(*) FROM people WHERE badge IS NULL")[0][0] != 0


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("postgres", "CREATE TABLE a (id SERIAL PRIMARY KEY, at TIMESTAMPTZ NOT NULL, doc JSONB, kind CHARACTER VARYING(9))"),
        (
            "mysql",
            "CREATE TABLE a (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, size ENUM('s', 'm') NOT NULL, at DATETIME)",
        ),
        ("sqlite", "CREATE TABLE a (id INTEGER PRIMARY KEY, price NUMERIC, note)"),
    ],
)
def test_files_of_other_dialects(tmp_path: Path, dialect: str, text: str) -> None:
    assert rows_of(built(written(tmp_path, text), dialect=dialect), "SELECT COUNT(*) FROM a") == [(1000,)]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("SELECT 1", "creates no table"),
        (
            "CREATE TABLE a (id INTEGER PRIMARY KEY, x INTEGER NOT NULL CHECK (x > 5 AND x < 3))",
            "No row that was made for table a",
        ),
        ("CREATE TABLE a (id INTEGER NOT NULL, parts STRUCT(x INTEGER) NOT NULL)", "No values can be made for a.parts"),
        (
            "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES b (id));"
            "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id))",
            "a and b refer to each other",
        ),
        ("CREATE TABLE a (id SHOESIZE PRIMARY KEY)", "SHOESIZE"),
    ],
)
def test_what_cannot_be_made_is_named(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(InputError, match=part) as refused:
        built(written(tmp_path, text))
    assert refused.value.remedy


@pytest.mark.parametrize("turned", [False, True])
def test_a_cycle_is_cut_where_it_may_be_null(tmp_path: Path, turned: bool) -> None:
    tables = [
        "CREATE TABLE teams (id INTEGER PRIMARY KEY, lead INTEGER);",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, team INTEGER NOT NULL REFERENCES teams (id));",
    ]
    written_first = reversed(tables) if turned else tables
    path = written(tmp_path, "".join(written_first) + "ALTER TABLE teams ADD FOREIGN KEY (lead) REFERENCES people (id)")
    assert rows_of(built(path), "SELECT COUNT(lead), COUNT(*) > 0 FROM teams") == [(0, True)]
    assert rows_of(built(path), "SELECT COUNT(*) FROM people WHERE team NOT IN (SELECT id FROM teams)") == [(0,)]


TYPES = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "DOUBLE",
    "DECIMAL(4, 2)",
    "VARCHAR",
    "DATE",
    "TIMESTAMP",
    "TIME",
    "BOOLEAN",
    "UUID",
)


@st.composite
def schemas(draw: st.DrawFn) -> str:
    """Up to four tables whose keys have any type, each but the first referring to one before it or to itself."""
    kinds = [draw(st.sampled_from(TYPES)) for _ in range(draw(st.integers(1, 4)))]
    tables = []
    for number, kind in enumerate(kinds):
        columns = [f"k {kind} PRIMARY KEY" if draw(st.booleans()) else f"k {kind} NOT NULL UNIQUE"]
        for other in range(draw(st.integers(0, 3))):
            required = draw(st.sampled_from(["", " NOT NULL"]))
            columns.append(f"c{other} {draw(st.sampled_from(TYPES))}{required}")
        if number:
            target = draw(st.integers(0, number - 1))
            unique = draw(st.sampled_from(["", " UNIQUE", " NOT NULL", " NOT NULL UNIQUE"]))
            columns.append(f"r {kinds[target]}{unique} REFERENCES t{target} (k)")
        if draw(st.booleans()):
            columns.append(f"back {kind} REFERENCES t{number} (k)")
        tables.append(f"CREATE TABLE t{number} ({', '.join(columns)});")
    return "\n".join(tables)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schemas())
def test_any_schema_gets_rows_that_obey_it(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    database = built(path)
    for table in instance("ddl", {"file": str(path)}).workload.tables({"file": str(path), "dialect": "duckdb"}):
        (count,) = rows_of(database, f"SELECT COUNT(*) FROM {table.name}")[0]
        assert isinstance(count, int) and count > 0, text
        for key in table.foreign_keys:
            own, theirs = key.columns[0], key.references_columns[0]
            dangling = f"{own} IS NOT NULL AND {own} NOT IN (SELECT {theirs} FROM {key.references})"
            assert rows_of(database, f"SELECT COUNT(*) FROM {table.name} WHERE {dangling}") == [(0,)], text
