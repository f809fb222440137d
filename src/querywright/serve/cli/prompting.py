"""``qw prompt``: what a model would be asked, for a chat window of the user's choice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from querywright.analyze import Analysis
from querywright.analyze import analyze as analyze_query
from querywright.analyze.preparing import Prepared, prepare
from querywright.databases.opening import open_database
from querywright.engines.protocol import PlanNode
from querywright.engines.session import Session, engine_of
from querywright.errors import InputError, RunError, StatementTimeout
from querywright.judge import ACCEPTED
from querywright.propose.contract import SCHEMA
from querywright.propose.gold import for_families, nearest
from querywright.propose.prompting import PromptRequest, messages, plain
from querywright.runs.directory import METADATA, RunDirectory
from querywright.runs.files import read_json, write_text
from querywright.runs.iteration import ANSWER, PROMPT, Iteration
from querywright.runs.layout import Mode
from querywright.search.examples import EXAMPLE_ROTATION, STRATEGIES, Strategy, example_set
from querywright.search.recorder import graph_document, hint_document
from querywright.serve.cli.console import Progress
from querywright.serve.cli.inputs import read_bindings, read_question
from querywright.sql.parse import normalize_parameters, parameters, parse_query
from querywright.sql.qualify import qualify_text
from querywright.values import Attempt, Query, Step

MODE: Mode = "single"
FASTER = 1.05
"""A verified attempt this much faster becomes the query that the next prompt shows."""


@dataclass(frozen=True)
class Asking:
    """The command's arguments as typed."""

    sql: str
    db: str | None
    out: Path | None
    strategy: str
    number: int
    target: float
    redact_literals: bool
    no_run: bool
    bind: tuple[str, ...]
    timeout: float


@dataclass(frozen=True)
class Turn:
    """Where a conversation in a run directory stands: turn ``number`` asks ``request``, to whose query ``steps`` led."""

    number: int
    prepared: Prepared
    request: PromptRequest
    steps: tuple[Step, ...]


