"""Files of queries for tests: a header of DDL, then cases.

The header is ``# engines: duckdb, sqlite`` and CREATE TABLE statements with keys. A case starts with ``# title: …``; more lines
``# directive: value`` may follow, ``# engines: …`` among them, then one SQL statement. ``# becomes`` and a second statement
follow where something rewrites the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "fixtures"


@dataclass(frozen=True)
class Case:
    """One query of the file ``subject``; ``golden`` is what follows ``# becomes``, ``lead`` the lines that begin with ``#``."""

    subject: str
    title: str
    sql: str
    golden: str | None
    engines: tuple[str, ...]
    lead: str
    directives: Mapping[str, str] = field(hash=False)

    @property
    def label(self) -> str:
        """What stands before the first colon of the title; "" where there is none."""
        return self.title.partition(":")[0] if ":" in self.title else ""

    def listed(self, directive: str) -> tuple[str, ...]:
        """The values of a directive that are separated by commas."""
        return _listed(self.directives.get(directive, ""))

    def __str__(self) -> str:
        return f"{self.subject}-{re.sub('[^a-z0-9]+', '_', self.title.lower())}"


@dataclass(frozen=True)
class Fixture:
    """``header`` is the text before the first case, ``ddl`` the statements in it."""

    header: str
    ddl: str
    engines: tuple[str, ...]
    cases: tuple[Case, ...]


def names(kind: str) -> list[str]:
    """What has a file in the folder of that name."""
    return sorted(path.stem for path in (FOLDER / kind).glob("*.sql"))


@cache
def read(kind: str, subject: str) -> Fixture:
    """The cases of one file."""
    text = (FOLDER / kind / f"{subject}.sql").read_text(encoding="utf-8")
    header, *blocks = re.split(r"^(?=# title:)", text, flags=re.MULTILINE)
    engines = _listed(_directives(header.splitlines()).get("engines", ""))
    assert engines, f"{subject}.sql: the header names no engines"
    cases = tuple(_case(subject, block, engines) for block in blocks)
    assert len({str(case) for case in cases}) == len(cases), f"{subject}.sql: two cases have the same title"
    return Fixture(header, "\n".join(line for line in header.splitlines() if not line.startswith("#")), engines, cases)


def all_cases(kind: str) -> list[Case]:
    """The cases of all files of a folder."""
    return [case for subject in names(kind) for case in read(kind, subject).cases]


def update(kind: str, case: Case, golden: str) -> None:
    """Write a new expected result into the file."""
    fixture = read(kind, case.subject)
    cases = [replace(known, golden=golden) if known.title == case.title else known for known in fixture.cases]
    text = fixture.header.rstrip() + "\n" + "".join(f"\n{_spelled(known)}" for known in cases)
    (FOLDER / kind / f"{case.subject}.sql").write_text(text, encoding="utf-8")
    read.cache_clear()


def _case(subject: str, block: str, engines: tuple[str, ...]) -> Case:
    before, _, after = block.partition("# becomes\n")
    lines = before.strip().splitlines()
    lead = [line for line in lines if line.startswith("#")]
    directives = _directives(lead)
    return Case(
        subject,
        directives["title"],
        "\n".join(line for line in lines if not line.startswith("#")).strip().removesuffix(";"),
        after.strip().removesuffix(";") or None,
        _listed(directives.get("engines", "")) or engines,
        "\n".join(lead),
        directives,
    )


def _directives(lines: list[str]) -> dict[str, str]:
    pairs = (line[2:].partition(":") for line in lines if line.startswith("# "))
    return {key: value.strip() for key, colon, value in pairs if colon}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _spelled(case: Case) -> str:
    golden = f"# becomes\n{case.golden};\n" if case.golden else ""
    return f"{case.lead}\n{case.sql};\n{golden}"
