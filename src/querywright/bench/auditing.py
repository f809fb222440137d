"""Gives the audit its databases: the bench's own, and one whose rows are others: another seed and size, or a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from querywright.bench.audit import Claim, Finding, Source, audit, opened
from querywright.bench.results import Result, Row
from querywright.databases.database import Database
from querywright.databases.opening import open_database, silent
from querywright.databases.sampling import sample
from querywright.databases.specification import workload_instance
from querywright.workers import timing_lock
from querywright.workloads.driver import Instance, instance
from querywright.workloads.protocol import Progress

SMALLER = 0.3
"""Size of the other database, relative to the bench's own."""

SAMPLE_SEED = 7919
"""Not the seed of the samples that the judge draws."""


@dataclass(frozen=True, slots=True)
class Audit:
    """All findings. ``different`` and ``slower`` name the queries whose recommendation does not hold."""

    sources: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def different(self) -> tuple[str, ...]:
        """Queries whose rewrite gives other rows."""
        return tuple(finding.query for finding in self.findings if finding.state == "different")

    @property
    def slower(self) -> tuple[str, ...]:
        """Queries whose rewrite is slower than the original."""
        return tuple(finding.query for finding in self.findings if finding.slower)


def audit_rows(
    rows: Iterable[Row],
    database: Database,
    threads: int | None = None,
    progress: Progress = silent,
    listen: Callable[[Finding], None] = lambda finding: None,
) -> Audit:
    """Check every recommendation of the rows, those under assumed premises too."""
    sources = [_source(place, threads) for place in (database, *fresh_databases(database, progress))]
    findings: list[Finding] = []
    with opened(sources) as runners:
        for claim in claims(rows):
            with timing_lock():
                findings.append(audit(claim, runners))
            listen(findings[-1])
    return Audit(tuple(source.name for source in sources), tuple(findings))


def claims(rows: Iterable[Row]) -> Sequence[Claim]:
    """What the rows recommend, each text once."""
    found = []
    for row in rows:
        results: tuple[tuple[str, Result], ...] = ((row.query, row.declared), (f"{row.query} (checked keys)", row.assumed))
        texts = set()
        for name, result in results:
            if result.status == "faster" and result.sql is not None and result.sql not in texts:
                texts.add(result.sql)
                original = row.original.strip().removesuffix(";")
                found.append(Claim(name, original, result.sql.strip().removesuffix(";"), result.gain))
    return found


def fresh_databases(database: Database, progress: Progress = silent) -> list[Database]:
    """The same schema with other rows: the workload at another seed and size, or another sample of the user's data."""
    chosen = workload_instance(database.specification) if database.specification else None
    if chosen is None:
        if database.location.address == ":memory:" and not database.location.readable:
            return []
        return [replace(sample(database, SMALLER, SAMPLE_SEED, progress=progress), name=f"a sample of {database.name}")]
    other = another(chosen)
    return [open_database(other.label, progress)] if other != chosen else []


def another(chosen: Instance) -> Instance:
    """The workload at the next seed and about a third of the size, as far as it has such parameters."""
    changed = dict(chosen.parameters)
    for name, parameter in chosen.workload.PARAMETERS.items():
        if name not in changed or parameter.choices:
            continue
        value = float(changed[name])
        if name == "seed":
            changed[name] = f"{value + 1:g}"
        else:
            changed[name] = f"{value * SMALLER if value * SMALLER >= parameter.least else value * 2:g}"
    return instance(chosen.name, {**changed, "engine": chosen.engine})


def _source(database: Database, threads: int | None) -> Source:
    place = database.location
    return Source(database.name, place.engine, place.address, place.setup, threads)
