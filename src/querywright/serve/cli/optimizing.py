"""``qw optimize``: parse, call, print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.sampling import sample
from querywright.engines.protocol import Limits
from querywright.engines.session import engine_of
from querywright.errors import InputError
from querywright.judge import Case, Rules
from querywright.pipeline import Options, optimize
from querywright.runs.directory import RunDirectory
from querywright.runs.serialize import to_json
from querywright.search.protocol import Budget
from querywright.serve.cli.console import Progress, show_difference, show_outcome
from querywright.serve.cli.inputs import Question, check_writable, read_bindings, read_bytes, read_question
from querywright.serve.wording import milliseconds
from querywright.sql.parse import normalize_parameters, parameters, parse_query
from querywright.transforms.driver import transforms
from querywright.values import Bindings, Outcome

EXIT = {"faster": 0, "none": 3, "unconfirmed": 3, "refused": 3}


@dataclass(frozen=True)
class Request:
    """The command's arguments as typed."""

    sql: str
    db: str | None
    mode: str
    iterations: int
    target: float
    early_stop: bool
    sample_db: str | None
    bind: tuple[str, ...]
    seconds: float
    candidates: int
    beam: int
    assume: str | None
    accept_timeout: bool
    threads: int | None
    memory: str | None
    timeout: float
    seed: int
    output: Path | None
    runs_dir: Path | None
    resume: Path | None
    report: Path | None
    json_output: bool


def run(request: Request) -> int:
    """Optimize and print; returns the exit code."""
    console = Console(stderr=request.json_output, highlight=False, soft_wrap=True)
    progress = Progress(console)
    check_writable(request.output, "--output")
    check_writable(request.report, "--report")
    question = read_question(request.sql, request.db, progress.workload)
    options = _options(request, question, progress)
    directories: list[RunDirectory] = []

    def opened(case: Case, directory: RunDirectory) -> None:
        directories.append(directory)
        progress.begin(case.query, request.mode, _header(case, request, directory))

    outcome = optimize(
        question.text,
        question.database,
        options,
        name=question.name,
        source=question.source,
        listen=progress.listen,
        opened=opened,
    )
    saved = _save(request, question, outcome)
    if request.report is not None:
        from querywright.serve.report import write_report

        write_report(request.report, outcome, question.database, options.limits)
    if request.json_output:
        print(to_json(outcome))
    else:
        show_outcome(console, outcome, progress.summaries, saved)
        if outcome.status == "faster" and outcome.best is not None:
            console.print()
            show_difference(console, outcome.original.sql, outcome.best.candidate.query.sql)
            _show_plans(console, question.database, outcome, options)
        console.print(f"\nRun: {directories[0].path}")
    return EXIT[outcome.status]


def _options(request: Request, question: Question, progress: Progress) -> Options:
    if request.assume not in (None, "checked-keys"):
        raise InputError(f"--assume {request.assume} is not known.", "The only value is --assume checked-keys.")
    return Options(
        mode=request.mode,
        budget=Budget(
            iterations=request.iterations,
            target=request.target,
            early_stop=request.early_stop,
            seconds=request.seconds,
            candidates=request.candidates,
            beam=request.beam,
            seed=request.seed,
            conditional=request.assume is not None,
        ),
        bindings=_bindings(request.bind, question),
        sample=_sample(request, question.database, progress),
        rules=Rules(
            statement_limit_s=request.timeout,
            assume_checked_keys=request.assume == "checked-keys",
            accept_timeout=request.accept_timeout,
            seed=request.seed,
        ),
        limits=Limits(request.threads, read_bytes(request.memory)),
        runs=request.runs_dir,
        resume=request.resume,
    )


def _bindings(given: Sequence[str], question: Question) -> tuple[Bindings, ...]:
    dialect = engine_of(question.database.location).CAPABILITIES.dialect
    text = normalize_parameters(question.text, dialect)
    return read_bindings(given, parameters(parse_query(text, dialect, question.source)))


def _sample(request: Request, database: Database, progress: Progress) -> Database | None:
    if request.sample_db is not None:
        return replace(open_database(request.sample_db, progress.workload), role="sample")
    if request.mode == "single" and sum(table.rows or 0 for table in database.schema.tables) > 100_000:
        return sample(database)
    return None


def _header(case: Case, request: Request, directory: RunDirectory) -> list[str]:
    capabilities = engine_of(case.database.location).CAPABILITIES
    count = len(transforms(case.database.location.engine))
    original = f"Original: {milliseconds(case.baseline.milliseconds)}, {case.rows:,} rows" if case.baseline else ""
    if case.baseline and case.baseline.stopped:
        original = f"Original: stopped at its limit of {milliseconds(case.baseline.milliseconds)}"
    return [
        f"Database: {case.database.name} ({case.database.location.engine} {capabilities.version})",
        f"Proposers: rules ({count} transforms)",
        f"Max iterations: {request.iterations}   Target speedup: {request.target:.1f}x",
        *([original] if original else []),
    ]


def _save(request: Request, question: Question, outcome: Outcome) -> str:
    if outcome.status != "faster" or outcome.best is None:
        return ""
    target = request.output or Path(f"{question.name}_optimized.sql")
    text = outcome.best.candidate.query.sql
    try:
        target.write_text(text + ("" if text.endswith("\n") else "\n"), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}.", "Choose another file with --output.") from error
    return str(target)


def _show_plans(console: Console, database: Database, outcome: Outcome, options: Options) -> None:
    from querywright.engines.session import Session
    from querywright.serve.plans import plan_lines

    assert outcome.best is not None
    bindings = outcome.original.bindings[0] if outcome.original.bindings else ()
    with Session(database.location, options.limits) as session:
        for title, sql in (("before", outcome.original.sql), ("after", outcome.best.candidate.query.sql)):
            console.print(f"\n[bold]Plan {title}[/]")
            for line in plan_lines(session.explain(sql, bindings)):
                console.print(line, highlight=False, markup=False)
