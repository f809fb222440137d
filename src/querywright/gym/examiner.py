"""Finds out what is true of a submitted query: may it run, is it equal, how fast is it.

All databases live in one worker process, or two for the witness databases; each open task keeps its original's answers there.
One query is examined at a time, so that timings are undisturbed; what was examined before is answered at once.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from types import TracebackType

from sqlglot import exp

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.engines.protocol import Limits, PlanNode
from querywright.engines.session import Host, Session
from querywright.errors import ExecutionError, QueryError, QuerywrightError, StatementError, WorkerLost
from querywright.gym.disclosure import shown_error, shown_reason
from querywright.gym.expecting import Expecting
from querywright.gym.literals import novel_literals
from querywright.gym.sandbox import check, check_reading, pure_functions, serialized
from querywright.gym.values import Examination, Task
from querywright.gym.weakest import weakest
from querywright.gym.work import work_ratio
from querywright.judge import ACCEPTED, Bench
from querywright.judge.steps import StepAttempt, StepCase, judge_step, open_step_case
from querywright.measure.clock import beyond_noise
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Candidate, Query
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

_SCRATCH_BYTES = 256 << 20
_SCRATCH_LIMIT_S = 5.0
_MOST_CHARACTERS = 30_000_000
"""Of all texts whose examinations are remembered."""

_IN_USE_S = 60.0
"""A task that nothing came for in so many seconds may be closed for one that is expected."""

_LANES = 2
"""Processes among which witness databases are dealt out; the first one also holds the tasks' databases."""


@dataclass
class _Open:
    """An open task: its case, what its texts are recognized by, when it was ``used`` last, its reference's ratio of rows."""

    case: StepCase
    schema: Schema
    tree: exp.Query
    original: str
    reference: str
    stack: ExitStack
    used: float = field(default_factory=time.monotonic)
    reference_work: float | None = None


