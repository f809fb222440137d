"""The record of a run: one line for each order that is done, written before the next one counts.

The variants of examples have such a record as well.

Everything else in the folder is derived from it. A process that is killed, or a disk that is full, leaves at most a line that
was cut short, which is removed when the journal is opened again: nothing is lost that was done, and nothing done twice.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from querywright.errors import RunError
from querywright.factory.values import Example, Product
from querywright.runs.serialize import from_json, to_json

T = TypeVar("T")

_BLOCK = 1 << 16


class Lines:
    """A file ``path`` to which values are added, a line each, held by this process alone; a context manager.

    Raises `RunError` where it cannot be written or another process holds it.
    """

    ELSEWHERE = "another folder"
    """What may be named instead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror}.", f"Name {self.ELSEWHERE}.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise RunError(f"Another run writes to {path.parent}.", f"Wait for it, or name {self.ELSEWHERE}.") from error
        self._file.truncate(_end_of_last_line(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def write(self, value: object) -> int:
        """Add a value and return where its line begins; a kill after this loses nothing of it, the loss of power what was not yet
        synced."""
        line = to_json(value).encode() + b"\n"
        before = self.path.stat().st_size
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # the rest of the line found no room
        except OSError as error:
            os.truncate(self.path, before)
            raise RunError(
                f"{self.path} cannot be written: {error.strerror}.", "Free space there, then run the same command to go on."
            ) from error
        return before

    def sync(self) -> None:
        """Put everything on the disk; raises `RunError` where that fails."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise RunError(
                f"{self.path} cannot be written: {error.strerror}.", "Free space there, then run the same command to go on."
            ) from error


class Journal(Lines):
    """The journal of a run."""

    ELSEWHERE = "another folder with --out"

    def add(self, product: Product) -> None:
        """Write what came of an order."""
        self.write(replace(product, order=replace(product.order, weights=(), beside=(), closed=frozenset(), shots=(), sought=())))


def lines(path: Path, kind: type[T]) -> Iterator[tuple[int, T]]:
    """The values of all complete lines, each with where its line begins; none where there is no file.

    Raises `RunError` for a line that is no value of that ``kind``.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        begin = 0
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield begin, from_json(kind, line)
            except RunError as error:
                raise RunError(f"{path}, line {number}: {error.message}", "Remove the line, then run again.") from error
            begin += len(line)


def products(path: Path) -> Iterator[Product]:
    """What came of the orders that a journal holds; raises `RunError` for a line that is none."""
    for _, product in lines(path, Product):
        yield product


def examples(path: Path) -> Iterator[Example]:
    """The examples of a journal in their order."""
    for product in products(path):
        yield from product.examples


def _end_of_last_line(path: Path) -> int:
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
