"""The fixture of an anti-pattern: a header of DDL, then labelled queries.

The header is ``# engines: duckdb, sqlite`` and CREATE TABLE statements with keys. A case starts with ``# title: …`` and holds one
SQL statement; ``# engines: …`` may narrow where it runs. There are four kinds:

- with ``# becomes`` and a second statement: the first is clean, the second is what ``inject`` makes of it under DuckDB;
- titled ``habit: …``: the statement has the habit; ``# finds: severity, severity, …`` names what is found, in order;
- titled ``clean: …``: nothing is found;
- titled ``near-miss: …``: nothing is found and nothing can be injected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "antipatterns"
LABELS = ("habit", "clean", "near-miss")


@dataclass(frozen=True)
class Case:
    """One query; ``label`` is ``inject`` where the title has none of `LABELS`; ``finds`` are the severities expected."""

    antipattern: str
    title: str
    label: str
    sql: str
    golden: str | None
    finds: tuple[str, ...]
    engines: tuple[str, ...]
    lead: str

    def __str__(self) -> str:
        return f"{self.antipattern}-{re.sub('[^a-z0-9]+', '_', self.title.lower())}"


@dataclass(frozen=True)
class Fixture:
    """``header`` is the text before the first case, ``ddl`` the statements in it."""

    header: str
    ddl: str
    cases: tuple[Case, ...]


def names() -> list[str]:
    """Anti-patterns that have a fixture."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


@cache
def read(antipattern: str) -> Fixture:
    """The fixture of an anti-pattern."""
    text = (FOLDER / f"{antipattern}.sql").read_text(encoding="utf-8")
    header, *blocks = re.split(r"^(?=# title:)", text, flags=re.MULTILINE)
    engines = _listed("engines", header)
    assert engines, f"{antipattern}.sql: the header names no engines"
    cases = tuple(_case(antipattern, block, engines) for block in blocks)
    assert len({str(case) for case in cases}) == len(cases), f"{antipattern}.sql: two cases have the same title"
    return Fixture(header, "\n".join(line for line in header.splitlines() if not line.startswith("#")), cases)


def update(case: Case, golden: str) -> None:
    """Write a new expected result into the fixture."""
    fixture = read(case.antipattern)
    cases = [replace(known, golden=golden) if known.title == case.title else known for known in fixture.cases]
    text = fixture.header.rstrip() + "\n" + "".join(f"\n{_spelled(known)}" for known in cases)
    (FOLDER / f"{case.antipattern}.sql").write_text(text, encoding="utf-8")
    read.cache_clear()


def _case(antipattern: str, block: str, engines: tuple[str, ...]) -> Case:
    before, _, after = block.partition("# becomes\n")
    lines = before.strip().splitlines()
    lead = [line for line in lines if line.startswith("#")]
    title = lead[0].removeprefix("# title:").strip()
    label = title.partition(":")[0] if title.partition(":")[0] in LABELS else "inject"
    case = Case(
        antipattern,
        title,
        label,
        "\n".join(line for line in lines if not line.startswith("#")).strip().removesuffix(";"),
        after.strip().removesuffix(";") or None,
        _listed("finds", before),
        _listed("engines", before) or engines,
        "\n".join(lead),
    )
    assert case.golden is None or label == "inject", f"{case}: only cases without a label have '# becomes'"
    assert bool(case.finds) == (label == "habit"), f"{case}: '# finds:' belongs to 'habit:' cases"
    return case


def _listed(directive: str, text: str) -> tuple[str, ...]:
    found = re.search(rf"^# {directive}:(.*)$", text, flags=re.MULTILINE)
    return tuple(name.strip() for name in found.group(1).split(",")) if found else ()


def _spelled(case: Case) -> str:
    golden = f"# becomes\n{case.golden};\n" if case.golden else ""
    return f"{case.lead}\n{case.sql};\n{golden}"
