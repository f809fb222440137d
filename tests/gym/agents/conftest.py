"""The published tasks on a small edition of their data, a gym that really examines, and a machine of one's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import Command, command, private_machine

from querywright.gym.episodes import Gym
from querywright.gym.examiner import Examiner
from querywright.gym.local import LocalGym
from querywright.gym.tasks import driver
from querywright.gym.values import Task

SMALL = "shop:scale=0.02"
HIDDEN = ("shop:variant=varied,scale=0.02,seed=7", "shop:variant=varied,scale=0.01,seed=11")


@pytest.fixture(scope="session")
def small_tasks() -> Mapping[str, Task]:
    """The published five and their repaired twins, by id."""
    chosen = (*driver.tasks(family="published"), *driver.tasks(family="repaired"))
    return {task.id: replace(task, database=SMALL, hidden=HIDDEN) for task in chosen}


@pytest.fixture(autouse=True)
def only_small_tasks(small_tasks: Mapping[str, Task], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test builds the data at its full size."""
    monkeypatch.setattr(driver, "all_tasks", lambda: small_tasks)


@pytest.fixture(scope="session")
def examiner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examiner]:
    """One examiner for all tests, with a timing lock of its own: no test depends on times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("machine")))
        patch.setattr(tempfile, "tempdir", None)
        with Examiner(threads=1, witnesses=8) as opened:
            yield opened


@pytest.fixture
def gym(examiner: Examiner) -> LocalGym:
    """The environment with the default rewards."""
    return LocalGym(Gym(examiner))


@pytest.fixture
def qw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``qw`` with the given words in this process, in an empty folder."""
    desk = tmp_path / "desk"
    desk.mkdir()
    private_machine(monkeypatch, desk, tmp_path)
    return command(monkeypatch, capsys)
