"""Optimizes one query of a bench under both settings of premises, and records what came of it as a row."""

from __future__ import annotations

import resource
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from querywright.bench.folder import Request
from querywright.bench.questions import Question
from querywright.bench.results import Result, Row, cpu_milliseconds, result_of, verified_ratio
from querywright.databases.database import Database
from querywright.engines.protocol import Limits
from querywright.errors import InputError, QuerywrightError
from querywright.judge import Case, Rules
from querywright.pipeline import Options, optimize
from querywright.runs.directory import RunDirectory
from querywright.search.protocol import Budget, Event, Judged
from querywright.values import Outcome

EXHAUSTIVE = Budget(iterations=1_000, candidates=100_000, early_stop=False)
"""A beam that only time ends, or that nothing is left to expand."""


def rules_of(request: Request, *, assume_checked_keys: bool = False) -> Rules:
    """How strictly the bench judges."""
    return Rules(statement_limit_s=request.timeout_s, assume_checked_keys=assume_checked_keys, seed=request.seed)


def limits_of(request: Request) -> Limits:
    """The resources of the engine."""
    return Limits(request.threads, request.memory_bytes)


@dataclass
class _Watch:
    """Takes down the original's times, and when the best verified ratio so far rose."""

    began: float = field(default_factory=time.monotonic)
    progress: list[tuple[float, float]] = field(default_factory=list)
    case: Case | None = None
    directory: Path | None = None

    def listen(self, event: Event) -> None:
        if isinstance(event, Judged):
            ratio = verified_ratio(event.attempt)
            if ratio > max((earlier for _, earlier in self.progress), default=1.0):
                self.progress.append((round(time.monotonic() - self.began, 2), ratio))

    def opened(self, case: Case, directory: RunDirectory) -> None:
        self.case, self.directory = case, directory.path


def optimize_question(question: Question, database: Database, request: Request, runs: Path) -> Row:
    """Optimize, on declared facts and again with checked keys assumed where some attempt rests on any.

    Never raises for a query: one that cannot be used is recorded as ``broken``, one on which Querywright gives up as ``failed``.
    """
    cpu, watch = _cpu_seconds(), _Watch()
    outcomes: list[Outcome] = []

    def declared() -> Result:
        outcomes.append(_optimized(question, database, request, Options(runs=runs), watch))
        return result_of(outcomes[0])

    def assumed() -> Result:
        # What the first search judged is judged; a copy of its run goes on from there, under the other setting.
        copy = runs / f"{outcomes[0].run_id}_checked_keys"
        shutil.copytree(runs / outcomes[0].run_id, copy, dirs_exist_ok=True)
        return result_of(_optimized(question, database, request, Options(resume=copy), _Watch(), assume=True))

    first = _guarded(declared, question)
    resting = any(attempt.verdict.conditions and attempt.timing for outcome in outcomes for attempt in outcome.attempts)
    second = _guarded(assumed, question) if resting else first
    attempts = outcomes[0].attempts if outcomes else ()
    baseline = watch.case.baseline if watch.case is not None else None
    return Row(
        query=question.name,
        source=question.source,
        original=question.text or "",
        declared=first,
        assumed=second,
        progress=tuple(watch.progress),
        original_ms=baseline.milliseconds if baseline is not None else 0.0,
        original_cpu_ms=cpu_milliseconds(baseline.runs) if baseline is not None else 0.0,
        attempts=len(attempts),
        refuted=tuple(
            tuple(step.transform for step in attempt.candidate.steps)
            for attempt in attempts
            if attempt.verdict.grade == "refuted"
        ),
        seconds=round(time.monotonic() - watch.began, 3),
        cpu_seconds=round(_cpu_seconds() - cpu, 3),
        environment=outcomes[0].environment if outcomes else (),
    )


def _optimized(
    question: Question, database: Database, request: Request, options: Options, watch: _Watch, *, assume: bool = False
) -> Outcome:
    if question.text is None:
        raise InputError(question.problem)
    options = replace(
        options,
        budget=replace(EXHAUSTIVE, seconds=request.seconds, seed=request.seed, conditional=assume),
        rules=rules_of(request, assume_checked_keys=assume),
        limits=limits_of(request),
    )
    return optimize(
        question.text, database, options, name=question.name, source=question.source, listen=watch.listen, opened=watch.opened
    )


def _guarded(work: Callable[[], Result], question: Question) -> Result:
    try:
        return work()
    except InputError as error:
        return Result("broken", str(error))
    except QuerywrightError as error:
        return Result("failed", str(error))
    except Exception:  # noqa: BLE001 - one query's defect, recorded in full, must not cost the others their results
        return Result("failed", traceback.format_exc())


def _cpu_seconds() -> float:
    """Of this process and of the worker processes that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
