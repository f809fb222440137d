"""Worker processes with real processes: results, errors, limits, kills, orphans, the timing lock, fan-out."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from querywright.errors import DatabaseError, StatementError, StatementTimeout, WorkerLost
from querywright.workers import Worker, fan_out, timing_lock


class Counter:
    """A state that counts calls and can be interrupted while it waits."""

    def __init__(self, deaf: bool = False) -> None:
        self.count = 0
        self.deaf = deaf
        self.stop = threading.Event()

    def interrupt(self) -> None:
        if not self.deaf:
            self.stop.set()

    def close(self) -> None:
        pass


def deaf_counter() -> Counter:
    return Counter(deaf=True)


def increment(counter: Counter, by: int) -> int:
    counter.count += by
    return counter.count


def wait_for_interrupt(counter: Counter) -> str:
    counter.stop.clear()
    counter.stop.wait(60)
    raise StatementError("interrupted")


def fail(_: Counter) -> None:
    raise StatementError("no such table: t", "Check the name.")


def fail_foreign(_: Counter) -> None:
    raise ValueError("a bug")


class Unpicklable(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__("odd error")


def fail_unpicklable(_: Counter) -> None:
    raise Unpicklable(1, 2)


def die(_: Counter) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def identify(_: Counter) -> tuple[int, int]:
    return os.getpid(), os.getpgid(0)


def refuse() -> Counter:
    raise DatabaseError("the file is missing", "Check the path.")


def double(item: int) -> int:
    return 2 * item


def fail_on_three(item: int) -> int:
    if item == 3:
        raise StatementError("three")
    return item


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker(Counter) as started:
        yield started


def alive(process: int) -> bool:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    state, threads = fields[0], int(fields[17])
    return state != "Z" or threads > 1


def wait_until_gone(process: int) -> bool:
    for _ in range(600):
        if not alive(process):
            return True
        time.sleep(0.05)
    return False


def test_state_lives_between_calls(worker: Worker) -> None:
    assert worker.call(increment, 2) == 2
    assert worker.call(increment, 3) == 5


def test_errors_come_back_as_themselves(worker: Worker) -> None:
    with pytest.raises(StatementError) as caught:
        worker.call(fail)
    assert (caught.value.message, caught.value.remedy) == ("no such table: t", "Check the name.")
    with pytest.raises(ValueError, match="a bug") as foreign:
        worker.call(fail_foreign)
    assert "fail_foreign" in foreign.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Unpicklable: odd error"):
        worker.call(fail_unpicklable)
    assert worker.call(increment, 1) == 1


def test_unpicklable_arguments_and_results_leave_the_worker_usable(worker: Worker) -> None:
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        worker.call(lambda counter: 1)
    with pytest.raises(TypeError):
        worker.call(increment, threading.Lock())
    assert worker.call(increment, 1) == 1


def test_interrupt_at_the_limit_keeps_the_state(worker: Worker) -> None:
    worker.call(increment, 7)
    process = worker.call(identify)[0]
    for _ in range(3):
        with pytest.raises(StatementTimeout):
            worker.call(wait_for_interrupt, limit_s=0.05)
    assert worker.call(increment, 0) == 7
    assert worker.call(identify)[0] == process


def test_deaf_worker_is_killed_and_restarts() -> None:
    with Worker(deaf_counter) as worker:
        worker.call(increment, 7)
        process = worker.call(identify)[0]
        with pytest.raises(WorkerLost):
            worker.call(wait_for_interrupt, limit_s=0.05)
        assert not alive(process)
        assert worker.call(increment, 1) == 1


def test_dead_worker_restarts(worker: Worker) -> None:
    with pytest.raises(WorkerLost, match="SIGKILL"):
        worker.call(die)
    assert worker.call(increment, 1) == 1
    idle = worker.call(identify)[0]
    os.kill(idle, signal.SIGKILL)
    assert wait_until_gone(idle)
    assert worker.call(increment, 1) == 1


def test_factory_errors_are_raised() -> None:
    with Worker(refuse) as worker:
        for _ in range(2):
            with pytest.raises(DatabaseError, match="missing"):
                worker.start()


def test_workers_are_out_of_reach_of_the_terminal(worker: Worker) -> None:
    process, group = worker.call(identify)
    assert group == process != os.getpgid(0)


PARENT = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored in what a shell runs in the background
sys.path.insert(0, {tests!r})
from test_workers import Counter, deaf_counter, identify, wait_for_interrupt
from querywright.workers import Worker
worker = Worker({factory})
print(worker.call(identify)[0], flush=True)
{rest}
"""


@pytest.mark.parametrize("factory", ["Counter", "deaf_counter"])
@pytest.mark.parametrize("rest", ["worker.call(wait_for_interrupt)", "sys.stdin.read()"])
def test_workers_die_with_a_killed_parent(factory: str, rest: str) -> None:
    script = PARENT.format(tests=str(Path(__file__).parent), factory=factory, rest=rest)
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    _, errors = parent.communicate()
    assert wait_until_gone(child)
    assert errors == b""


def test_interrupt_from_the_keyboard_leaves_no_child_traceback() -> None:
    script = PARENT.format(tests=str(Path(__file__).parent), factory="Counter", rest="worker.call(wait_for_interrupt)")
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.killpg(parent.pid, signal.SIGINT)
    _, errors = parent.communicate()
    assert errors.count(b"Traceback") == 1
    assert wait_until_gone(child)


def test_fan_out_keeps_the_order() -> None:
    assert list(fan_out(double, range(7), processes=2)) == [0, 2, 4, 6, 8, 10, 12]
    assert list(fan_out(double, [], processes=2)) == []


def test_fan_out_raises_errors_in_turn() -> None:
    seen = []
    with pytest.raises(StatementError, match="three"):
        for result in fan_out(fail_on_three, range(6), processes=2):
            seen.append(result)
    assert seen == [0, 1, 2]


def die_on_three(number: int) -> str:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return str(number)


def test_fan_out_goes_on_where_a_worker_died() -> None:
    answers = fan_out(die_on_three, range(6), processes=2, lost=lambda number, error: f"{number} was lost")
    assert list(answers) == ["0", "1", "2", "3 was lost", "4", "5"]
    with pytest.raises(WorkerLost):
        list(fan_out(die_on_three, range(6), processes=2))


LOCKED = """
import sys
from querywright.workers import timing_lock
with timing_lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_timing_lock_excludes_other_processes_and_ends_with_its_holder() -> None:
    holder = subprocess.Popen([sys.executable, "-c", LOCKED], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    acquired = threading.Event()

    def acquire() -> None:
        with timing_lock(), timing_lock():
            acquired.set()

    waiting = threading.Thread(target=acquire)
    waiting.start()
    assert not acquired.wait(0.2)
    holder.kill()
    holder.communicate()
    waiting.join(30)
    assert acquired.is_set()
