"""Checks an exported file from itself alone: databases are generated anew, with other rows, and both queries run there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from querywright.errors import InputError, QuerywrightError
from querywright.factory.exporting import FILES
from querywright.factory.rechecking import recheck
from querywright.factory.replicas import Replicas

FRESH_SEED = 2
"""The data's seed that a check replaces the example's by."""

CHECKED_ROWS = 10_000
_TEXTS = ("engine", "database", "renaming", "slow", "fast", "indexes")


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that does not hold: it is malformed, or its queries do not answer alike."""

    line: int
    reason: str
    malformed: bool = False


@dataclass
class Checked:
    """``lines`` were checked, of which ``equal`` hold; ``empty`` of these had no rows to compare."""

    lines: int = 0
    equal: int = 0
    empty: int = 0
    faults: list[Fault] = field(default_factory=list)


def check(
    path: Path, rows: int | None = CHECKED_ROWS, seed: int | None = FRESH_SEED, watch: Callable[[Checked], None] | None = None
) -> Checked:
    """Check every line of a file of conversations; ``rows`` and ``seed`` are those of the generated databases.

    Raises `InputError` where the file cannot be read, is empty, or is an exported one that holds too little to be checked;
    whatever is wrong with a line is among the faults.
    """
    found = Checked()
    with Replicas(rows, seed) as replicas:
        for number, line in _lines(path):
            row = _parsed(line)
            if not found.lines and isinstance(row, dict) and ("prompt" in row or row.keys() == {"messages"}):
                checkable = path.with_name(f"{FILES['train']}.jsonl")
                raise InputError(f"{path} does not say what its lines can be checked on.", f"{checkable} does; check that.")
            found.lines += 1
            fault = _fault(replicas, number, row, found)
            if fault is not None:
                found.faults.append(fault)
            else:
                found.equal += 1
            if watch is not None:
                watch(found)
    if not found.lines:
        raise InputError(f"{path} is empty.", "Name a file that `qw factory export` wrote and that has lines.")
    return found


def _fault(replicas: Replicas, number: int, row: dict[str, Any] | str, found: Checked) -> Fault | None:
    wrong = row if isinstance(row, str) else _lacking(row)
    if isinstance(row, str) or wrong:
        return Fault(number, wrong, malformed=True)
    try:
        database, session = replicas.opened(row["database"], json.loads(row["renaming"]))
        if database.location.engine != row["engine"]:
            return Fault(number, f"{row['database']} is not a database of {row['engine']}.", malformed=True)
        indexes = [statement for statement in row["indexes"].split(";\n") if statement.strip()]
        result = recheck(database, session, row["slow"], row["fast"], indexes, replicas.host)
    except QuerywrightError as error:
        return Fault(number, error.message)
    except RecursionError:
        return Fault(number, "its queries are nested too deeply")
    found.empty += not result.reason and not result.rows
    return Fault(number, result.reason) if result.reason else None


def _parsed(line: bytes) -> dict[str, Any] | str:
    """The row of a line, or why there is none."""
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"not JSON: {error}"
    return row if isinstance(row, dict) else "not an object"


def _lacking(row: dict[str, Any]) -> str:
    """What keeps a row from being checked, or ""."""
    missing = [name for name in _TEXTS if not isinstance(row.get(name), str)]
    if missing:
        return f"without the text {missing[0]}"
    try:
        names = json.loads(row["renaming"])
    except json.JSONDecodeError as error:
        return f"its renaming is not JSON: {error}"
    if not isinstance(names, dict) or not all(isinstance(new, str) for new in names.values()):
        return "its renaming does not map names to names"
    said = row.get("messages")
    last = said[-1] if isinstance(said, list) and said else None
    text = "".join(f"{part};\n" for part in row["indexes"].split(";\n") if part) + row["fast"] + ";"
    if not isinstance(last, dict) or last.get("role") != "assistant" or last.get("content") != text:
        return "the assistant's message is not the fast query"
    return ""


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Name a file that `qw factory export` wrote.") from error
