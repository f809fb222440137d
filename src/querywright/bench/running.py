"""Runs a bench: optimizes each query that has no row yet, then compares and audits where asked, and stores all of it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from querywright.bench.audit import Finding
from querywright.bench.auditing import Audit, audit_rows
from querywright.bench.comparison import Comparison, Rival, Standing, compare, rival_text, standings
from querywright.bench.folder import BenchFolder, Request
from querywright.bench.optimizing import optimize_question
from querywright.bench.questions import Suite
from querywright.bench.results import UNUSABLE, Row
from querywright.bench.summary import Summary, summarize
from querywright.databases.opening import silent
from querywright.engines.session import engine_of
from querywright.errors import InputError, QuerywrightError
from querywright.runs.serialize import to_json
from querywright.workloads.protocol import Progress


@dataclass(frozen=True, slots=True)
class Listeners:
    """Hear of each thing as it is complete; ``earlier`` of a row says that a previous bench in the folder made it."""

    row: Callable[[Row, bool], None] = lambda row, earlier: None
    comparison: Callable[[Comparison], None] = lambda comparison: None
    finding: Callable[[Finding], None] = lambda finding: None
    progress: Progress = silent


@dataclass(frozen=True, slots=True)
class Report:
    """A whole bench: what was asked, every row, the figures; comparison and audit where asked for."""

    request: Request
    label: str
    rows: tuple[Row, ...]
    summary: Summary
    comparisons: tuple[Comparison, ...] = ()
    standings: tuple[Standing, Standing] | None = None
    audit: Audit | None = None


def versions(suite: Suite) -> dict[str, str]:
    """What a bench must not mix."""
    engine = suite.database.location.engine
    return {"querywright": version("querywright"), engine: engine_of(suite.database.location).CAPABILITIES.version}


def run_bench(suite: Suite, request: Request, path: Path, *, audit: bool = False, listeners: Listeners | None = None) -> Report:
    """Bench the suite into the folder at ``path``, going on where an earlier bench in it stopped.

    The report covers every query that the folder holds. Raises `InputError` before anything runs where the
    arguments cannot be used; a query that cannot be used is a row.
    """
    listeners = listeners or Listeners()
    rivals = _rivals_folder(request)
    chosen = suite.chosen(request.only)
    folder = BenchFolder.start(path, request, versions(suite))
    rows: dict[str, Row] = {}
    for question in chosen:
        row = folder.read("queries", question.name, Row)
        earlier = row is not None and row.original == (question.text or "") and row.declared.status not in ("broken", "failed")
        if row is None or not earlier:
            row = optimize_question(question, suite.database, request, path / "runs")
            folder.write_sql("rewrites", question.name, row.declared.sql if row.declared.status == "faster" else None)
            folder.write("queries", question.name, row)
        rows[question.name] = row
        listeners.row(row, earlier)
    rows = {
        question.name: row
        for question in suite.questions
        if (row := rows.get(question.name) or folder.read("queries", question.name, Row))
    }
    comparisons = tuple(_compared(list(rows.values()), rivals, suite, request, folder, listeners)) if rivals is not None else ()
    audited = None
    if audit:
        audited = audit_rows(rows.values(), suite.database, request.threads, listeners.progress, listeners.finding)
    report = Report(
        request,
        suite.label,
        tuple(rows.values()),
        summarize(list(rows.values())),
        comparisons,
        standings(comparisons) if comparisons else None,
        audited,
    )
    folder.write_results(document(report))
    return report


def document(report: Report) -> dict[str, Any]:
    """The report as JSON can hold it."""
    told: dict[str, Any] = json.loads(to_json(report))
    return told


def _rivals_folder(request: Request) -> Path | None:
    if request.compare is None:
        return None
    path = Path(request.compare)
    if not path.is_dir():
        raise InputError(
            f"{request.compare} is not a folder.", "Name a folder of rewrites, one .sql file a query, with --compare."
        )
    if not any(path.glob("*.sql")):
        raise InputError(
            f"{request.compare} holds no .sql files.", "Name a folder of rewrites, one .sql file a query, with --compare."
        )
    return path


def _compared(
    rows: Sequence[Row], rivals: Path, suite: Suite, request: Request, folder: BenchFolder, listeners: Listeners
) -> Iterator[Comparison]:
    for row in rows:
        if row.declared.status in UNUSABLE:
            continue
        comparison = folder.read("comparison", row.query, Comparison)
        if comparison is None or not _current(comparison, row, rivals):
            try:
                comparison = compare(row, rivals, suite.database, request)
            except QuerywrightError as error:
                comparison = Comparison(row.query, Rival("failed"), Rival("failed", str(error)))
            except Exception:  # noqa: BLE001 - recorded in full, like a query on which the search fails
                comparison = Comparison(row.query, Rival("failed"), Rival("failed", traceback.format_exc()))
            folder.write_sql("counterexamples", row.query, comparison.theirs.counterexample)
            folder.write("comparison", row.query, comparison)
        listeners.comparison(comparison)
        yield comparison


def _current(comparison: Comparison, row: Row, rivals: Path) -> bool:
    """Whether a stored comparison is of the same texts, and did not fail."""
    try:
        text = rival_text(rivals, row.query)
    except InputError:
        return False
    if "failed" in (comparison.ours.status, comparison.theirs.status):
        return False
    ours = row.declared.sql if row.declared.status == "faster" else None
    return comparison.theirs.sql == text and comparison.ours.sql == ours
