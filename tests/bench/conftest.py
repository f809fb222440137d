"""A SQLite shop on which one query is slow and can be rewritten, and a folder of queries of which some are broken."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bench_cases import QUERIES, WRONG
from command_line import Command, command, exit_code, private_machine


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file."""
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, amount INTEGER NOT NULL);
        """)
        connection.executemany("INSERT INTO accounts VALUES (?, ?)", [(i, f"name {i}") for i in range(1, 601)])
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(i, 1 + i * 7 % 600, 6 + i % 97) for i in range(1, 2401)])
        connection.commit()
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of queries."""
    path = tmp_path_factory.mktemp("queries")
    for name, text in QUERIES.items():
        (path / f"{name}.sql").write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(scope="session")
def benched(shop: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished bench, with a comparison in which one rewrite is wrong and one does not parse."""
    rivals = tmp_path_factory.mktemp("rivals")
    (rivals / "q1.sql").write_text(WRONG)
    (rivals / "q2.sql").write_text("SELECT count(* FROM orders")
    out = tmp_path_factory.mktemp("bench") / "out"
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, out.parent)
        assert exit_code(patch, "bench", folder, "--db", shop, "--out", out, "--seconds", "2", "--compare", rivals) == 0
    return out


@pytest.fixture
def copied(benched: Path, tmp_path: Path) -> Path:
    """A copy of the finished bench to tamper with."""
    return Path(shutil.copytree(benched, tmp_path / "copied"))


@pytest.fixture
def qw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``qw`` with the given words in this process."""
    private_machine(monkeypatch, tmp_path)
    return command(monkeypatch, capsys)
