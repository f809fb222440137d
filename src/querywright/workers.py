"""Spawned worker processes that can be interrupted and killed, the machine-wide timing lock, and fan-out.

A worker is a fresh interpreter, started without `multiprocessing`'s re-import of ``__main__`` so that scripts without a
main guard work. Two pipes join it to its parent: one carries calls and answers, the other interrupts. The end of the second
pipe means that the parent is gone, also after SIGKILL; the worker then stops its statement and leaves. Workers run in a
terminal session of their own, so Ctrl-C reaches only the parent.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from querywright.errors import QuerywrightError, StatementTimeout, WorkerLost

Item = TypeVar("Item")
Result = TypeVar("Result")

GRACE_S = 1.0
"""Seconds a worker has to react to an interrupt before it is killed."""

_REPEAT_S = 0.05
_BOOT = "import sys; sys.path[:] = sys.argv[3:]; from querywright.workers import serve; serve(int(sys.argv[1]), int(sys.argv[2]))"


class State(Protocol):
    """What a worker holds between calls, such as a database connection."""

    def interrupt(self) -> None:
        """Stop what is running; called from another thread."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    calls: Connection
    interrupts: Connection

    def discard(self) -> None:
        self.process.kill()
        self.process.wait()
        self.calls.close()
        self.interrupts.close()


class Worker:
    """One worker process around a state; starts on the first call and again on the first call after it died.

    ``factory`` builds the state inside the worker; it and all called functions are picklable. Calls from several threads wait for
    each other. A restarted worker has a fresh state.
    """

    def __init__(self, factory: Callable[[], State]) -> None:
        self._factory = factory
        self._running: _Running | None = None
        self._turn = threading.Lock()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start the process and build its state now; raises what the factory raises."""
        with self._turn:
            self._started()

    def call(self, function: Callable[..., Result], *arguments: object, limit_s: float | None = None) -> Result:
        """Return ``function(state, *arguments)`` as run inside the worker; its errors are raised here as themselves.

        After ``limit_s`` seconds (start-up not counted) the worker is interrupted: raises `StatementTimeout`, or `WorkerLost`
        where it had to be killed or died on its own.
        """
        with self._turn:
            running = self._started()
            with self._dropped_unless_done(running) as done:
                running.calls.send((function, arguments))
                if not running.calls.poll(limit_s):
                    self._stop_statement(running)
                    done()
                    raise StatementTimeout(f"The statement was stopped at its limit of {limit_s:g} s.")
                answer: tuple[bool, object] = running.calls.recv()
                done()
        succeeded, value = answer
        if succeeded:
            return value  # type: ignore[return-value]
        assert isinstance(value, Exception)
        raise value

    def kill(self) -> None:
        """Kill the process at once; a call waiting in another thread raises `WorkerLost`."""
        if running := self._running:
            running.process.kill()

    def close(self) -> None:
        """Let the process close its state and wait for it; kill it where that takes too long."""
        with self._turn:
            running, self._running = self._running, None
            if running is None:
                return
            running.calls.close()
            try:
                running.process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                running.interrupts.close()  # interrupts the statement, then ends the process
            try:
                running.process.wait(2 * GRACE_S)
            except subprocess.TimeoutExpired:
                running.process.kill()
            running.process.wait()
            running.interrupts.close()

    def _started(self) -> _Running:
        if self._running is not None and self._running.process.poll() is None:
            return self._running
        if self._running is not None:
            self._running.discard()
        running = self._running = _spawn()
        with self._dropped_unless_done(running) as done:
            running.calls.send(self._factory)
            succeeded, error = running.calls.recv()
            if succeeded:
                done()
        if not succeeded:
            raise error
        return running

    @contextmanager
    def _dropped_unless_done(self, running: _Running) -> Iterator[Callable[[], object]]:
        """Ends the process unless the block says that it is done; raises `WorkerLost` where the process ended by itself.

        An answer may still be to come (Ctrl-C), or a call was never asked for (arguments that cannot be pickled): no later call
        may receive it.
        """
        with ExitStack() as dropping:
            dropping.callback(self._drop, running)
            try:
                yield dropping.pop_all
            except (EOFError, ConnectionError) as error:
                raise self._lost(running) from error

    def _drop(self, running: _Running) -> None:
        self._running = None
        running.discard()

    def _stop_statement(self, running: _Running) -> None:
        """Interrupt, and return once the worker is idle again: no late interrupt may hit the next call."""
        running.interrupts.send(None)
        if running.calls.poll(GRACE_S):
            running.calls.recv()
            if running.interrupts.poll(GRACE_S):
                running.interrupts.recv()
                return
        raise WorkerLost("The statement ran past its limit, ignored the interrupt, and was killed.")

    def _lost(self, running: _Running) -> WorkerLost:
        try:
            code = running.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            code = 0
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return WorkerLost(
            f"The worker process ended {how} while it was working.",
            "If the machine ran out of memory, set a smaller memory limit.",
        )


def _spawn() -> _Running:
    calls, calls_of_child = Pipe()
    interrupts, interrupts_of_child = Pipe()
    descriptors = (calls_of_child.fileno(), interrupts_of_child.fileno())
    process = subprocess.Popen(
        [sys.executable, "-c", _BOOT, *map(str, descriptors), *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=descriptors,
        start_new_session=True,
    )
    calls_of_child.close()
    interrupts_of_child.close()
    return _Running(process, calls, interrupts)


def serve(calls_descriptor: int, interrupts_descriptor: int) -> None:
    """Run a worker: what the spawned interpreter executes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calls, interrupts = Connection(calls_descriptor), Connection(interrupts_descriptor)
    state: list[State] = []
    idle = threading.Event()
    threading.Thread(target=_listen, args=(interrupts, state, idle), daemon=True).start()
    try:
        try:
            factory = calls.recv()
            state.append(factory())
        except Exception as error:  # noqa: BLE001 - raised again by the parent
            calls.send_bytes(_packed_error(error))
            return
        idle.set()
        calls.send((True, None))
        while True:
            answer = _answer(calls, state[0], idle)
            idle.set()
            calls.send_bytes(answer)
    except (EOFError, ConnectionError):
        pass  # the parent closed the pipe or is gone: the normal end
    finally:
        while state:
            state.pop().close()  # no late interrupt may reach what is closed
    _end_quietly()


