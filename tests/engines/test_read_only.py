"""Nothing a session does may change the user's database or its folder, or reach any other file."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_cases import ENGINES, MEMORY_SPILL, RUNAWAY, fingerprint

from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Session
from querywright.errors import ExecutionError, StatementError, StatementTimeout, WorkerLost

WRITING = (
    "INSERT INTO plain VALUES ('new', 5)",
    "UPDATE plain SET amount = 0",
    "DELETE FROM plain",
    "DROP TABLE plain",
    "ALTER TABLE plain ADD COLUMN more INTEGER",
    "CREATE TABLE made (a INTEGER)",
    "CREATE INDEX made ON plain (amount, code)",
    "CREATE VIEW made AS SELECT 1",
)
REACHING = {
    "duckdb": (
        "COPY plain TO '{folder}/out.csv'",
        "COPY (SELECT 1) TO '/tmp/querywright-out.csv'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/other.duckdb'",
        "ATTACH ':memory:' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "SET enable_external_access = true",
        "PRAGMA threads = 1",
        "RESET memory_limit",
        "CHECKPOINT",
    ),
    "sqlite": (
        "ATTACH '{folder}/other.db' AS other",
        "VACUUM INTO '{folder}/out.db'",
        "PRAGMA journal_mode = WAL",
        "PRAGMA user_version = 5",
        "PRAGMA query_only = OFF",
        "PRAGMA temp_store_directory = '{folder}'",
        "REINDEX",
        "ANALYZE",
    ),
}
READING_FILES = {
    "duckdb": (
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
    ),
    "sqlite": ("SELECT readfile('/etc/passwd')", "SELECT load_extension('mod')"),
}


@pytest.mark.parametrize("statement", WRITING)
def test_writing_fails(session: Session, unchanged: Path, statement: str) -> None:
    with pytest.raises(StatementError):
        session.execute(statement)
    for ask in (session.fetch, session.materialize, session.describe, session.explain):
        with pytest.raises(StatementError):
            ask(statement)
    with pytest.raises(StatementError):
        session.store("kept", statement)


@pytest.mark.parametrize(("engine", "statement"), [(engine, sql) for engine in ENGINES for sql in REACHING[engine]])
def test_reaching_outside_fails(session: Session, unchanged: Path, statement: str) -> None:
    statement = statement.format(folder=unchanged)
    for ask in (session.execute, session.fetch, session.materialize, session.explain):
        with pytest.raises(StatementError):
            ask(statement)


@pytest.mark.parametrize(("engine", "sql"), [(engine, sql) for engine in ENGINES for sql in READING_FILES[engine]])
def test_files_are_out_of_reach(session: Session, sql: str) -> None:
    with pytest.raises(StatementError):
        session.fetch(sql)


def test_using_a_database_leaves_no_trace(location: Location, unchanged: Path, tmp_path: Path) -> None:
    with Session(location, Limits(threads=1, memory_bytes=100_000_000, spill_folder=str(tmp_path))) as session:
        session.schema()
        session.fetch("SELECT * FROM plain")
        session.explain("SELECT * FROM plain", analyze=True)
        session.store("kept", "SELECT * FROM plain")
        session.measure("SELECT * FROM plain ORDER BY amount")
        with pytest.raises(StatementTimeout):
            session.materialize(RUNAWAY, limit_s=0.1)
        try:
            session.materialize(MEMORY_SPILL[location.engine], limit_s=30)
        except ExecutionError as error:
            pytest.fail(f"spilling failed: {error}")
        assert fingerprint(unchanged)
        with pytest.raises(WorkerLost):
            session.call(_die_while_spilling, MEMORY_SPILL[location.engine])
    assert list(tmp_path.iterdir()) == [], "the spill folder is left empty"


def _die_while_spilling(connection: object, sql: str) -> None:
    import os
    import signal
    import threading

    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
    while True:
        connection.materialize(sql)  # type: ignore[attr-defined]


def test_statements_of_a_view_setup_may_read_only_what_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.csv").write_text("n\n1\n2\n")
    (tmp_path / "secret.csv").write_text("n\n3\n")
    setup = (f"CREATE VIEW a AS SELECT * FROM read_csv('{data}/*.csv')",)
    before = fingerprint(tmp_path)
    with Session(Location("duckdb", setup=setup, readable=(str(data),))) as session:
        assert session.fetch("SELECT sum(n) FROM a").rows == ((3,),)
        assert [table.name for table in session.schema().tables] == ["a"]
        for sql in (f"SELECT * FROM '{tmp_path}/secret.csv'", f"COPY (SELECT 1) TO '{data}/b.csv'"):
            with pytest.raises(StatementError):
                session.fetch(sql)
            with pytest.raises(StatementError):
                session.execute(sql if "COPY" in sql else f"CREATE TEMP TABLE t AS {sql}")
    assert fingerprint(tmp_path) == before


def test_python_variables_are_out_of_reach() -> None:
    with Session(Location("duckdb")) as session, pytest.raises(StatementError, match="query"):
        session.fetch("SELECT * FROM query")
