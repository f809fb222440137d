"""``qw optimize``: parse, call, print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast, get_args

from rich.console import Console

from querywright.chat.options import ChatOptions
from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.sampling import sample
from querywright.engines.protocol import Limits
from querywright.engines.session import engine_of
from querywright.errors import InputError
from querywright.judge import Case, Rules
from querywright.pipeline import Options, ProposerName, optimize
from querywright.runs.directory import SUMMARY_TEXT, RunDirectory
from querywright.runs.layout import layout
from querywright.runs.serialize import to_json
from querywright.search.driver import find_mode
from querywright.search.examples import STRATEGIES, Strategy
from querywright.search.protocol import Budget
from querywright.serve.cli.console import Progress, SwarmProgress, show_difference, show_outcome
from querywright.serve.cli.inputs import Question, check_writable, read_bindings, read_bytes, read_question
from querywright.serve.wording import milliseconds, spent
from querywright.settings import model_settings
from querywright.sql.parse import normalize_parameters, parameters, parse_query
from querywright.transforms.driver import transforms
from querywright.values import Bindings, Outcome

_WORTH_SAMPLING = 100_000
"""Rows in all tables; below that a sample would hardly be faster."""

_KEPT = {
    "workers": "workers",
    "iterations": "iterations",
    "target": "target_speedup",
    "example_strategy": "example_strategy",
    "candidates": "candidates",
    "beam": "beam",
    "seed": "seed",
}
"""What a resumed run goes on with where nothing else is stated, by the name in its configuration: else it would ask anew."""

EXIT = {"faster": 0, "none": 3, "unconfirmed": 3, "refused": 3}


@dataclass(frozen=True)
class Request:
    """The command's arguments as typed."""

    sql: str
    db: str | None
    mode: str | None
    workers: int | None
    iterations: int | None
    target: float | None
    early_stop: bool
    example_strategy: str | None
    sample_db: str | None
    bind: tuple[str, ...]
    seconds: float
    candidates: int | None
    beam: int | None
    assume: str | None
    accept_timeout: bool
    threads: int | None
    memory: str | None
    timeout: float
    seed: int | None
    output: Path | None
    runs_dir: Path | None
    resume: Path | None
    report: Path | None
    json_output: bool
    proposers: str | None = None
    chat: ChatOptions = field(default_factory=ChatOptions)
    redact_literals: bool = False
    ml_hints: bool = True


def run(request: Request) -> int:
    """Optimize and print; returns the exit code."""
    console = Console(stderr=request.json_output, highlight=False, soft_wrap=True)
    mode = _mode(request)
    request = _resumed(request)
    progress = SwarmProgress(console) if mode == "swarm" else Progress(console, layout(mode).noun)
    check_writable(request.output, "--output")
    check_writable(request.report, "--report")
    question = read_question(request.sql, request.db, progress.workload)
    options = _options(request, mode, question, progress)
    directories: list[RunDirectory] = []

    def opened(case: Case, directory: RunDirectory) -> None:
        directories.append(directory)
        progress.begin(case.query, mode, _header(case, options))

    try:
        outcome = optimize(
            question.text,
            question.database,
            options,
            name=question.name,
            source=question.source,
            listen=progress.listen,
            opened=opened,
        )
    except KeyboardInterrupt:
        for directory in directories:
            console.print(f"\nInterrupted. What was completed is kept; repeat the command with: --resume {directory.path}")
        raise
    saved = _save(request, question, outcome)
    if request.report is not None:
        from querywright.serve.report import write_report

        write_report(request.report, outcome, question.database, options.limits)
    if request.json_output:
        print(to_json(outcome))
    else:
        if mode == "swarm" and outcome.status != "refused":
            console.print("\n" + (directories[0].path / SUMMARY_TEXT).read_text(encoding="utf-8"), markup=False, end="")
        show_outcome(console, outcome, progress, saved)
        if outcome.status == "faster" and outcome.best is not None:
            console.print()
            show_difference(console, outcome.original.sql, outcome.best.candidate.query.sql)
            _show_plans(console, question.database, outcome, options)
        if spending := directories[0].spending():
            console.print(f"\nModel: {spent(spending)}")
        console.print(f"\nRun: {directories[0].path}")
    return EXIT[outcome.status]


def _mode(request: Request) -> str:
    """The mode asked for, or that of the run to resume; raises `InputError` before anything is opened."""
    mode = request.mode or (RunDirectory.open(request.resume).mode if request.resume is not None else "iterative")
    find_mode(mode)
    if request.example_strategy not in (None, *STRATEGIES):
        raise InputError(
            f"--example-strategy {request.example_strategy} is not known.",
            f"Use one of: --example-strategy {' | '.join(STRATEGIES)}",
        )
    if request.chat.embedding_model is not None and request.example_strategy != "retrieved":
        raise InputError(
            "--embedding-model compares queries with examples, which only one strategy does.", "Add: --example-strategy retrieved"
        )
    return mode


def _resumed(request: Request) -> Request:
    """The request with what the run that it resumes was told of its extent and of models, where it says nothing else.

    Literals that were redacted stay so: the answers so far hold their placeholders.
    """
    if request.resume is None:
        return request
    said = RunDirectory.open(request.resume).configuration
    proposers = request.proposers
    if proposers is None and _proposers(request) == ("rules",):
        proposers = ",".join(said.get("proposers", ["rules"]))
    chat = ChatOptions.resumed(said.get("chat", {}), request.chat)
    redacted = request.redact_literals or said.get("redact_literals", False)
    kept: dict[str, Any] = {name: said.get(stored) for name, stored in _KEPT.items() if getattr(request, name) is None}
    early_stop = request.early_stop and said.get("early_stop", True)
    return replace(request, proposers=proposers, chat=chat, redact_literals=redacted, early_stop=early_stop, **kept)