def run(asking: Asking, as_json: bool) -> int:
    """Print the prompt; returns the exit code."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if asking.strategy not in STRATEGIES:
        raise InputError(
            f"--example-strategy {asking.strategy} is not known.", f"Use one of: --example-strategy {' | '.join(STRATEGIES)}"
        )
    directory = RunDirectory.open(Path(asking.sql)) if (Path(asking.sql) / METADATA).is_file() else None
    if directory is not None:
        turn = turn_of(directory, opened(directory, asking.db, console), asking.no_run, asking.timeout)
    else:
        prepared = _prepared(asking, console)
        directory = _created(asking, prepared)
        turn = first_turn(prepared, asking)
    asked = messages(turn.request)
    if directory is not None:
        _begin(directory, turn, plain(asked))
    if as_json:
        print(json.dumps({"messages": [asdict(message) for message in asked], "schema": SCHEMA}, indent=2))
    else:
        print(plain(asked), end="")
    if directory is not None:
        console.print(f"Save the answer to a file, then: qw submit {directory.path} FILE", markup=False)
    else:
        console.print("To have the answer judged, add: --out RUN", markup=False)
    return 0


def opened(directory: RunDirectory, db: str | None, console: Console) -> Prepared:
    """The query and the database of a run; raises `RunError` where the run does not name its database or has another mode."""
    stored = directory.configuration.get("database_specification")
    if directory.mode != MODE or "model" not in directory.configuration.get("proposers", ()):
        raise RunError(f"{directory.path} was not made by qw prompt.", "Make a run with: qw prompt QUERY --db DATABASE --out RUN")
    if db is None and not stored:
        raise RunError(f"{directory.path} does not say which database it is for.", "Add --db.")
    database = open_database(db or str(stored), Progress(console).workload)
    return prepare(directory.query.sql, database, directory.query.bindings, directory.query.name)


def first_turn(prepared: Prepared, asking: Asking) -> Turn:
    """The turn that begins a conversation."""
    analysis = _analyzed(prepared, prepared.query, asking.no_run, asking.timeout)
    request = _request(prepared, analysis, cast(Strategy, asking.strategy), asking.number, asking.target)
    return Turn(1, prepared, replace(request, redact_literals=asking.redact_literals), ())


def turn_of(directory: RunDirectory, prepared: Prepared, no_run: bool, timeout: float) -> Turn:
    """The next turn of a stored conversation, or the one that waits for its answer."""
    said = directory.configuration
    iterations = [iteration for iteration in directory.iterations() if iteration.complete]
    attempts = tuple(attempt for iteration in iterations for attempt in iteration.attempts)
    best = best_attempt(attempts)
    query = best.candidate.query if best is not None else prepared.query
    number = len(iterations) + 1
    analysis = _analyzed(prepared, query, no_run, timeout)
    request = _request(
        prepared, analysis, cast(Strategy, said["example_strategy"]), said["first_examples"] + number - 1, said["target_speedup"]
    )
    request = replace(
        request,
        attempts=attempts,
        problems=tuple(filter(None, (_problem(directory, iteration) for iteration in iterations))),
        speedup=best.timing.ratio if best is not None and best.timing is not None else 1.0,
        redact_literals=said["redact_literals"],
    )
    return Turn(number, prepared, request, best.candidate.steps if best is not None else ())


def best_attempt(attempts: tuple[Attempt, ...]) -> Attempt | None:
    """The fastest attempt that was verified without conditions, where one is faster than the original."""
    timed = [one for one in attempts if one.verdict.grade in ACCEPTED and not one.verdict.conditions and one.timing is not None]
    best = max(timed, key=lambda one: one.timing.ratio if one.timing else 0.0, default=None)
    return best if best is not None and best.timing is not None and best.timing.ratio > FASTER else None


def _prepared(asking: Asking, console: Console) -> Prepared:
    question = read_question(asking.sql, asking.db, Progress(console).workload)
    dialect = engine_of(question.database.location).CAPABILITIES.dialect
    text = normalize_parameters(question.text, dialect)
    bindings = read_bindings(asking.bind, parameters(parse_query(text, dialect, question.source)))
    return prepare(question.text, question.database, bindings, question.name, question.source)


def _created(asking: Asking, prepared: Prepared) -> RunDirectory | None:
    if asking.out is None:
        return None
    if asking.out.exists():
        raise InputError(f"{asking.out} is there already.", "Name a folder that is not there, or go on: qw prompt RUN")
    engine = prepared.database.location.engine
    analysis = analyze_query(prepared.query, prepared.tree, prepared.database.schema, engine)
    configuration: dict[str, Any] = {
        "database": prepared.database.name,
        "database_specification": prepared.database.specification,
        "proposers": ["model"],
        "target_speedup": asking.target,
        "example_strategy": asking.strategy,
        "first_examples": asking.number,
        "redact_literals": asking.redact_literals,
    }
    made = RunDirectory.create(
        asking.out.resolve().parent, prepared.query, MODE, configuration, query_dag=graph_document(analysis)
    )
    made.path.rename(asking.out)
    return RunDirectory.open(asking.out)


def _begin(directory: RunDirectory, turn: Turn, text: str) -> None:
    """Store what the turn starts from and its prompt; it is complete once its answer was judged."""
    request = turn.request
    iteration = directory.iteration(turn.number)
    iteration.begin(
        request.analysis.query.sql,
        [example.title for example in request.examples],
        hint_document(request.analysis, turn.number, request.speedup, request.target),
    )
    write_text(iteration.path / PROMPT, text)


def _request(prepared: Prepared, analysis: Analysis, strategy: Strategy, number: int, target: float) -> PromptRequest:
    engine = prepared.database.location.engine
    leads = example_set(strategy, number, analysis.hints, 0)
    chosen = for_families(leads, engine, (number - 1) // len(EXAMPLE_ROTATION))
    examples = nearest(analysis, engine) if strategy == "retrieved" else chosen
    return PromptRequest(analysis, engine, examples=examples, leads=leads, target=target)


def _analyzed(prepared: Prepared, query: Query, no_run: bool, timeout: float) -> Analysis:
    schema, engine = prepared.database.schema, prepared.database.location.engine
    outputs = prepared.tree.named_selects
    tree = prepared.tree if query == prepared.query else qualify_text(query.sql, schema, query.dialect, outputs)
    return analyze_query(query, tree, schema, engine, _plan(prepared, query, no_run, timeout))


def _plan(prepared: Prepared, query: Query, no_run: bool, timeout: float) -> PlanNode:
    """The plan with actual rows and times, or with estimates alone where the query takes too long."""
    bindings = query.bindings[0] if query.bindings else ()
    with Session(prepared.database.location) as session:
        try:
            return session.explain(query.sql, bindings, not no_run, limit_s=timeout)
        except StatementTimeout:
            return session.explain(query.sql, bindings)


def _problem(directory: RunDirectory, iteration: Iteration) -> str:
    path = directory.iteration(iteration.number).path / ANSWER
    return str(read_json(path).get("problem", "")) if path.is_file() else ""
