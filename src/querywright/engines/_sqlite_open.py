"""Opens SQLite files without leaving a trace beside them.

A file in rollback mode is opened with ``mode=ro``: reading takes shared locks and creates nothing. A file in WAL mode would get a
``-wal`` and a ``-shm`` file even from readers, so:

- with frames in its ``-wal``, file and ``-wal`` are copied to the spill folder and the copy is opened;
- with no frames, it is opened as ``immutable``: no locks, no files. Should another program then write to it, results could be
  wrong, so the connection compares size and modification time after each statement (`Watched`).
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from querywright.errors import DatabaseError, StatementError

_WAL_MODE = 2
_COPY_ATTEMPTS = 3

Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """A file that must not change while it is read without locks."""

    path: Path
    stamp: Stamp

    def check(self) -> None:
        """Raise `StatementError` if the file has changed."""
        if _stamp(self.path) != self.stamp:
            raise StatementError(
                f"{self.path} was changed by another program while it was being read.",
                "Stop that program, or work on a copy of the file.",
            )


def read_only_uri(path: Path, folder: Path) -> tuple[str, Watched | None]:
    """The URI that opens ``path`` for reading, and what to watch meanwhile; ``folder`` takes a copy where one is needed."""
    with path.open("rb") as file:
        header = file.read(20)
    if header[18:20] != bytes([_WAL_MODE, _WAL_MODE]):
        return f"{path.as_uri()}?mode=ro", None
    stamp = _stamp(path)
    if stamp[1][0] == 0:
        return f"{path.as_uri()}?mode=ro&immutable=1", Watched(path, stamp)
    copy = _copy(path, folder)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()  # takes in the log
    return f"{copy.as_uri()}?mode=ro", None


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _stamp(path: Path) -> Stamp:
    """(size, modification time in ns) of the file and of its log, zeros where there is no log."""
    stamps = []
    for file in (path, _log_of(path)):
        try:
            status = file.stat()
        except FileNotFoundError:
            stamps.append((0, 0))
        else:
            # An empty log comes and goes without meaning.
            stamps.append((status.st_size, status.st_mtime_ns) if status.st_size else (0, 0))
    return tuple(stamps)


def _copy(path: Path, folder: Path) -> Path:
    copy = folder / path.name
    for _ in range(_COPY_ATTEMPTS):
        before = _stamp(path)
        shutil.copyfile(path, copy)
        if before[1][0]:
            shutil.copyfile(_log_of(path), _log_of(copy))
        if _stamp(path) == before:
            return copy
    raise DatabaseError(f"{path} is being written by another program.", "Close that program, or work on a copy of the file.")
