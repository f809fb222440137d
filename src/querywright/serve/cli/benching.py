"""``qw bench``: parse, call, print."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from querywright.bench.comparison import Comparison
from querywright.bench.folder import BenchFolder, Request
from querywright.bench.questions import Suite, read_suite
from querywright.bench.results import UNUSABLE
from querywright.bench.running import Listeners, Report, document, run_bench, versions
from querywright.errors import InputError
from querywright.serve.bench_page import write_bench_page
from querywright.serve.bench_wording import (
    COMPARISON_HEADERS,
    QUERY_HEADERS,
    audit_lines,
    broken_lines,
    comparison_cells,
    query_cells,
    query_line,
    standing_lines,
    summary_lines,
)
from querywright.serve.cli.console import Progress
from querywright.serve.cli.inputs import read_bytes
from querywright.serve.wording import table


@dataclass(frozen=True)
class Asked:
    """The command's arguments as typed; None where not given."""

    target: str | None
    db: str | None
    only: str | None
    seconds: float | None
    out: Path | None
    resume: Path | None
    compare: Path | None
    audit: bool
    timeout: float | None
    seed: int | None
    threads: int | None
    memory: str | None
    json_output: bool


def run(asked: Asked) -> int:
    """Bench and print; returns the exit code."""
    console = Console(stderr=asked.json_output, highlight=False, soft_wrap=True)
    progress = Progress(console)
    suite, request, path = _understood(asked, progress)
    chosen = suite.chosen(request.only)
    about = ", ".join(f"{name} {number}" for name, number in versions(suite).items())
    console.print(f"Benching {suite.label}: {len(chosen)} queries, {request.seconds:g} s each ({about})", markup=False)
    console.print(f"Results: {path}   (stopped, it goes on with: qw bench --resume {path})\n", markup=False)

    def compared(comparison: Comparison) -> None:
        cells = comparison_cells(comparison)
        console.print(f"{cells[0]:>6}  ours {cells[1]} {cells[2]}  theirs {cells[3]} {cells[4]} {cells[6]}", markup=False)

    listeners = Listeners(
        row=lambda row, earlier: console.print(query_line(row, earlier), markup=False),
        comparison=compared,
        progress=progress.workload,
    )
    report = run_bench(suite, request, path, audit=asked.audit, listeners=listeners)
    write_bench_page(path / "report.html", report)
    if asked.json_output:
        print(json.dumps(document(report), indent=2, ensure_ascii=False))
    else:
        _show(console, report, path)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """See the command's help."""
    usable = [row for row in report.rows if row.declared.status not in UNUSABLE]
    offenders = report.audit is not None and (report.audit.different or report.audit.slower)
    failed = any("failed" in (row.declared.status, row.assumed.status) for row in usable)
    if offenders or failed or any("failed" in (one.ours.status, one.theirs.status) for one in report.comparisons):
        return 1
    if not usable:
        return 2
    return 0 if report.summary.declared.faster else 3


def _understood(asked: Asked, progress: Progress) -> tuple[Suite, Request, Path]:
    """What to bench, how, and into which folder; raises `InputError`."""
    if asked.resume is not None and asked.out not in (None, asked.resume):
        raise InputError("--resume and --out name different folders.", "Give one of them.")
    stored = BenchFolder.stored_request(asked.resume) if asked.resume is not None else None
    target = asked.target or (stored.target if stored else None)
    if target is None:
        raise InputError("Nothing to bench was named.", "Name a folder of .sql files or a workload, such as qw bench tpcds:sf=1.")
    suite = read_suite(target, asked.db or (stored.database if stored else None), progress.workload)
    request = replace(stored or Request(suite.target, ""), target=suite.target, database=suite.database.specification)
    given = {
        "only": tuple(name.strip() for name in asked.only.split(",") if name.strip()) if asked.only is not None else None,
        "seconds": asked.seconds,
        "timeout_s": asked.timeout,
        "seed": asked.seed,
        "threads": asked.threads,
        "memory_bytes": read_bytes(asked.memory),
        "compare": str(asked.compare.absolute()) if asked.compare is not None else None,
    }
    request = replace(request, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    suite.chosen(request.only)
    return suite, request, asked.resume or asked.out or _new_folder(suite.label)


def _new_folder(label: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9.]+", "_", label).strip("_")
    return Path(f"bench_{name}_{datetime.now():%Y%m%d_%H%M%S}")


def _show(console: Console, report: Report, path: Path) -> None:
    console.print()
    console.print(table(QUERY_HEADERS, [query_cells(row) for row in report.rows]), markup=False)
    console.print()
    for line in summary_lines(report):
        console.print(line, markup=False)
    for line in broken_lines(report.rows):
        console.print(f"Not used: {line}", markup=False, style="yellow")
    if report.standings is not None:
        console.print()
        console.print(
            table(COMPARISON_HEADERS, [comparison_cells(comparison) for comparison in report.comparisons]), markup=False
        )
        for line in standing_lines(report.standings):
            console.print(line, markup=False)
        if any(comparison.theirs.counterexample for comparison in report.comparisons):
            console.print(f"Counterexamples: {path / 'counterexamples'}", markup=False)
    if report.audit is not None:
        console.print()
        for line in audit_lines(report.audit):
            console.print(line, markup=False)
    console.print(f"\nReport: {path / 'report.html'}", markup=False)
