"""Databases that cannot be opened give one clear message with a remedy; those that can are opened without a trace."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from engine_cases import ENGINES, build, fingerprint

from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Session, engine_of
from querywright.errors import DatabaseError, StatementError

FIXTURES = Path(__file__).parent.parent / "fixtures" / "engines"


def refusal(engine: str, path: Path) -> DatabaseError:
    before = fingerprint(path.parent) if path.parent.is_dir() and os.access(path, os.R_OK) else {}
    with pytest.raises(DatabaseError) as caught, Session(Location(engine, str(path))):
        pass
    assert path.name in caught.value.message
    assert caught.value.remedy
    if before:
        assert fingerprint(path.parent) == before
    return caught.value


def test_missing_file(engine: str, tmp_path: Path) -> None:
    assert "no such file" in refusal(engine, tmp_path / "missing.db").message
    assert list(tmp_path.iterdir()) == []


def test_folder(engine: str, tmp_path: Path) -> None:
    assert "folder" in refusal(engine, tmp_path).message


def test_empty_file(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert "empty" in refusal(engine, path).message


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\x00" * 10_000, os.urandom(5000)])
def test_file_of_another_format(engine: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert "is not a" in refusal(engine, path).message


def test_damaged_file(engine: str, location: Location, tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    content = bytearray(Path(location.address).read_bytes())
    content[100:9000] = b"\xaa" * 8900
    path.write_bytes(content)
    refusal(engine, path)


UNPRIVILEGED = """
import os, sys
from querywright.engines.protocol import Limits, Location
from querywright.engines.session import engine_of
from querywright.errors import DatabaseError
location = Location(sys.argv[1], sys.argv[2])
engine = engine_of(location)
if os.geteuid() == 0:
    os.setuid(65534)
try:
    engine.connect(location, Limits())
except DatabaseError as error:
    print(error)
"""


def test_permission_denied(engine: str, location: Location, tmp_path: Path) -> None:
    path = tmp_path / "closed.db"
    shutil.copy(location.address, path)
    path.chmod(0)
    done = subprocess.run([sys.executable, "-c", UNPRIVILEGED, engine, str(path)], capture_output=True, text=True)
    assert "ermission denied" in done.stdout, done.stderr
    assert "chmod" in done.stdout


LOCKING = {
    "duckdb": "import duckdb; c = duckdb.connect(sys.argv[1])",
    "sqlite": "import sqlite3; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN EXCLUSIVE')",
}


def test_locked_by_another_process(engine: str, location: Location, tmp_path: Path) -> None:
    path = tmp_path / "busy.db"
    shutil.copy(location.address, path)
    script = f"import sys; {LOCKING[engine]}; print('locked', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"locked\n"
    error = refusal(engine, path)
    assert "another program" in error.message
    holder.communicate(b"")
    with Session(Location(engine, str(path))) as session:
        assert session.schema().tables


def test_file_of_a_newer_duckdb(tmp_path: Path) -> None:
    path = tmp_path / "newer.duckdb"
    path.write_bytes(gzip.decompress((FIXTURES / "newer.duckdb.gz").read_bytes()))
    if int(duckdb.__version__.split(".")[0]) >= 2:
        with Session(Location("duckdb", str(path))) as session:
            assert session.schema().tables
        return
    error = refusal("duckdb", path)
    assert "newer DuckDB" in error.message
    assert "pip install" in error.remedy


def test_names_with_odd_characters(engine: str, location: Location, tmp_path: Path) -> None:
    path = tmp_path / "a b?c#d%41'é" / "x.db"
    path.parent.mkdir()
    shutil.copy(location.address, path)
    with Session(Location(engine, str(path))) as session:
        assert len(session.fetch("SELECT * FROM plain").rows) == 1000


def test_failing_setup_is_reported(tmp_path: Path) -> None:
    setup = (f"CREATE VIEW a AS SELECT * FROM '{tmp_path}/missing.parquet'",)
    with pytest.raises(DatabaseError, match="set up"), Session(Location("duckdb", setup=setup)):
        pass


def test_log_of_duckdb_is_read_and_kept(tmp_path: Path) -> None:
    path, folder = tmp_path / "live.duckdb", tmp_path / "crashed"
    folder.mkdir()
    with duckdb.connect(str(path)) as live:
        live.execute("CREATE TABLE t AS SELECT 1 AS a")
        live.execute("CHECKPOINT")
        live.execute("INSERT INTO t VALUES (2)")
        for file in tmp_path.glob("live.duckdb*"):
            shutil.copy(file, folder)
    before = fingerprint(folder)
    assert len(before) == 2
    with Session(Location("duckdb", str(folder / path.name))) as session:
        assert len(session.fetch("SELECT * FROM t").rows) == 2
    assert fingerprint(folder) == before


@pytest.mark.parametrize("crashed", [False, True])
def test_wal_mode_of_sqlite_leaves_no_trace(tmp_path: Path, crashed: bool) -> None:
    path, folder = tmp_path / "live.db", tmp_path / "read"
    folder.mkdir()
    live = sqlite3.connect(path, isolation_level=None)
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("CREATE TABLE t (a)")
    live.execute("INSERT INTO t VALUES (1), (2)")
    if not crashed:
        live.close()
    for file in tmp_path.glob("live.db*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, folder)
    before = fingerprint(folder)
    assert len(before) == 1 + crashed
    with Session(Location("sqlite", str(folder / path.name))) as session:
        assert session.fetch("SELECT a FROM t").rows == ((1,), (2,))
        assert session.store("kept", "SELECT a FROM t") == 2
        with pytest.raises(StatementError):
            session.execute("INSERT INTO t VALUES (3)")
        assert fingerprint(folder) == before
    assert fingerprint(folder) == before


def test_change_of_an_unlocked_sqlite_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    live = sqlite3.connect(path, isolation_level=None)
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("CREATE TABLE t (a)")
    live.close()
    with Session(Location("sqlite", str(path))) as session:
        assert len(session.fetch("SELECT * FROM t").rows) == 0
        live = sqlite3.connect(path, isolation_level=None)
        live.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(StatementError, match="changed by another program"):
            session.fetch("SELECT * FROM t")
        live.close()


def test_private_spill_folders_are_removed(
    engine: str, location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    connection = engine_of(location).connect(location, Limits())
    assert len(list(tmp_path.iterdir())) == 1
    connection.close()
    assert list(tmp_path.iterdir()) == []


def test_written_scratch_file_can_be_reopened(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "scratch.db"
    build(Location(engine, str(path), writable=True))
    assert [file.name for file in tmp_path.iterdir()] == ["scratch.db"]
    with Session(Location(engine, str(path))) as session:
        assert len(session.fetch("SELECT * FROM plain").rows) == 1000


def test_every_engine_has_its_cases() -> None:
    assert set(LOCKING) == set(ENGINES)
