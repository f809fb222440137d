"""``optimize()`` and ``verify()``: the picture of ARCHITECTURE.md as code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import cast

from sqlglot import exp

from querywright.analyze import Analysis, analyze
from querywright.analyze.plans import plan_lines, plan_summary
from querywright.analyze.preparing import Prepared, prepare
from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.sampling import sample
from querywright.engines.protocol import Limits
from querywright.engines.session import Session, engine_of
from querywright.errors import ExecutionError, InputError, RunError
from querywright.judge import Bench, Case, Rules, compare_data, environment, open_case
from querywright.propose import rules as rule_proposer
from querywright.propose.protocol import Proposal
from querywright.runs.directory import RunDirectory
from querywright.runs.layout import Mode as ModeName
from querywright.search.concluding import conclude
from querywright.search.driver import find_mode
from querywright.search.judging import CaseJudge
from querywright.search.protocol import Budget, Event, Judged, Position
from querywright.search.recorder import graph_document, recorder
from querywright.search.transcript import base_prompt
from querywright.settings import settings
from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.layout import Layout
from querywright.sql.parse import normalize_parameters
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Attempt, Bindings, Candidate, Outcome, Query, Verdict
from querywright.verification.verdicts import Verifier

PROOF_S = 5.0
"""The most seconds that `verify` looks for a proof."""


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
    mode = find_mode(options.mode)
    budget = replace(options.budget, workers=options.budget.workers or mode.WORKERS)
    prepared = prepare(sql, database, options.bindings, name, source)
    with open_case(prepared.query, prepared.database, options.sample, options.limits, options.rules) as case:
        directory = _directory(prepared, replace(options, budget=budget))
        recording = recorder(directory, budget.target)
        opened(case, directory)
        attempts: list[Attempt] = []
        if not case.refusal:
            start = Position(prepared.query, prepared.tree)
            expand = _expander(prepared, budget.seed)

            def hear(event: Event) -> None:
                recording.listen(event)
                listen(event)

            def smaller() -> Database:
                return options.sample or sample(prepared.database)

            if options.mode == "swarm":
                _write_swarm_input(directory, prepared, smaller(), options.limits)
            done = [Judged(number, attempt, prepared.tree) for number, attempt in recording.earlier_attempts()]
            judging = CaseJudge(case, smaller, options.limits)
            for attempt in mode.run(start, expand, judging, budget, hear, time.monotonic, done):
                attempts.append(attempt)
        outcome = conclude(case, attempts)
        outcome = replace(
            outcome, environment=environment(case), run_id=directory.run_id, seconds=round(time.monotonic() - began, 3)
        )
        directory.finish(outcome)
        return outcome


def verify(
    original: str,
    candidate: str,
    *,
    db: str | Database | None = None,
    schema: Schema | str | None = None,
    dialect: str = "duckdb",
    bindings: tuple[Bindings, ...] = (),
    strict: bool = False,
    seed: int = 0,
    limit_s: float = 60.0,
    sources: tuple[str, str] = ("the original", "the candidate"),
) -> Verdict:
    """Whether two queries return the same rows: by a proof (with the extra ``prove``) or on generated databases, and on the
    data of ``db`` where one is named.

    ``schema`` (tables, or DDL text in ``dialect``) serves where there is no database. ``strict`` demands equal column
    names and types as well. ``sources`` are what error messages call the two. Raises `querywright.errors.InputError` where a
    query or the schema cannot be used.
    """
    if isinstance(schema, str):
        schema = schema_of(schema, dialect)
    database = open_database(db) if isinstance(db, str) else db
    if database is not None:
        dialect, schema = engine_of(database.location).CAPABILITIES.dialect, database.schema
    if schema is None:
        raise InputError("There is nothing to verify against.", "Name a database with --db, or a DDL file with --schema.")
    engine = database.location.engine if database is not None else dialect
    queries = []
    for text, source in zip((original, candidate), sources, strict=True):
        plain = normalize_parameters(text, dialect).strip().removesuffix(";").rstrip()
        tree = qualify_text(plain, schema, dialect, source=source)
        queries.append(Query(plain, dialect, fingerprint(tree, dialect), bindings))
    first, second = queries
    if first.fingerprint == second.fingerprint and first.sql == second.sql:
        return Verdict("proved", reason="The two texts are the same.")
    rewritten = Candidate(second, first.fingerprint)
    with Verifier(first, schema, engine, seed=seed, strict=strict, proof_s=min(PROOF_S, limit_s)) as verifier:
        verdict = verifier.verdict(rewritten)
        if database is None or verdict.grade in ("refuted", "unverifiable"):
            return verdict
        try:
            with Session(database.location) as session:
                return compare_data(Bench(database, session), verifier, rewritten, verdict, limit_s)
        except ExecutionError as error:
            return replace(verdict, grade="unknown", reason=f"On {database.name}: {error.message}")


def _expander(prepared: Prepared, seed: int) -> Callable[[Position, Sequence[Attempt]], tuple[Analysis, Iterator[Proposal]]]:
    schema, dialect = prepared.database.schema, prepared.query.dialect
    outputs = prepared.tree.named_selects
    layout = Layout(prepared.query.sql, prepared.tree, dialect)

    def requalify(text: str) -> exp.Query:
        return qualify_text(text, schema, dialect, outputs, typed=False)

    def printed(tree: exp.Query) -> str:
        return layout.render(tree, requalify)

    def expand(position: Position, feedback: Sequence[Attempt]) -> tuple[Analysis, Iterator[Proposal]]:
        analysis = analyze(position.query, position.tree, schema, prepared.database.location.engine)
        return analysis, rule_proposer.propose(analysis, position.steps, feedback, printed, seed)

    return expand


def _write_swarm_input(directory: RunDirectory, prepared: Prepared, smaller: Database, limits: Limits) -> None:
    """The plan of the original on the sample, with actual rows and times, and what all generations are asked."""
    bindings = prepared.query.bindings[0] if prepared.query.bindings else ()
    with Session(smaller.location, limits) as session:
        plan = session.explain(prepared.query.sql, bindings)
    analysis = analyze(prepared.query, prepared.tree, prepared.database.schema, prepared.database.location.engine)
    lines = "\n".join(plan_lines(plan)) + "\n"
    directory.write_swarm_input(lines, plan_summary(plan), asdict(plan), base_prompt(analysis))


def _directory(prepared: Prepared, options: Options) -> RunDirectory:
    if options.resume is not None:
        directory = RunDirectory.open(options.resume, prepared.query)
        if directory.mode != options.mode:
            raise RunError(
                f"{options.resume} is a run of mode {directory.mode}, not {options.mode}.",
                f"Resume with --mode {directory.mode}.",
            )
        return directory
    analysis = analyze(prepared.query, prepared.tree, prepared.database.schema, prepared.database.location.engine)
    configuration = {
        "database": prepared.database.name,
        "database_specification": prepared.database.specification,
        "iterations": options.budget.iterations,
        "target_speedup": options.budget.target,
        "early_stop": options.budget.early_stop,
        "seconds": options.budget.seconds,
        "candidates": options.budget.candidates,
        "beam": options.budget.beam,
        "seed": options.budget.seed,
        "workers": options.budget.workers,
        "example_strategy": options.budget.examples,
        "proposers": ["rules"],
    }
    return RunDirectory.create(
        options.runs or settings().runs,
        prepared.query,
        cast(ModeName, options.mode),
        configuration,
        query_dag=graph_document(analysis),
        complexity={"blocks": len(analysis.graph.nodes), "tables": len(prepared.database.schema.tables)},
    )
