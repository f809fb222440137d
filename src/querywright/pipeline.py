"""``optimize()`` and ``verify()``: the picture of ARCHITECTURE.md as code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from querywright.analyze import Analysis, analyze
from querywright.analyze.plans import plan_lines, plan_summary
from querywright.analyze.preparing import Prepared, prepare
from querywright.chat.options import ChatOptions
from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.sampling import sample
from querywright.engines.protocol import Limits, PlanNode
from querywright.engines.session import Session
from querywright.errors import ChatError, ExecutionError, InputError, MissingExtraError, RunError
from querywright.judge import Bench, Case, Rules, compare_data, environment, open_case
from querywright.propose import rules as rule_proposer
from querywright.propose.model import printer
from querywright.propose.protocol import Print, Proposal
from querywright.registry import plugins
from querywright.runs.directory import RunDirectory
from querywright.runs.layout import Mode as ModeName
from querywright.search.concluding import conclude
from querywright.search.driver import find_mode
from querywright.search.judging import CaseJudge
from querywright.search.protocol import Budget, Event, Judged, Model, ModelLost, Position
from querywright.search.recorder import graph_document, recorder
from querywright.search.transcript import base_prompt
from querywright.settings import model_settings, settings
from querywright.sql.dialects import AUTO, check_dialect, read_schema, readable
from querywright.sql.schema import Schema
from querywright.values import Attempt, Bindings, Candidate, Outcome, Query, Verdict
from querywright.verification.declared import DeclaredFacts
from querywright.verification.reading import proved_without_running, read_pair
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

ProposerName = Literal["rules", "model"]

PROOF_S = 10.0
"""The most seconds that `verify` looks for a proof."""

_EXPLAINED_MS = 5000.0
"""Originals faster than this are run once more for a plan with actual costs."""

_DEFAULT_ENGINE = "duckdb"


@dataclass(frozen=True)
class Options:
    """How to optimize. ``runs`` is the folder of run directories (None: the configured one), ``resume`` a run to continue.

    With ``model`` among the ``proposers`` the model of ``chat`` is asked as well, and sees no literals with ``redact_literals``.
    ``ml_hints`` lets a trained ranker order the hints where one is installed.
    """

    mode: str = "iterative"
    budget: Budget = field(default_factory=Budget)
    bindings: tuple[Bindings, ...] = ()
    sample: Database | None = None
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    runs: Path | None = None
    resume: Path | None = None
    proposers: tuple[ProposerName, ...] = ("rules",)
    chat: ChatOptions = field(default_factory=ChatOptions)
    redact_literals: bool = False
    ml_hints: bool = True


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
            render = printer(prepared.query, prepared.tree, prepared.database.schema)
            expand = _expander(prepared, options, render)

            def hear(event: Event) -> None:
                recording.listen(event)
                listen(event)

            def smaller() -> Database:
                return options.sample or sample(prepared.database)

            if options.mode == "swarm":
                _write_swarm_input(directory, prepared, smaller(), options)
            done = [Judged(number, attempt, prepared.tree) for number, attempt in recording.earlier_attempts()]
            judging = CaseJudge(case, smaller, options.limits)
            with _model(case, directory, options, budget, render, hear) as model:
                for attempt in mode.run(start, expand, judging, budget, hear, time.monotonic, done, model):
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
    dialect: str = AUTO,
    bindings: tuple[Bindings, ...] = (),
    strict: bool = False,
    seed: int = 0,
    limit_s: float = 60.0,
    sources: tuple[str, str] = ("the original", "the candidate"),
    scratch: tuple[Scratch, Scratch] | None = None,
) -> Verdict:
    """Whether two queries return the same rows: by a proof (with the extra ``prove``) or on generated databases, and on the
    data of ``db`` where one is named.

    ``schema`` (tables, or DDL text) serves where there is no database. Queries of a ``dialect`` that no engine here runs are
    translated to DuckDB, see `querywright.sql.dialects`. ``strict`` demands equal column names and types as well. ``sources`` are
    what error messages call the two. ``scratch`` are sessions to use, which stay open; calls that share them are much faster.
    Raises `querywright.errors.InputError` where a query or the schema cannot be used.
    """
    check_dialect(dialect)
    database = open_database(db) if isinstance(db, str) else db
    if database is not None:
        engine, schema = database.location.engine, database.schema
    else:
        engine = engine_for(dialect)
    if isinstance(schema, str):
        schema = read_schema(schema, dialect, engine)
    if schema is None:
        raise InputError("There is nothing to verify against.", "Name a database with --db, or a DDL file with --schema.")
    texts = (original, candidate)
    proof_s = min(PROOF_S, limit_s)
    failure: InputError | None = None
    with ExitStack() as stack:
        sessions = scratch or (stack.enter_context(closing(Scratch(engine))), stack.enter_context(closing(Scratch(engine))))
        for one in readable(texts, dialect, engine, sources):
            try:
                first, second = read_pair(texts, schema, one, engine, bindings, sources)
                verifier = Verifier(first, schema, engine, seed=seed, strict=strict, proof_s=proof_s, scratch=sessions)
                verifier.check_runs(first.sql, sources[0])
                verifier.check_runs(second.sql, sources[1])
                verdict = _verified(verifier, Candidate(second, first.fingerprint), database, limit_s)
            except InputError as error:
                failure = failure or error
                continue
            return verdict if one == engine else replace(verdict, dialect=one, executed=(first.sql, second.sql))
    assert failure is not None
    dialects = readable(texts, dialect, engine, sources)
    proved = proved_without_running(texts, schema, dialects, engine, sources, proof_s) if database is None else None
    if proved is None:
        raise failure
    return replace(proved, reason=f"Neither was run: {failure.message}")


def engine_for(dialect: str) -> str:
    """The engine that runs queries of ``dialect`` where there is no database: its own, or the one they are translated for."""
    return dialect if dialect in plugins("querywright.engines") else _DEFAULT_ENGINE


def _verified(verifier: Verifier, rewritten: Candidate, database: Database | None, limit_s: float) -> Verdict:
    """The verdict on generated databases and, where there is one, on a database."""
    if verifier.query == rewritten.query and not verifier.unverifiable:
        return Verdict("proved", reason="The two texts are the same.")
    verdict = verifier.verdict(rewritten)
    if database is None or verdict.grade in ("refuted", "unverifiable"):
        return verdict
    try:
        with Session(database.location) as session:
            verdict = compare_data(Bench(database, session), verifier, rewritten, verdict, limit_s)
        return DeclaredFacts(database, limit_s=limit_s).settled(verdict, replace(verdict, grade="unknown"))
    except ExecutionError as error:
        return replace(verdict, grade="unknown", reason=f"On {database.name}: {error.message}")


def _expander(
    prepared: Prepared, options: Options, render: Print
) -> Callable[[Position, Sequence[Attempt]], tuple[Analysis, Iterator[Proposal]]]:
    """Analyzes positions and proposes what the rules find, nothing where they are not asked."""

    def expand(position: Position, feedback: Sequence[Attempt]) -> tuple[Analysis, Iterator[Proposal]]:
        analysis = _analyzed(prepared, options, position)
        if "rules" not in options.proposers:
            return analysis, iter(())
        return analysis, rule_proposer.propose(analysis, position.steps, feedback, render, options.budget.seed)

    return expand


def _analyzed(prepared: Prepared, options: Options, position: Position | None = None) -> Analysis:
    """The analysis of a position of the search, the original by default."""
    place, database = position or prepared, prepared.database
    return analyze(place.query, place.tree, database.schema, database.location.engine, ml_hints=options.ml_hints)


@contextmanager
def _model(
    case: Case, directory: RunDirectory, options: Options, budget: Budget, render: Print, listen: Callable[[Event], None]
) -> Iterator[Model | None]:
    """The model that takes part, with every exchange recorded in the run directory; None where none does.

    A model that cannot be asked at all ends the run only where there are no rules to go on with.
    """
    if "model" not in options.proposers:
        yield None
        return
    from querywright.chat.background import BackgroundChat
    from querywright.search.correspondence import Correspondence

    bindings = case.query.bindings[0] if case.query.bindings else ()

    def plan_of(query: Query) -> PlanNode | None:
        """With actual rows and times where the original is fast enough to be run once more. Without it a prompt is poorer."""
        measured = case.baseline is not None and case.baseline.milliseconds < _EXPLAINED_MS
        for run in (True, False) if measured else (False,):
            with suppress(ExecutionError), Session(case.database.location, options.limits) as session:
                return session.explain(query.sql, bindings, run, limit_s=2 * _EXPLAINED_MS / 1000)
        return None

    with ExitStack() as stack:
        model: Model | None = None
        try:
            chat = stack.enter_context(BackgroundChat(options.chat, directory.exchanges))
            embedding, engine = options.chat.embedding_model is not None, case.database.location.engine
            model = Correspondence(chat, engine, budget, render, plan_of, options.redact_literals, embedding, listen)
        except (ChatError, MissingExtraError) as error:
            if "rules" not in options.proposers:
                raise
            listen(ModelLost(str(error)))
        yield model


def _write_swarm_input(directory: RunDirectory, prepared: Prepared, smaller: Database, options: Options) -> None:
    """The plan of the original on the sample, with actual rows and times, and what all generations are asked."""
    bindings = prepared.query.bindings[0] if prepared.query.bindings else ()
    with Session(smaller.location, options.limits) as session:
        plan = session.explain(prepared.query.sql, bindings)
    analysis = _analyzed(prepared, options)
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
    analysis = _analyzed(prepared, options)
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
        "proposers": list(options.proposers),
        "model": (options.chat.model or model_settings().model) if "model" in options.proposers else None,
        **({"chat": options.chat.recorded(), "redact_literals": options.redact_literals} if "model" in options.proposers else {}),
    }
    return RunDirectory.create(
        options.runs or settings().runs,
        prepared.query,
        cast(ModeName, options.mode),
        configuration,
        query_dag=graph_document(analysis),
        complexity={"blocks": len(analysis.graph.nodes), "tables": len(prepared.database.schema.tables)},
    )
