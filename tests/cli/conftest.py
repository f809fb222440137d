"""Runs the command line as a user would, in a folder of its own, on small databases in each form that can be opened."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from command_line import Command, command, private_machine
from sales_data import DEFINITIONS, TABLES, Save


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the user."""
    path = tmp_path / "desk"
    path.mkdir()
    private_machine(monkeypatch, path, tmp_path)
    return path


@pytest.fixture
def qw(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``qw`` with the given words in this process."""
    return command(monkeypatch, capsys)


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sales.duckdb, sales.sqlite and lake/ of Parquet files, all with the same rows."""
    folder = tmp_path_factory.mktemp("databases")
    (folder / "lake").mkdir()
    with duckdb.connect(str(folder / "sales.duckdb")) as source, closing(sqlite3.connect(folder / "sales.sqlite")) as copy:
        source.execute(DEFINITIONS)
        copy.executescript(DEFINITIONS)
        for table, rows in TABLES.items():
            source.execute(f"INSERT INTO {table} {rows}")
            source.execute(f"COPY {table} TO '{folder / 'lake' / table}.parquet'")
            values = source.execute(f"FROM {table}").fetchall()
            copy.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
        copy.commit()
    return folder


@pytest.fixture
def sales(databases: Path, desk: Path) -> Path:
    """A copy of the DuckDB database on the user's desk."""
    return Path(shutil.copy(databases / "sales.duckdb", desk))


@pytest.fixture
def save(desk: Path) -> Save:
    """Writes a query file onto the desk."""

    def write(text: str | bytes, name: str = "slow.sql") -> Path:
        path = desk / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write
