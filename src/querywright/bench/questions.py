"""What is benched: the queries of a workload, or the .sql files of a folder, and the database they run on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from querywright.databases.database import Database
from querywright.databases.opening import open_database, silent
from querywright.databases.specification import parse_spec, workload_instance
from querywright.engines.session import engine_of
from querywright.errors import InputError, QueryError
from querywright.sql.files import query_text
from querywright.workloads.protocol import Progress


@dataclass(frozen=True, slots=True)
class Question:
    """A query to bench: ``text`` is None where its file cannot be read, and ``problem`` then says why."""

    name: str
    source: str
    text: str | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """The queries of a bench. ``target`` names them and opens them again from any folder."""

    target: str
    label: str
    database: Database
    questions: tuple[Question, ...]

    def chosen(self, names: tuple[str, ...]) -> tuple[Question, ...]:
        """The named queries in the suite's order, all where none is named; raises `InputError` for an unknown name."""
        unknown = [name for name in names if name not in {question.name for question in self.questions}]
        if unknown:
            listed = ", ".join(question.name for question in self.questions[:100])
            raise InputError(f"{self.label} has no query {', '.join(unknown)}.", f"Its queries are {listed}.")
        return tuple(question for question in self.questions if not names or question.name in names)


def read_suite(target: str, db: str | None, progress: Progress = silent) -> Suite:
    """The suite that ``target`` names: a folder of .sql files, one such file, or a workload, perhaps one query of it.

    Raises `InputError` where there is nothing to bench; a single unreadable file of a folder is a problem of its question.
    """
    path = Path(target).expanduser()
    chosen = workload_instance(target) if not path.exists() else None
    if chosen is not None:
        workload, only = parse_spec(target)
        database = open_database(db or workload, progress)
        texts = chosen.workload.queries(engine_of(database.location).CAPABILITIES.dialect)
        questions = [Question(name, f"{chosen.label} {name}", text) for name, text in texts.items() if only in (None, name)]
        return Suite(target, target if only else chosen.label, database, tuple(questions))
    if not path.exists():
        raise InputError(
            f"{target} does not exist.", "Name a folder of .sql files, or a workload such as tpcds:sf=1 (see qw workloads)."
        )
    files = sorted(path.glob("*.sql"), key=lambda file: natural_order(file.stem)) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{target} holds no .sql files.", "Name a folder with one query in each .sql file.")
    if db is None:
        raise InputError("No database was named.", "Add --db FILE, --db FOLDER, --db URL or --db WORKLOAD (see qw workloads).")
    database = open_database(parse_spec(db)[0], progress)
    return Suite(str(path.absolute()), path.name, database, tuple(map(_read, files)))


def natural_order(name: str) -> tuple[tuple[int, str], ...]:
    """A sort key by which q2 comes before q10.

    >>> sorted(["q10", "q2", "a"], key=natural_order)
    ['a', 'q2', 'q10']
    """
    parts: list[str] = re.findall(r"\d+|\D+", name.lower())
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _read(path: Path) -> Question:
    try:
        return Question(path.stem, path.name, query_text(path))
    except QueryError as error:
        return Question(path.stem, path.name, None, str(error))
