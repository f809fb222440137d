"""What ends a run before its time: Ctrl-C, a full disk, orders that all fail. Each is said as it is, and the run can go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import private_machine
from factory_databases import filled
from factory_examples import example
from limited_processes import limited

from querywright.errors import RunError
from querywright.factory.exporting import export
from querywright.factory.folder import journal_of, read_array, write_array
from querywright.factory.journal import products
from querywright.factory.loop import MOST_FAILED, run
from querywright.factory.values import Example, Plan

ENDLESS = """
import time
from pathlib import Path
from querywright.factory import workshop

def make(made, order):
    if order.number == 0:
        return workshop.make(made, order)
    Path(f"under way {order.engine}").touch()
    time.sleep(1e6)
"""
"""Orders that never end, after a first one that does."""

COMMAND = """
import signal, sys
import endless
from querywright.factory import loop
from querywright.serve.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
loop.make, loop._ORDER_LIMIT_S = endless.make, 1e6
sys.argv = ["qw", "factory", "run", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, tmp_path_factory.mktemp("work"))
        yield


def test_ctrl_c_does_not_wait_for_orders_under_way(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS, encoding="utf-8")
    with filled(tmp_path / "own.sqlite"):
        pass
    words = ["--engine", "sqlite", "--db", "own.sqlite", "--out", "run"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", COMMAND, *words]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "under way sqlite").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=300)  # else the test would wait as long as the orders take: without end
        finally:
            process.kill()
    assert process.returncode == 130
    assert "the same command goes on" in said and "Traceback" not in said and "--resume" not in said
    assert [one.order.number for one in products(journal_of(tmp_path / "run", 2))] == [0]


def test_a_full_disk_is_named_once_and_nothing_is_lost(tmp_path: Path) -> None:
    with filled(tmp_path / "own.sqlite"):
        pass
    plan = Plan(engines=("sqlite",), databases=(str(tmp_path / "own.sqlite"),), iterations=1, threshold=0.0)
    run(plan, tmp_path / "run")
    journal = journal_of(tmp_path / "run", 2)
    before = list(products(journal))
    ended = limited(journal.stat().st_size + 2_000, "factory", "run", "--out", tmp_path / "run", "--iterations", 50)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 2 and "journal.jsonl cannot be written" in ended.stderr
    assert "run the same command to go on" in ended.stderr
    done = list(products(journal))
    assert done[: len(before)] == before
    run(replace(plan, iterations=len(done) // plan.queries + 1), tmp_path / "run")
    assert list(products(journal))[: len(done)] == done
    assert len(list(products(journal))) > len(done)


def test_a_disk_too_full_for_the_generated_data_is_named(tmp_path: Path) -> None:
    ended = limited(
        20_000, "factory", "run", "--engine", "sqlite", "--out", tmp_path / "run", QUERYWRIGHT_CACHE=str(tmp_path / "cache")
    )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 2 and "cannot be generated" in ended.stderr and "Free space in" in ended.stderr


def test_orders_that_all_fail_end_the_run_which_can_go_on(tmp_path: Path) -> None:
    path = tmp_path / "own.sqlite"
    with filled(path, mode="wal"):
        pass  # nobody has it open, so it is read without locks
    plan = Plan(engines=("sqlite",), databases=(str(path),), iterations=5, threshold=0.0)
    with pytest.raises(RunError, match=f"(?s){MOST_FAILED} orders of sqlite in a row failed.*was changed") as stopped:
        run(plan, tmp_path / "out", lambda _, __: os.utime(path, (1, 1)))
    assert "to go on" in stopped.value.remedy
    done = list(products(journal_of(tmp_path / "out", 2)))
    assert [one.fate for one in done[-MOST_FAILED:]] == ["failed"] * MOST_FAILED
    run(replace(plan, iterations=2), tmp_path / "out")
    assert list(products(journal_of(tmp_path / "out", 2)))[-1].fate != "failed"


def test_a_table_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "training_data.parquet").mkdir()
    with pytest.raises(RunError, match=r"training_data.parquet cannot be written") as refused:
        export([example()], tmp_path)
    assert "Free space" in refused.value.remedy


def test_an_array_that_breaks_off_leaves_the_one_before(tmp_path: Path) -> None:
    def broken() -> Iterator[Example]:
        yield example(1)
        raise KeyboardInterrupt

    path = tmp_path / "examples.json"
    write_array(path, [example(0)])
    with pytest.raises(KeyboardInterrupt):
        write_array(path, broken())
    assert list(read_array(path)) == [example(0)]
    assert list(tmp_path.iterdir()) == [path]
