"""A session: one engine connection inside one worker process, with limits.

Everything that opens a database goes through here. A statement that passes its limit is interrupted, and its process killed
a second later; the next call then starts a fresh one, in which stored tables are gone.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import count
from operator import methodcaller
from pathlib import Path
from types import TracebackType
from typing import TypeVar, cast

from querywright.engines.protocol import (
    Capabilities,
    Connection,
    Engine,
    Limits,
    Location,
    PlanNode,
    ResultSet,
    Value,
)
from querywright.errors import DatabaseError, WorkerLost
from querywright.registry import plugins
from querywright.sql.schema import Schema
from querywright.values import Bindings, Run
from querywright.workers import Worker, timing_lock

Result = TypeVar("Result")


def engine_of(location: Location) -> Engine:
    """The engine plug-in that a location names; raises `DatabaseError` where there is none."""
    engines = plugins("querywright.engines")
    if location.engine not in engines:
        raise DatabaseError(f"There is no database engine named {location.engine!r}.", f"Known engines: {', '.join(engines)}.")
    return cast(Engine, engines[location.engine])


class Host:
    """A worker process that several sessions share, each with an engine instance of its own; a context manager.

    Saves the memory of a process a session. Calls wait for each other. Once the process was killed, has died or was closed, the
    host is ``lost`` and its sessions raise `WorkerLost` for good: what they held is gone.
    """

    def __init__(self) -> None:
        self.lost = False
        self.numbers = count()
        self._worker = Worker(_Rooms)

    def __enter__(self) -> Host:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def call(self, function: Callable[..., Result], *arguments: object, limit_s: float | None = None) -> Result:
        """Like `Worker.call`, but the process is never started a second time."""
        if self.lost:
            raise WorkerLost("The worker process of this session has ended.")
        try:
            return self._worker.call(function, *arguments, limit_s=limit_s)
        except WorkerLost:
            self.lost = True
            raise

    def kill(self) -> None:
        """Kill the process at once."""
        self._worker.kill()

    def close(self) -> None:
        """End the process; sessions need not have been closed before."""
        self.lost = True
        self._worker.close()


class Session:
    """A connection to ``location`` in a worker process, its own or that of ``host``; a context manager.

    Each method mirrors `querywright.engines.protocol.Connection`. ``limit_s`` is in seconds; None waits forever. Raises what the
    connection raises, `StatementTimeout` at the limit and `WorkerLost` where the process had to be killed. A session with
    a ``host`` has to be entered before it is called.
    """

    def __init__(self, location: Location, limits: Limits | None = None, host: Host | None = None) -> None:
        self.location = location
        limits = limits or Limits()
        self._folder = tempfile.TemporaryDirectory(prefix="querywright-", dir=limits.spill_folder, ignore_cleanup_errors=True)
        limits = replace(limits, spill_folder=self._folder.name)
        self._connect = partial(_connected, location, limits)
        self._host = host
        self._room = next(host.numbers) if host else 0
        self._worker = Worker(self._connect)  # a process is started by the first call only

    def __enter__(self) -> Session:
        with ExitStack() as undoing:
            undoing.callback(self.close)
            if self._host is not None:
                self._host.call(_open_room, self._room, self._connect)
            else:
                self._worker.start()
            undoing.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return engine_of(self.location).CAPABILITIES

    def call(self, function: Callable[..., Result], *arguments: object, limit_s: float | None = None) -> Result:
        """Return ``function(connection, *arguments)`` as run inside the worker; all of it must be picklable."""
        if self._host is not None:
            found: Result = self._host.call(_in_room, self._room, function, arguments, limit_s=limit_s)
            return found
        result: Result = self._worker.call(_with_connection, function, arguments, limit_s=limit_s)
        return result

    def _ask(self, method: str, *arguments: object, limit_s: float | None) -> object:
        return self.call(methodcaller(method, *arguments), limit_s=limit_s)

    def schema(self, *, limit_s: float | None = None) -> Schema:
        """Tables and views."""
        return cast(Schema, self._ask("schema", limit_s=limit_s))

    def describe(self, sql: str, parameters: Bindings = (), *, limit_s: float | None = None) -> tuple[tuple[str, str], ...]:
        """(name, type) of each output column."""
        return cast("tuple[tuple[str, str], ...]", self._ask("describe", sql, parameters, limit_s=limit_s))

    def fetch(
        self,
        sql: str,
        parameters: Bindings = (),
        max_rows: int | None = None,
        *,
        limit_s: float | None = None,
    ) -> ResultSet:
        """The rows of a query."""
        return cast(ResultSet, self._ask("fetch", sql, parameters, max_rows, limit_s=limit_s))

    def materialize(self, sql: str, parameters: Bindings = (), *, limit_s: float | None = None) -> None:
        """Run a query and discard its rows."""
        self._ask("materialize", sql, parameters, limit_s=limit_s)

    def store(self, table: str, sql: str, parameters: Bindings = (), *, limit_s: float | None = None) -> int:
        """Put a query's rows into a temporary table; return their count."""
        return cast(int, self._ask("store", table, sql, parameters, limit_s=limit_s))

    def drop(self, table: str, *, limit_s: float | None = None) -> None:
        """Remove a temporary table, if it is there."""
        self._ask("drop", table, limit_s=limit_s)

    def explain(self, sql: str, parameters: Bindings = (), analyze: bool = False, *, limit_s: float | None = None) -> PlanNode:
        """The execution plan."""
        return cast(PlanNode, self._ask("explain", sql, parameters, analyze, limit_s=limit_s))

    def execute(self, statement: str, *, limit_s: float | None = None) -> None:
        """Run a statement for its effect."""
        self._ask("execute", statement, limit_s=limit_s)

    def insert(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Value]],
        *,
        limit_s: float | None = None,
    ) -> None:
        """Append rows to a table of a writable location."""
        self._ask("insert", table, tuple(columns), list(rows), limit_s=limit_s)

    def measure(self, sql: str, parameters: Bindings = (), *, limit_s: float | None = None, position: int = 0) -> Run:
        """One timed `materialize`, under the machine's timing lock; waiting for the lock does not count."""
        with timing_lock():
            return self.call(timed_run, sql, parameters, position, limit_s=limit_s)

    def kill(self) -> None:
        """Kill the worker process at once; a call that waits in another thread raises `WorkerLost`."""
        (self._host or self._worker).kill()

    def close(self) -> None:
        """End the worker process, or the connection in that of the host, and remove the spill folder."""
        if self._host is None:
            self._worker.close()
        elif not self._host.lost:
            self._host.call(_close_room, self._room)
        self._folder.cleanup()