def _options(request: Request, mode: str, question: Question, progress: Progress) -> Options:
    if request.assume not in (None, "checked-keys"):
        raise InputError(f"--assume {request.assume} is not known.", "The only value is --assume checked-keys.")
    budget = _budget(request)
    return Options(
        mode=mode,
        budget=budget,
        bindings=_bindings(request.bind, question),
        sample=_sample(request, mode, question.database, progress),
        rules=Rules(
            statement_limit_s=request.timeout,
            assume_checked_keys=request.assume == "checked-keys",
            accept_timeout=request.accept_timeout,
            seed=budget.seed,
        ),
        limits=Limits(request.threads, read_bytes(request.memory)),
        runs=request.runs_dir,
        resume=request.resume,
        proposers=_proposers(request),
        chat=request.chat,
        redact_literals=request.redact_literals,
        ml_hints=request.ml_hints,
    )


def _budget(request: Request) -> Budget:
    names = ("iterations", "target", "candidates", "beam", "seed", "workers")
    stated: dict[str, Any] = {name: value for name in names if (value := getattr(request, name)) is not None}
    return Budget(
        early_stop=request.early_stop,
        seconds=request.seconds,
        conditional=request.assume is not None,
        examples=cast("Strategy | None", request.example_strategy),
        **stated,
    )


def _proposers(request: Request) -> tuple[ProposerName, ...]:
    """Those asked for; by default the rules, and the model where one is named."""
    if request.proposers is None:
        chat, configured = request.chat, model_settings()
        named = (
            chat.model,
            chat.provider,
            chat.base_url,
            chat.replay,
            configured.model,
            configured.provider,
            configured.base_url,
        )
        return ("rules", "model") if any(named) else ("rules",)
    names = tuple(dict.fromkeys(name.strip() for name in request.proposers.split(",")))
    if not set(names) <= set(get_args(ProposerName)):
        raise InputError(f"--proposers {request.proposers} is not known.", "Use one of: --proposers rules | model | rules,model")
    return cast("tuple[ProposerName, ...]", names)


def _bindings(given: Sequence[str], question: Question) -> tuple[Bindings, ...]:
    dialect = engine_of(question.database.location).CAPABILITIES.dialect
    text = normalize_parameters(question.text, dialect)
    return read_bindings(given, parameters(parse_query(text, dialect, question.source)))


def _sample(request: Request, mode: str, database: Database, progress: Progress) -> Database | None:
    if request.sample_db is not None:
        return replace(open_database(request.sample_db, progress.workload), role="sample")
    large = sum(table.rows or 0 for table in database.schema.tables) > _WORTH_SAMPLING
    if mode == "swarm" or (mode in ("single", "parallel") and large):
        return sample(database, progress=progress.workload)
    return None


def _header(case: Case, options: Options) -> list[str]:
    capabilities = engine_of(case.database.location).CAPABILITIES
    count = len(transforms(case.database.location.engine))
    original = f"Original: {milliseconds(case.baseline.milliseconds)}, {case.rows:,} rows" if case.baseline else ""
    if case.baseline and case.baseline.stopped:
        original = f"Original: stopped at its limit of {milliseconds(case.baseline.milliseconds)}"
    return [
        f"Database: {case.database.name} ({case.database.location.engine} {capabilities.version})",
        f"Proposers: {_proposing(options, count)}",
        *([f"Sample: {options.sample.name}"] if options.sample else []),
        *([original] if original else []),
        _extent(options),
    ]


def _proposing(options: Options, transforms: int) -> str:
    model = options.chat.model or model_settings().model or options.chat.replay or "a model"
    words = {"rules": f"rules ({transforms} transforms)", "model": f"{model}{_limits(options.chat)}"}
    return ", ".join(words[name] for name in options.proposers)


def _limits(chat: ChatOptions) -> str:
    limits = [f"at most ${chat.max_cost:g}"] if chat.max_cost is not None else []
    limits += [f"at most {chat.max_calls} calls"] if chat.max_calls is not None else []
    return f" ({', '.join(limits)})" if limits else ""


def _extent(options: Options) -> str:
    budget = options.budget
    if options.mode == "iterative":
        return f"Max iterations: {budget.iterations}   Target speedup: {budget.target:.1f}x"
    if options.mode == "single":
        return "One worker, up to 3 tries, until one is faster"
    workers = budget.workers or find_mode(options.mode).WORKERS
    if options.mode == "parallel":
        return f"Workers: {workers}, one try and one retry each"
    each = " of the rules and as many of the model" if len(options.proposers) > 1 else ""
    return f"Running {workers} generations{each} side by side on the sample…"


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
    from querywright.analyze.plans import plan_lines
    from querywright.engines.session import Session

    assert outcome.best is not None
    bindings = outcome.original.bindings[0] if outcome.original.bindings else ()
    with Session(database.location, options.limits) as session:
        for title, sql in (("before", outcome.original.sql), ("after", outcome.best.candidate.query.sql)):
            console.print(f"\n[bold]Plan {title}[/]")
            for line in plan_lines(session.explain(sql, bindings)):
                console.print(line, highlight=False, markup=False)
