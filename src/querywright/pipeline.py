"""``optimize()`` and ``verify()``: the picture of ARCHITECTURE.md as code."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from sqlglot import exp

from querywright.analyze import Analysis, analyze
from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.premises import discover_keys
from querywright.engines.protocol import Limits
from querywright.engines.session import Session, engine_of
from querywright.errors import BindingError, InputError
from querywright.judge import Case, Rules, confirm, judge, open_case
from querywright.measure.decision import recommended
from querywright.propose import rules as rule_proposer
from querywright.propose.protocol import Proposal
from querywright.registry import plugins
from querywright.runs.directory import RunDirectory
from querywright.search.protocol import Budget, Event, Judged, Mode, Position
from querywright.search.recorder import Recorder, graph_document
from querywright.settings import settings
from querywright.sql.fingerprint import fingerprint
from querywright.sql.layout import render
from querywright.sql.parse import normalize_parameters, parameters, parse_query
from querywright.sql.qualify import qualify, qualify_text
from querywright.sql.schema import Schema
from querywright.values import Attempt, Bindings, Outcome, Query, Status

MOST_CONFIRMATIONS = 3
"""Winners that are measured afresh before the search is declared fruitless."""

Watch = Callable[[str, object], None]


@dataclass(frozen=True)
class Options:
    """How to optimize. ``runs`` is the folder of run directories (None: the configured one), ``resume`` a run to continue."""

    mode: str = "iterative"
    budget: Budget = field(default_factory=Budget)
    bindings: tuple[Bindings, ...] = ()
    sample: Database | None = None
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    runs: Path | None = None
    resume: Path | None = None


@dataclass(frozen=True)
class Prepared:
    """A query understood: its text with named parameters, its tree, and the database with the keys found for its tables."""

    query: Query
    tree: exp.Query
    database: Database


def optimize(
    sql: str,
    database: str | Database,
    options: Options | None = None,
    *,
    name: str | None = None,
    source: str = "the query",
    listen: Callable[[Event], None] = lambda event: None,
    opened: Callable[[Case, RunDirectory], None] = lambda case, directory: None,
) -> Outcome:
    """Find a faster query that returns the same rows; nothing of the user's is changed.

    ``listen`` receives the events of the search, ``opened`` the case once the original has run. Raises
    `querywright.errors.InputError` for a query or database that cannot be used.
    """
    options = options or Options()
    began = time.monotonic()
    prepared = prepare(sql, database, options.bindings, name, source)
    mode = _mode(options.mode)
    with open_case(prepared.query, prepared.tree, prepared.database, options.sample, options.limits, options.rules) as case:
        directory = _directory(prepared, options)
        recorder = Recorder(directory, options.budget.target)
        opened(case, directory)
        attempts: list[Attempt] = []
        if not case.refusal:
            start = Position(prepared.query, prepared.tree)
            expand = _expander(prepared, options.budget.seed)

            def hear(event: Event) -> None:
                recorder.listen(event)
                listen(event)

            done = _replayed(recorder, prepared)
            for attempt in mode.run(start, expand, lambda c: judge(case, c), options.budget, hear, time.monotonic, done):
                attempts.append(attempt)
        outcome = conclude(case, attempts, options.rules)
        outcome = replace(
            outcome, environment=environment(case), run_id=directory.run_id, seconds=round(time.monotonic() - began, 3)
        )
        directory.finish(outcome)
        return outcome


def conclude(case: Case, attempts: Sequence[Attempt], rules: Rules) -> Outcome:
    """Confirm the fastest attempts afresh until one is recommended; only that one counts as faster."""
    query = case.query
    if case.refusal:
        return Outcome(query, "refused", None, (), reason=case.refusal)
    timed = sorted((a for a in attempts if a.timing is not None), key=lambda a: -a.timing.ratio if a.timing else 0.0)
    usable = [attempt for attempt in timed if not case.conditional(attempt) and attempt.timing and attempt.timing.ratio > 1.0]
    conditional = tuple(attempt for attempt in timed if case.conditional(attempt) and attempt.timing and attempt.timing.ratio > 1.0)
    confirmed: list[Attempt] = []
    for attempt in usable[:MOST_CONFIRMATIONS]:
        confirmed.append(confirm(case, attempt))
        timing = confirmed[-1].timing
        if timing is not None and recommended(timing, accept_timeout=rules.accept_timeout):
            return Outcome(query, "faster", confirmed[-1], tuple(attempts), conditional=conditional)
    if not confirmed:
        return Outcome(query, "none", None, tuple(attempts), conditional=conditional, reason=_why_none(attempts))
    best = confirmed[0]
    censored = best.timing is not None and best.timing.censored == "original"
    reason = (
        "The original never finished within its limit, so the gain is only a lower bound. Add --accept-timeout to recommend it."
        if censored
        else "Fresh runs did not show a gain of at least 1.05 that noise cannot explain, within four times the memory."
    )
    status: Status = "unconfirmed" if censored or (best.timing is not None and best.timing.ratio > 1.05) else "none"
    return Outcome(query, status, best if status == "unconfirmed" else None, tuple(attempts), conditional=conditional, reason=reason)


def prepare(
    sql: str, database: str | Database, bindings: tuple[Bindings, ...] = (), name: str | None = None, source: str = "the query"
) -> Prepared:
    """Parse and bind the query, and look for keys in those of its tables that declare none."""
    opened = open_database(database) if isinstance(database, str) else database
    dialect = engine_of(opened.location).CAPABILITIES.dialect
    text = normalize_parameters(sql, dialect).strip().removesuffix(";").rstrip()
    parsed = parse_query(text, dialect, source)
    needed = parameters(parsed)
    if needed and not bindings:
        raise BindingError(f"{source} has parameters {', '.join(needed)}.", f"Give values: --bind {needed[0]}=…")
    read = {table.name.lower() for table in parsed.find_all(exp.Table)}
    tables = tuple(t for t in opened.schema.tables if t.name.lower() in read or t.name.lower().rpartition(".")[2] in read)
    qualify(parsed, opened.schema, dialect, source=source)
    known = discover_keys(replace(opened, schema=Schema(tables)))
    with Session(opened.location) as session:
        outputs = [column for column, _ in session.describe(text, bindings[0] if bindings else ())]
    tree = qualify(parsed, known.schema, dialect, outputs, source)
    return Prepared(Query(text, dialect, fingerprint(tree, dialect), bindings, name), tree, known)


def environment(case: Case) -> tuple[tuple[str, str], ...]:
    """What the measurement was made with."""
    from querywright import __version__

    capabilities = engine_of(case.database.location).CAPABILITIES
    return (
        ("querywright", __version__),
        ("engine", f"{case.database.location.engine} {capabilities.version}"),
        ("database", case.database.name),
        ("python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
    )


def _expander(prepared: Prepared, seed: int) -> Callable[[Position, Sequence[Attempt]], tuple[Analysis, Iterator[Proposal]]]:
    schema, dialect = prepared.database.schema, prepared.query.dialect
    outputs = prepared.tree.named_selects

    def requalify(text: str) -> exp.Query:
        return qualify_text(text, schema, dialect, outputs)

    def printed(tree: exp.Query) -> str:
        return render(prepared.query.sql, prepared.tree, tree, dialect, requalify)

    def expand(position: Position, feedback: Sequence[Attempt]) -> tuple[Analysis, Iterator[Proposal]]:
        analysis = analyze(position.query, position.tree, schema, prepared.database.location.engine)
        return analysis, rule_proposer.propose(analysis, position.steps, feedback, printed, seed)

    return expand


def _replayed(recorder: Recorder, prepared: Prepared) -> list[Judged]:
    return [Judged(0, attempt, prepared.tree) for attempt in recorder.earlier_attempts()]


def _directory(prepared: Prepared, options: Options) -> RunDirectory:
    if options.resume is not None:
        return RunDirectory.open(options.resume, prepared.query)
    analysis = analyze(prepared.query, prepared.tree, prepared.database.schema, prepared.database.location.engine)
    configuration = {
        "database": prepared.database.name,
        "iterations": options.budget.iterations,
        "target_speedup": options.budget.target,
        "early_stop": options.budget.early_stop,
        "seconds": options.budget.seconds,
        "candidates": options.budget.candidates,
        "beam": options.budget.beam,
        "seed": options.budget.seed,
        "proposers": ["rules"],
    }
    return RunDirectory.create(
        options.runs or settings().runs,
        prepared.query,
        cast("object", options.mode),  # type: ignore[arg-type]
        configuration,
        query_dag=graph_document(analysis),
        complexity={"blocks": len(analysis.graph.nodes), "tables": len(prepared.database.schema.tables)},
    )


def _mode(name: str) -> Mode:
    modes = {k: m for k, m in plugins("querywright.search").items() if hasattr(m, "run")}
    if name not in modes:
        raise InputError(f"There is no mode {name}.", f"Modes: {', '.join(modes)}.")
    return cast(Mode, modes[name])


def _why_none(attempts: Sequence[Attempt]) -> str:
    if not attempts:
        return "No transform applies. `qw analyze` shows which preconditions are missing."
    refuted = sum(attempt.verdict.grade == "refuted" for attempt in attempts)
    slower = sum(attempt.timing is not None for attempt in attempts)
    return f"{len(attempts)} candidates tried: {slower} verified but not faster, {refuted} different, {len(attempts) - slower - refuted} not verified."