def timed_run(connection: Connection, sql: str, parameters: Bindings = (), position: int = 0) -> Run:
    """Time `materialize` from inside the worker; the caller holds `querywright.workers.timing_lock`.

    ``cpu_ns`` covers all threads of the process. ``peak_bytes`` is the highest resident size of the process during the run:
    data cached and memory kept by the allocator from earlier runs are part of it, so compare the smallest peak of one side
    with the largest of the other.
    """
    return timed(partial(connection.materialize, sql, parameters), position)[1]


def timed(function: Callable[[], Result], position: int = 0) -> tuple[Result, Run]:
    """What ``function`` returns, and its run; see `timed_run`."""
    _reset_peak()
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    result = function()
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    return result, Run(wall_ns=wall, cpu_ns=cpu, peak_bytes=_peak_bytes(), position=position)


def _reset_peak() -> None:
    """Let the kernel count the peak anew; where it cannot (not Linux, or forbidden), peaks are those since the start."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except (FileNotFoundError, PermissionError):
        return


def _peak_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


class _Opened:
    """The worker's state: the connection, and its spill folder in case the parent cannot remove it any more."""

    def __init__(self, connection: Connection, folder: str) -> None:
        self.connection = connection
        self._folder = folder

    def interrupt(self) -> None:
        self.connection.interrupt()

    def close(self) -> None:
        self.connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _connected(location: Location, limits: Limits) -> _Opened:
    return _Opened(engine_of(location).connect(location, limits), limits.spill_folder or "")


def _with_connection(opened: _Opened, function: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
    return function(opened.connection, *arguments)


class _Rooms:
    """The state of a host's worker: the connections by number."""

    def __init__(self) -> None:
        self.opened: dict[int, _Opened] = {}
        self.current: _Opened | None = None

    def interrupt(self) -> None:
        if current := self.current:
            current.interrupt()

    def close(self) -> None:
        while self.opened:
            self.opened.popitem()[1].close()


def _open_room(rooms: _Rooms, number: int, connect: Callable[[], _Opened]) -> None:
    rooms.opened[number] = connect()


def _close_room(rooms: _Rooms, number: int) -> None:
    if number in rooms.opened:
        rooms.opened.pop(number).close()


def _in_room(rooms: _Rooms, number: int, function: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
    if number not in rooms.opened:
        raise WorkerLost("The worker process of this session has ended.")
    rooms.current = rooms.opened[number]
    try:
        return function(rooms.current.connection, *arguments)
    finally:
        rooms.current = None
