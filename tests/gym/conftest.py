"""One server whose examinations take no time, for all tests of bodies, sessions and errors."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from live_server import Desk, desk_service, serving

from querywright.gym.bodies import schema_info
from querywright.gym.tasks.driver import tasks


@pytest.fixture(scope="session")
def published_data() -> None:
    """The data of the published tasks, built, so that nobody waits for it."""
    for task in tasks(family="published"):
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
