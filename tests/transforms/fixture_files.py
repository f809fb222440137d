"""The fixture of a transform: a header of DDL, then cases.

The header is ``# engines: duckdb, sqlite`` and CREATE TABLE statements with keys. A case starts with ``# title: …``; a line
``# engines: …`` or ``# blocked: …`` may follow, then one SQL statement. ``# becomes`` and the rewritten statement follow where
the transform fires; titles of cases in which it must not fire begin with ``near-miss:`` or ``no-op:``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "transforms"
_SILENT = ("near-miss:", "no-op:")


@dataclass(frozen=True)
class Case:
    """One query; ``golden`` is the rewritten text under DuckDB, None where the transform must not fire."""

    transform: str
    title: str
    sql: str
    golden: str | None
    blocked: str | None
    engines: tuple[str, ...]
    lead: str

    @property
    def fires(self) -> bool:
        return not self.title.startswith(_SILENT)

    def __str__(self) -> str:
        return f"{self.transform}-{re.sub('[^a-z0-9]+', '_', self.title.lower())}"


@dataclass(frozen=True)
class Fixture:
    """``header`` is the text before the first case, ``ddl`` the statements in it."""

    header: str
    ddl: str
    engines: tuple[str, ...]
    cases: tuple[Case, ...]


def names() -> list[str]:
    """Transforms that have a fixture."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


@cache
def read(transform: str) -> Fixture:
    """The fixture of a transform."""
    text = (FOLDER / f"{transform}.sql").read_text(encoding="utf-8")
    header, *blocks = re.split(r"^(?=# title:)", text, flags=re.MULTILINE)
    engines = _engines(header) or ()
    cases = tuple(_case(transform, block, engines) for block in blocks)
    assert engines, f"{transform}.sql: the header names no engines"
    assert len({str(case) for case in cases}) == len(cases), f"{transform}.sql: two cases have the same title"
    ddl = "\n".join(line for line in header.splitlines() if not line.startswith("#"))
    return Fixture(header, ddl, engines, cases)


def update(case: Case, golden: str) -> None:
    """Write a new expected result into the fixture."""
    fixture = read(case.transform)
    cases = [replace(known, golden=golden) if known.title == case.title else known for known in fixture.cases]
    text = fixture.header.rstrip() + "\n" + "".join(f"\n{_spelled(known)}" for known in cases)
    (FOLDER / f"{case.transform}.sql").write_text(text, encoding="utf-8")
    read.cache_clear()


def _case(transform: str, block: str, engines: tuple[str, ...]) -> Case:
    before, _, after = block.partition("# becomes\n")
    lines = before.strip().splitlines()
    lead = [line for line in lines if line.startswith("#")]
    directives = {key: value.strip() for key, _, value in (line[2:].partition(":") for line in lead)}
    sql = "\n".join(line for line in lines if not line.startswith("#")).strip().removesuffix(";")
    case = Case(
        transform,
        directives["title"],
        sql,
        after.strip().removesuffix(";") or None,
        directives.get("blocked"),
        _engines(before) or engines,
        "\n".join(lead),
    )
    assert case.fires or case.golden is None, f"{case}: a near-miss or no-op has no '# becomes'"
    return case


def _engines(text: str) -> tuple[str, ...] | None:
    found = re.search(r"^# engines:(.*)$", text, flags=re.MULTILINE)
    return tuple(name.strip() for name in found.group(1).split(",")) if found else None


def _spelled(case: Case) -> str:
    golden = f"# becomes\n{case.golden};\n" if case.golden else ""
    return f"{case.lead}\n{case.sql};\n{golden}"
