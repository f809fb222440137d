"""Files of questions with their queries.

A question is a line ``-- question: text`` with its query below it, up to a semicolon. Where the engines need texts of their
own, each stands below a line ``-- engine: name``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_QUESTION = re.compile(r"^-- question: *", re.MULTILINE)
_ENGINE = re.compile(r"^-- engine: *(\w+) *\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to know, and the SQL they wrote: by engine, or under "" where one text serves all."""

    text: str
    queries: Mapping[str, str]

    def query(self, engine: str) -> str:
        """The text for ``engine``."""
        return self.queries[engine] if engine in self.queries else self.queries[""]


@cache
def read_questions(path: Path) -> Mapping[str, Question]:
    """The questions of a file, named by their position from "1" on."""
    sections = _QUESTION.split(path.read_text(encoding="utf-8"))[1:]
    return {str(number): _question(section) for number, section in enumerate(sections, 1)}


def _question(section: str) -> Question:
    text, _, queries = section.partition("\n")
    shared, *by_engine = _ENGINE.split(queries)
    texts = dict(zip(("", *by_engine[::2]), (shared, *by_engine[1::2]), strict=True))
    return Question(text.strip(), {engine: query.strip().removesuffix(";") for engine, query in texts.items() if query.strip()})
