"""Files that are whole or not there, whenever the process is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from querywright.durable import sync_folder
from querywright.errors import RunError

Json = Mapping[str, Any] | list[Any]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the file system objects to into a `RunError` that names ``path``."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"The run cannot be written to {path}: {error.strerror or error}",
            "Free space there or choose another folder, for example: export QUERYWRIGHT_RUNS=~/querywright-runs",
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: its old content, or none, is seen until the new one is on the disk."""
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        with temporary.open("wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)


def write_json(path: Path, value: Json) -> None:
    """Write strict, indented JSON in one step; raises ValueError for infinite numbers."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Add one line that survives a crash once this returns; a line that a crash cut short before is removed first."""
    with writing(path):
        with path.open("a+b") as file:
            file.seek(0)
            file.truncate(_end_of_last_line(file.read()))
            file.write(line.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)


def read_lines(path: Path) -> list[str]:
    """The complete lines of a file; none where it does not exist."""
    if not path.is_file():
        return []
    content = path.read_bytes()
    return content[: _end_of_last_line(content)].decode("utf-8").split("\n")[:-1]


def read_text(path: Path) -> str:
    """The text of a file of a run; raises `RunError` where it is missing or not text."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}", "Remove the damaged run directory and optimize again.") from error


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run; raises `RunError` where there is none."""
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is not JSON: {error}", "Remove the damaged run directory and optimize again.") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} holds no JSON object.", "Remove the damaged run directory and optimize again.")
    return value


def _end_of_last_line(content: bytes) -> int:
    return content.rfind(b"\n") + 1
