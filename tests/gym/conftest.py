"""One server whose examinations take no time, for all tests of bodies, sessions and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import httpx
import pytest
from live_server import Desk, desk_service, serving

from querywright.gym.bodies import schema_info
from querywright.gym.tasks import driver, shop
from querywright.gym.values import Task

SMALL = "shop:scale=0.05"
HIDDEN = ("shop:variant=varied,scale=0.05,seed=7", "shop:variant=varied,scale=0.01,seed=11")


@pytest.fixture(scope="session", autouse=True)
def whole_tasks() -> Iterator[Mapping[str, Task]]:
    """All tasks as they are. Tests meet those on the published data on a small edition of it, unless they put these back."""
    whole = driver.all_tasks()
    full = shop.load()[0].database
    small = {
        name: replace(task, database=SMALL, hidden=HIDDEN) if task.database == full else task for name, task in whole.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "all_tasks", lambda: small)
        yield whole


@pytest.fixture(scope="session")
def published_data(whole_tasks: Mapping[str, Task]) -> None:
    """The data of the published tasks, built, so that nobody waits for it."""
    for task in driver.tasks(family="published"):
        schema_info(task.database, *task.hidden)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, published_data: None) -> Iterator[str]:
    """Where the server listens."""
    with serving(desk_service(Desk(), tmp_path_factory.mktemp("gym"))) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A client with cookies of its own."""
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client