class Examiner:
    """Examines queries as answers to tasks; a context manager whose methods may be called from any thread.

    ``threads`` and ``memory_bytes`` bound each database, ``limit_s`` one execution, ``witnesses`` is the number of generated
    databases a task. The ``open_tasks`` used last are kept open, and the ``verdicts`` asked for last. Raises `QueryError`,
    `DatabaseError` or `ExecutionError` where the task itself cannot be opened; whatever is wrong with a submitted query is in
    the examination.
    """

    def __init__(
        self,
        *,
        threads: int = min(2, os.cpu_count() or 1),
        memory_bytes: int = 512 << 20,
        spill_bytes: int = 4 << 30,
        witnesses: int = 20,
        open_tasks: int = 8,
        verdicts: int = 10_000,
        limit_s: float = 30.0,
        proof_s: float = 2.0,
    ) -> None:
        self._limits = Limits(threads=threads, memory_bytes=memory_bytes, spill_bytes=spill_bytes)
        self._witnesses = witnesses
        self._open_tasks = open_tasks
        self._most_verdicts = verdicts
        self._limit_s = limit_s
        self._proof_s = proof_s
        self._lanes = min(_LANES, threads)
        self._hosts = [Host() for _ in range(self._lanes)]
        self._tasks: OrderedDict[str, _Open] = OrderedDict()
        self._databases: dict[str, tuple[Database, Session]] = {}
        self._pure: frozenset[str] | None = None
        self._verdicts: OrderedDict[tuple[str, str, bool], Examination] = OrderedDict()
        self._characters = 0
        self._numbers = count()
        self._turn = threading.Lock()
        self._reading = threading.Lock()
        self._asking = 0
        self._expected = Expecting(self._prepare_expected)

    def __enter__(self) -> Examiner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the worker process."""
        self._expected.close()
        with self._turn:
            self._start_over()

    def prepare(self, task: Task) -> None:
        """Open a task now, so that its first answer is examined as fast as the others."""
        with self._turn:
            self._opened(task)

    def expect(self, task: Task) -> None:
        """Open a task beside the caller, for its first answer will come soon.

        Of several wishes the latest counts, and none delays an answer that is there already or closes a task that is in use.
        """
        self._expected.wish(task)

    def _prepare_expected(self, task: Task) -> None:
        if self._asking or task.id in self._tasks:
            return
        with self._turn, suppress(QuerywrightError):  # what is wrong with the task is said again at its first answer
            full = len(self._tasks) >= self._open_tasks
            if not full or time.monotonic() - next(iter(self._tasks.values())).used > _IN_USE_S:
                self._opened(task)

    def examine(self, task: Task, sql: str, work: bool = False) -> Examination:
        """What is true of ``sql`` as an answer to ``task``; with ``work`` also the ratio of rows that the plans process.

        The same text is answered from memory the second time, with the same figures.
        """
        key = (task.id, sql.strip(), work)
        if known := self._known(key):
            return known
        with self._counted(), self._turn:
            if known := self._known(key):  # somebody else asked the same meanwhile
                return known
            found = self._examined_twice(task, sql.strip(), work)
        self._remember(key, found)
        return found

    def explain(self, task: Task, sql: str) -> str:
        """The engine's plan of ``sql`` on the task's database, one operator a line; "" where it may not run or fails."""
        with self._turn:
            opened = self._opened(task)
            if isinstance(self._admitted(task, opened, sql), str):
                return ""
            try:
                return _plan_text(opened.case.visible.session.explain(sql, limit_s=self._limit_s))
            except ExecutionError:
                return ""

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Somebody waits for an answer meanwhile."""
        with self._reading:
            self._asking += 1
        try:
            yield
        finally:
            with self._reading:
                self._asking -= 1

    def _known(self, key: tuple[str, str, bool]) -> Examination | None:
        with self._reading:
            found = self._verdicts.get(key)
            if found is None:
                return None
            self._verdicts.move_to_end(key)
            return replace(found, cached=True)

    def _remember(self, key: tuple[str, str, bool], found: Examination) -> None:
        with self._reading:
            self._verdicts[key] = found
            self._characters += len(found.sql)
            while len(self._verdicts) > self._most_verdicts or self._characters > _MOST_CHARACTERS:
                self._characters -= len(self._verdicts.popitem(last=False)[1].sql)

    # ------------------------------------------------------------------ examining

    def _examined_twice(self, task: Task, sql: str, work: bool) -> Examination:
        """Once more where the worker process was lost meanwhile: that need not be the query's fault."""
        for _ in range(2):
            with suppress(WorkerLost):
                found = self._examined(task, sql, work)
                if not self._lost:
                    return found
            self._start_over()
        return Examination(task.id, sql, error="The query ended the process that ran it.")

    def _examined(self, task: Task, sql: str, work: bool) -> Examination:
        opened = self._opened(task)
        admitted = self._admitted(task, opened, sql)
        case = opened.case
        known = min(run.wall_ns for run in case.known) / 1e6
        rows = case.visible.stored.rows if case.visible.stored else 0
        found = Examination(task.id, sql, original_ms=round(known, 3), original_rows=rows)
        if isinstance(admitted, str):
            return replace(found, refusal=admitted)
        mark = fingerprint(admitted, task.dialect)
        if mark == opened.original:
            return _unchanged(found, work and case.visible.session.capabilities.actual_rows)
        candidate = Candidate(Query(sql, task.dialect, mark), opened.original)
        attempt = judge_step(case, candidate)
        novel = novel_literals(opened.tree, parse_query(sql, task.dialect))
        if novel and attempt.attempt.verdict.grade in ACCEPTED - {"proved"}:
            proved = case.verifier.strengthened(candidate, attempt.attempt.verdict, self._proof_s)
            if proved.grade != "proved":
                reason = f"The literal {novel[0][:50]!r} does not follow from the original query, and equality is not proved."
                return replace(_shown(found, attempt, case), match=False, grade="unknown", reason=reason, speedup=0.0)
        found = _shown(found, attempt, case)
        if found.match and task.reference is not None and mark == opened.reference:
            found = replace(found, speedup=max(found.speedup, task.reference.speedup), transforms=task.reference.transforms)
        if found.match and work:
            return self._with_work(task, opened, found, mark == opened.reference)
        return found

    def _admitted(self, task: Task, opened: _Open, sql: str) -> exp.Query | str:
        """The qualified tree of a query that may run, else why it may not."""
        admitted = check(sql, task, opened.schema)
        if isinstance(admitted, str) or task.dialect != "duckdb":
            return admitted
        session = opened.case.visible.session
        if self._pure is None:
            self._pure = session.call(pure_functions)
        try:
            refusal = check_reading(session.call(serialized, sql, limit_s=self._limit_s), opened.schema, self._pure)
        except StatementError as error:
            return shown_error(error.message)
        return refusal or admitted

    def milliseconds(self, task: Task, sql: str) -> float:
        """How long ``sql`` takes on the task's database, whatever it returns; 0 where it may not run or fails."""
        with self._counted(), self._turn:
            opened = self._opened(task)
            if isinstance(self._admitted(task, opened, sql), str):
                return 0.0
            try:
                run = opened.case.visible.session.measure(sql, limit_s=opened.case.limit_s)
            except ExecutionError:
                return 0.0
            return round(run.wall_ns / 1e6, 3)

    def _with_work(self, task: Task, opened: _Open, found: Examination, is_reference: bool) -> Examination:
        """The examination with the ratio of rows processed, and with that of the reference, which is counted once."""
        verifier, session = opened.case.verifier, opened.case.visible.session

        def ratio(sql: str) -> float | None:
            return work_ratio(session, verifier.schema, verifier.laboratory.text, verifier.frozen(sql), self._limit_s)

        if task.reference is not None and opened.reference_work is None:
            opened.reference_work = ratio(task.reference.sql)
        work = opened.reference_work if is_reference else ratio(found.sql)
        return replace(found, work=work, reference_work=opened.reference_work)

    # ------------------------------------------------------------------ opening

    @property
    def _lost(self) -> bool:
        return any(host.lost for host in self._hosts)

    def _opened(self, task: Task) -> _Open:
        if self._lost:
            self._start_over()
        if task.id in self._tasks:
            self._tasks.move_to_end(task.id)
            self._tasks[task.id].used = time.monotonic()
            return self._tasks[task.id]
        while len(self._tasks) >= self._open_tasks:
            _, oldest = self._tasks.popitem(last=False)
            oldest.stack.close()
        self._close_unused([task.database, *task.hidden])
        with ExitStack() as stack:
            visible, *hidden = (self._bench(name) for name in (task.database, *task.hidden))
            schema = weakest(bench.database.schema for bench in (visible, *hidden))
            mark = _fingerprint(task.sql, schema, task.dialect)
            engine = visible.database.location.engine
            scratch = Scratch(engine, self._lanes, self._hosts, _SCRATCH_LIMIT_S, _SCRATCH_BYTES)
            stack.callback(scratch.close)
            verifier = Verifier(
                Query(task.sql, task.dialect, mark),
                schema,
                engine,
                databases=self._witnesses,
                mutation_s=0.0,
                aimed=0,
                shrink_s=0.0,
                scratch=(scratch, scratch),
            )
            twin = hidden[0] if hidden else None
            case = stack.enter_context(open_step_case(verifier, visible, twin, hidden[1:], self._limit_s))
            reference = _fingerprint(task.reference.sql, schema, task.dialect) if task.reference else ""
            tree = parse_query(task.sql, task.dialect)
            self._tasks[task.id] = _Open(case, schema, tree, mark, reference, stack.pop_all())
        return self._tasks[task.id]

    def _bench(self, specification: str) -> Bench:
        if specification not in self._databases:
            database = open_database(specification, host=self._hosts[0])
            session = Session(database.location, self._limits, self._hosts[0]).__enter__()
            self._databases[specification] = (database, session)
        database, session = self._databases[specification]
        return Bench(database, session, table=f"querywright_answer_{next(self._numbers)}")

    def _close_unused(self, wanted: list[str]) -> None:
        """Close databases that no open task reads."""
        cases = [opened.case for opened in self._tasks.values()]
        used = {id(bench.session) for case in cases for bench in (case.visible, *case.hidden, case.twin) if bench is not None}
        for specification, (_, session) in list(self._databases.items()):
            if id(session) not in used and specification not in wanted:
                session.close()
                del self._databases[specification]

    def _start_over(self) -> None:
        """Let go of the worker process and all that it held."""
        opened, self._tasks = self._tasks, OrderedDict()
        self._databases.clear()
        for host in self._hosts:
            host.close()
        self._hosts = [Host() for _ in range(self._lanes)]
        for one in opened.values():
            one.stack.close()


