"""A database as a user of the factory may have one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def filled(path: Path, keys: bool = True, mode: str = "delete") -> Iterator[sqlite3.Connection]:
    """Shops and their visits, with or without declared keys; open as long as the connection is."""
    key, reference = (" PRIMARY KEY", " REFERENCES shops (id)") if keys else ("", "")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute(f"CREATE TABLE shops (id INTEGER{key}, city TEXT NOT NULL, size INTEGER NOT NULL)")
        connection.execute(
            f"CREATE TABLE visits (id INTEGER{key}, shop_id INTEGER NOT NULL{reference}, kind TEXT NOT NULL, minutes INTEGER)"
        )
        cities, kinds = ("Rome", "Oslo", "Lima"), ("walk in", "order", "return")
        connection.executemany("INSERT INTO shops VALUES (?, ?, ?)", [(n, cities[n % 3], n * 7 % 90) for n in range(60)])
        connection.executemany(
            "INSERT INTO visits VALUES (?, ?, ?, ?)", [(n, n * 11 % 60, kinds[n % 3], n * 13 % 240) for n in range(1500)]
        )
        connection.commit()
        yield connection
