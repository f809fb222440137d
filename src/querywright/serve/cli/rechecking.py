"""``qw recheck``: a finished run's winner, verified and measured again."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from querywright.analyze.preparing import prepare
from querywright.databases.opening import open_database
from querywright.errors import RunError
from querywright.judge import Rules, confirm, judge, open_case
from querywright.measure.decision import recommended
from querywright.runs.directory import RunDirectory
from querywright.runs.serialize import to_json
from querywright.serve.cli.console import Progress
from querywright.serve.wording import evidence, speed
from querywright.settings import settings


def run(run: Path, db: str | None, seed: int, timeout: float, as_json: bool) -> int:
    """Judge the winner afresh on new witness databases; returns the exit code."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    directory = RunDirectory.open(run if run.exists() else settings().runs / run)
    outcome = directory.outcome()
    if outcome is None or outcome.best is None:
        raise RunError(f"{run} has no winner to check.", "Name a run that found a faster query: qw runs")
    stored = directory.configuration.get("database_specification")
    if db is None and not stored:
        raise RunError(f"{run} does not say which database it ran on.", "Add --db.")
    database = open_database(db or str(stored), Progress(console).workload)
    prepared = prepare(outcome.original.sql, database, outcome.original.bindings, outcome.original.name)
    with open_case(prepared.query, prepared.database, rules=Rules(statement_limit_s=timeout, seed=seed)) as case:
        attempt = judge(case, outcome.best.candidate)
        if attempt.timing is not None:
            attempt = confirm(case, attempt)
    holds = attempt.timing is not None and recommended(attempt.timing) and not case.conditional(attempt)
    if as_json:
        print(to_json(attempt))
    else:
        console.print("[bold green]It still holds.[/]" if holds else "[bold red]It does not hold.[/]")
        console.print(f"  Evidence: {evidence(attempt.verdict)}", markup=False)
        console.print(f"  Speed: {speed(attempt.timing)}", markup=False)
    if holds:
        return 0
    return 1 if attempt.verdict.grade == "refuted" or attempt.timing is not None else 3