def _fingerprint(sql: str, schema: Schema, dialect: str) -> str:
    try:
        return fingerprint(qualify_text(sql, schema, dialect, typed=False), dialect)
    except QueryError:
        return ""


def _unchanged(found: Examination, work: bool) -> Examination:
    return replace(
        found,
        match=True,
        grade="proved",
        unchanged=True,
        optimized_ms=found.original_ms,
        visible_speedup=1.0,
        hidden_speedup=1.0,
        speedup=1.0,
        rows=found.original_rows,
        work=1.0 if work else None,
    )


def _shown(found: Examination, judged: StepAttempt, case: StepCase) -> Examination:
    """The examination with what the judge found, as far as clients may know."""
    verdict, timing, shown = judged.attempt.verdict, judged.attempt.timing, judged.shown
    if shown is not None and shown.run is not None:
        found = replace(found, optimized_ms=round(shown.run.wall_ns / 1e6, 3), rows=shown.found)
    if judged.attempt.failure is not None:
        failure = judged.attempt.failure
        error = shown_error(verdict.reason) if failure.startswith("error") else f"The query was stopped: {failure}."
        return replace(found, grade=verdict.grade, error=error)
    if timing is None:
        names = [bench.database.name for bench in (*case.hidden, case.twin) if bench is not None]
        hidden = any(verdict.reason.startswith(f"On {name}: ") for name in names)
        reason = verdict.reason.removeprefix(f"On {case.visible.database.name}: ")
        return replace(found, grade=verdict.grade, reason=shown_reason(reason, hidden))
    visible = beyond_noise(timing)
    lowest = visible if judged.hidden is None else min(visible, beyond_noise(judged.hidden))
    return replace(
        found,
        match=True,
        grade=verdict.grade,
        original_ms=round(timing.original_ms, 3),
        optimized_ms=round(timing.candidate_ms, 3),
        visible_speedup=round(timing.ratio, 4),
        hidden_speedup=round(judged.hidden.ratio, 4) if judged.hidden else 0.0,
        speedup=round(lowest, 4),
    )


def _plan_text(node: PlanNode, depth: int = 0) -> str:
    rows = f" ~{node.estimated_rows:.0f} rows" if node.estimated_rows is not None else ""
    detail = f" {' '.join(node.detail.split())[:200]}" if node.detail else ""
    line = f"{'  ' * depth}{node.label}{f' {node.table}' if node.table else ''}{rows}{detail}"
    return "\n".join([line, *(_plan_text(child, depth + 1) for child in node.children)])
