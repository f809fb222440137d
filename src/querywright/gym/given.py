"""Drafts of tasks that another run has made: the prompts that the factory exports, row by row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from querywright.antipatterns.driver import habits
from querywright.errors import InputError, QueryError
from querywright.generation.identity import skeleton, task_id
from querywright.generation.inject import Injected
from querywright.gym.drafting import Draft
from querywright.gym.shared_databases import SharedDatabases
from querywright.gym.sources import SOURCES, drafted_on
from querywright.runs.files import read_lines
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text

FAMILY = "generated"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a row says of a task: its id, what it asks, its ``slow`` query, the ``clean`` one and a faster ``reference``."""

    id: str
    source: str
    question: str
    slow: str
    clean: str
    reference: str


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """The rows of a file of prompts whose schema has hidden databases, without which nothing can be certified.

    Raises `InputError` for a file without such rows, and with its number for a line that is none.
    """
    found: list[Prompt] = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            row = json.loads(line)
            schema, engine = str(row["database"]).partition(":")[0], str(row["engine"])
            texts = [str(row[name]) for name in ("question", "slow", "clean", "reference")]
            one = Prompt(str(row["task_id"]), schema if engine == "duckdb" else f"{schema}/{engine}", *texts)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}, line {number}, is no prompt of the factory.", "Make one: qw factory export DIR") from error
        if one.source in SOURCES:
            found.append(one)
    if not found:
        raise InputError(f"{path} holds no prompts over the schemas of the environment.", f"These are: {', '.join(SOURCES)}.")
    return tuple(found)


def digest(path: Path) -> str:
    """What tells files of prompts apart; 8 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


@dataclass
class Given:
    """Draft number n is that of row n; ``seed`` is that of the export."""

    databases: SharedDatabases
    seed: int
    prompts: Sequence[Prompt]

    def source(self, number: int) -> str:
        """The source of a draft."""
        return self.prompts[min(number, len(self.prompts) - 1)].source

    def draft(self, number: int) -> Draft | None:
        """Draft ``number``; None beyond the last row, and where the row's id is not that of its query."""
        if number >= len(self.prompts):
            return None
        one = self.prompts[number]
        database = self.databases.database(drafted_on(one.source))
        dialect, schema = database.location.engine, one.source.partition("/")[0]
        try:
            slow, clean = (qualify_text(text, database.schema, dialect) for text in (one.slow, one.clean))
        except QueryError:
            return None
        mark = fingerprint(slow, dialect)
        if task_id(mark, schema, self.seed) != one.id:
            return None
        found = tuple(habits(slow, parse_query(one.slow, dialect), database.schema, dialect))
        written = Injected(one.slow, slow, mark, (), found)
        lineage = skeleton(clean)
        return Draft(number, one.source, FAMILY, schema, dialect, "training data", one.question, written, one.reference, lineage)
