"""The certified tasks that come with the package; `python benchmarks/certify_tasks.py` makes their files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from querywright.gym.values import Task
from querywright.runs.serialize import from_json

FOLDER = Path(__file__).with_name("certificates")


@cache
def load() -> Sequence[Task]:
    """All tasks of the files, in the order of their names."""
    lines = [line for path in sorted(FOLDER.glob("*.json")) for line in path.read_text(encoding="utf-8").splitlines()]
    return tuple(from_json(Task, line.rstrip(",")) for line in lines if line.startswith("{"))
