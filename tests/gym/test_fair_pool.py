"""Examinations take turns: whoever comes with one job does not wait for all of another's."""

from __future__ import annotations

import threading

import pytest

from querywright.errors import GymBusy
from querywright.gym.fair_pool import FairPool


class Gate:
    """Jobs that note their beginning and wait to be let through."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def pass_through(self, name: str) -> str:
        self.begun.append(name)
        self.entered.release()
        assert self.open.wait(30)
        return name


def test_clients_take_turns() -> None:
    gate = Gate()
    with FairPool(threads=1) as pool:
        first = pool.submit("flood", gate.pass_through, "flood 0")
        assert gate.entered.acquire(timeout=30)
        flood = [pool.submit("flood", gate.pass_through, f"flood {number}") for number in range(1, 4)]
        quiet = [pool.submit("quiet", gate.pass_through, f"quiet {number}") for number in range(2)]
        gate.open.set()
        assert [job.result(30) for job in (first, *flood, *quiet)] == [
            *(f"flood {number}" for number in range(4)),
            "quiet 0",
            "quiet 1",
        ]
    assert gate.begun == ["flood 0", "flood 1", "quiet 0", "flood 2", "quiet 1", "flood 3"]


def test_one_client_never_holds_all_threads() -> None:
    gate = Gate()
    with FairPool(threads=3) as pool:
        slow = [pool.submit("flood", gate.pass_through, "flood") for _ in range(5)]
        for _ in range(2):
            assert gate.entered.acquire(timeout=30)
        assert pool.submit("quiet", str, 1).result(30) == "1"
        assert gate.begun == ["flood", "flood"]
        gate.open.set()
        assert [job.result(30) for job in slow] == ["flood"] * 5


def test_a_job_given_up_before_its_turn_never_runs() -> None:
    gate = Gate()
    with FairPool(threads=1) as pool:
        running = pool.submit("ours", gate.pass_through, "running")
        assert gate.entered.acquire(timeout=30)
        given_up = pool.submit("ours", gate.pass_through, "given up")
        last = pool.submit("ours", gate.pass_through, "last")
        assert given_up.cancel()
        gate.open.set()
        assert (running.result(30), last.result(30)) == ("running", "last")
    assert gate.begun == ["running", "last"]


def test_errors_reach_whoever_asked_and_the_thread_goes_on() -> None:
    with FairPool(threads=1) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.submit("ours", divmod, 1, 0).result(30)
        assert pool.submit("ours", divmod, 7, 2).result(30) == (3, 1)


def test_too_many_waiting_jobs_are_refused() -> None:
    gate = Gate()
    with FairPool(threads=1, waiting=2, waiting_in_all=3) as pool:
        pool.submit("ours", gate.pass_through, "running")
        assert gate.entered.acquire(timeout=30)
        pool.submit("ours", str)
        pool.submit("ours", str)
        with pytest.raises(GymBusy, match="2 of them yours"):
            pool.submit("ours", str)
        pool.submit("theirs", str)
        with pytest.raises(GymBusy, match="3 requests wait"):
            pool.submit("others", str)
        gate.open.set()


def test_closing_cancels_what_waits() -> None:
    gate = Gate()
    pool = FairPool(threads=1)
    running = pool.submit("ours", gate.pass_through, "running")
    assert gate.entered.acquire(timeout=30)
    waiting = pool.submit("ours", gate.pass_through, "waiting")
    gate.open.set()
    pool.close()
    assert running.result(30) == "running"
    assert waiting.cancelled() or waiting.result(30) == "waiting"
    with pytest.raises(GymBusy):
        pool.submit("ours", str)
