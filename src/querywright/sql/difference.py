"""A line difference of two texts, as data for the terminal and the report."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its line break, and the side it is on."""

    kind: Literal["same", "removed", "added"]
    text: str


def unified(before: str, after: str) -> list[Line]:
    """All lines of both texts in reading order; of a changed passage the removed lines come first."""
    old, new = before.splitlines(), after.splitlines()
    lines: list[Line] = []
    for kind, low, high, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [Line("same", line) for line in old[low:high]]
        else:
            lines += [Line("removed", line) for line in old[low:high]]
            lines += [Line("added", line) for line in new[first:last]]
    return lines
