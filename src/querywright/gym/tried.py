"""The record of what was drafted and certified: files of one line for each draft of a seed, in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from querywright.errors import RunError
from querywright.gym.values import Task
from querywright.runs.files import read_lines
from querywright.runs.serialize import from_json
from querywright.settings import settings


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one draft: a task, or the reason why there is none."""

    number: int
    source: str
    injected: tuple[str, ...] = ()
    task: Task | None = None
    refused: str = ""
    seconds: float = 0.0


def build_folder() -> Path:
    """The folder of built tasks."""
    return settings().cache / "gym" / "tasks"


def build_path(seed: int, given: str = "") -> Path:
    """The file of the tasks of a seed, or of those made from the drafts ``given`` with it."""
    return build_folder() / f"seed-{seed}{given and f'-{given}'}.jsonl"


def read_tried(path: Path) -> list[Tried]:
    """The drafts that a file holds; raises `RunError` with the number of a line that is damaged."""
    found: list[Tried] = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            found.append(from_json(Tried, line))
        except RunError as error:
            raise RunError(f"{path}, line {number}: {error.message}", "Remove the line, or the file.") from error
    return found
