"""The leaderboard: of each task, how often it was tried and the best answer that was verified, kept in one file.

Any number of processes may write to the file at once; each answer is one atomic statement.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from querywright.errors import DatabaseError
from querywright.gym.values import Examination, Reward

_PATIENCE_S = 30.0

_TABLE = """
    CREATE TABLE IF NOT EXISTS standings (
        task TEXT PRIMARY KEY,
        attempts INTEGER NOT NULL,
        correct INTEGER NOT NULL,
        best_score REAL,
        best_speedup REAL,
        best_at TEXT,
        best_sql TEXT
    )"""

# SQLite reads all columns of the right-hand sides as they were before the update.
_RECORD = """
    INSERT INTO standings VALUES (:task, 1, :correct, :score, :speedup, :at, :sql)
    ON CONFLICT (task) DO UPDATE SET
        attempts = attempts + 1,
        correct = correct + excluded.correct,
        best_speedup = max(coalesce(best_speedup, excluded.best_speedup), coalesce(excluded.best_speedup, best_speedup)),
        best_at = CASE WHEN excluded.best_score > coalesce(best_score, -1) THEN excluded.best_at ELSE best_at END,
        best_sql = CASE WHEN excluded.best_score > coalesce(best_score, -1) THEN excluded.best_sql ELSE best_sql END,
        best_score = max(coalesce(best_score, excluded.best_score), coalesce(excluded.best_score, best_score))"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What came of all answers to one task. The best ones are of verified answers only, None where there is none yet.

    ``best_at`` is a time in ISO 8601, UTC. ``best_sql`` lets the maker of the task check the entry; it is never published.
    """

    task: str
    attempts: int
    correct: int
    best_score: float | None = None
    best_speedup: float | None = None
    best_at: str | None = None
    best_sql: str | None = None

    @property
    def success_rate(self) -> float:
        """Share of the answers that were verified."""
        return self.correct / self.attempts if self.attempts else 0.0


class Leaderboard:
    """The file at ``path``, made on first use and kept open until `close`; safe for threads and processes.

    Raises `DatabaseError` where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()
        try:
            if not path.exists():
                _make(path)
            self._connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._all("PRAGMA synchronous = NORMAL")
            self._all(_TABLE)
        except DatabaseError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._connection.close()

    def record(self, task: str, examination: Examination, reward: Reward) -> None:
        """Count an answer; it enters as the best only if it was verified."""
        verified = examination.match
        entry = {
            "task": task,
            "correct": int(verified),
            "score": reward.score if verified else None,
            "speedup": examination.speedup if verified else None,
            "at": datetime.now(UTC).isoformat(timespec="seconds") if verified else None,
            "sql": examination.sql if verified else None,
        }
        self._all(_RECORD, entry)

    def standings(self) -> tuple[Standing, ...]:
        """All tasks that were ever tried, by name."""
        return tuple(Standing(*row) for row in self._all("SELECT * FROM standings ORDER BY task"))

    def _all(self, statement: str, values: Mapping[str, object] = MappingProxyType({})) -> list[Any]:
        try:
            with self._turn:
                return self._connection.execute(statement, dict(values)).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> DatabaseError:
        return DatabaseError(f"The leaderboard {self.path} cannot be used: {error}", "Remove the file or name another.")


def _make(path: Path) -> None:
    """An empty leaderboard with a write-ahead log, which lets others read meanwhile and costs no wait for the disk.

    It comes into place whole: SQLite does not wait for others where it changes the journal of a file that they open.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".leaderboard-") as folder:
        made = Path(folder) / path.name
        with closing(sqlite3.connect(made)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_TABLE)
        with suppress(FileExistsError):
            os.link(made, path)