def _end_quietly() -> None:
    """DuckDB 2.0's binding lists what Python has not freed when the interpreter ends; a user can do nothing about it."""
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), sys.stderr.fileno())


def _answer(calls: Connection, state: State, idle: threading.Event) -> bytes:
    payload = calls.recv_bytes()
    idle.clear()
    try:
        function, arguments = pickle.loads(payload)
        return pickle.dumps((True, function(state, *arguments)))
    except Exception as error:  # noqa: BLE001 - raised again by the parent
        return _packed_error(error)


def _packed_error(error: Exception) -> bytes:
    if not isinstance(error, QuerywrightError):
        error.add_note("In the worker process:\n" + "".join(traceback.format_exception(error)))
    try:
        packed = pickle.dumps((False, error))
        pickle.loads(packed)
    except Exception:  # noqa: BLE001 - foreign exceptions may fail to pickle in any way; the text always crosses
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
    return packed


def _listen(interrupts: Connection, state: list[State], idle: threading.Event) -> None:
    """Interrupt on request until the worker is idle: a round of many statements is stopped at each of them."""
    try:
        while True:
            interrupts.recv()
            while not idle.wait(_REPEAT_S):
                _interrupt(state)
            interrupts.send(None)
    except (EOFError, ConnectionError):
        _interrupt(state)  # the parent is gone; the main thread sees it as soon as its statement ends
        threading.Event().wait(GRACE_S)
        os._exit(1)


def _interrupt(state: list[State]) -> None:
    for opened in state:
        opened.interrupt()


class _Stateless:
    def interrupt(self) -> None:
        """Nothing can be interrupted."""

    def close(self) -> None:
        """Nothing is held."""


def _apply(_: State, function: Callable[[Item], Result], item: Item) -> Result:
    return function(item)


def fan_out(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    processes: int,
    *,
    in_order: bool = True,
    lost: Callable[[Item, WorkerLost], Result] | None = None,
) -> Iterator[Result]:
    """Yield ``function(item)`` for each item, computed by ``processes`` workers side by side: in order, or as they complete.

    The first error is raised in its turn; leaving the loop early kills the workers. ``lost`` gives the result of an item
    whose worker died; a new one takes its place.
    """
    workers = [Worker(_Stateless) for _ in range(processes)]
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    for worker in workers:
        idle.put(worker)

    left: list[bool] = []

    def compute(item: Item) -> Result:
        worker = idle.get()
        try:
            result: Result = worker.call(_apply, function, item)
            return result
        except WorkerLost as error:
            if lost is None or left:
                raise
            return lost(item, error)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(processes)
    try:
        computing = [threads.submit(compute, item) for item in items]
        for computed in computing if in_order else as_completed(computing):
            yield computed.result()
    finally:
        left.append(True)
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.kill()
        threads.shutdown()
        for worker in workers:
            worker.close()


_timing = threading.RLock()
_timing_depth = 0


@contextmanager
def timing_lock() -> Iterator[None]:
    """Hold the machine's one timing lock, so that no two timed runs of any Querywright process disturb each other.

    Waits for its turn; reentrant within a thread. The lock is an ``flock`` on a file in the temporary folder that every user may
    open and none may write; the system releases it when the holder dies.
    """
    global _timing_depth
    with _timing:
        if _timing_depth:
            yield
            return
        descriptor = _open_lock_file(Path(tempfile.gettempdir()) / "querywright-timing.lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _timing_depth += 1
            yield
        finally:
            _timing_depth = 0
            os.close(descriptor)


def _open_lock_file(path: Path) -> int:
    # Opened without O_CREAT first: Linux refuses O_CREAT on another user's file in a sticky folder.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            try:
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o444)
            except FileExistsError:
                continue
            os.fchmod(descriptor, 0o444)  # whatever the umask is
            return descriptor
