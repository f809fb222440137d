"""What only whoever runs the server can mend is told with its remedy, and nobody is asked to try again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from live_server import Desk, desk_service, serving

from querywright.errors import ExecutionError
from querywright.gym.remote import RemoteGym
from querywright.gym.tasks import driver
from querywright.settings import settings

TASK = "task_on_a_scale_that_nobody_built"


@pytest.fixture
def unbuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published_data: None) -> Iterator[str]:
    """A server with a task on data that are not in its cache."""
    task = replace(driver.tasks(family="published")[0], id=TASK, database="tpch:sf=0.011", hidden=())
    monkeypatch.setattr(driver, "all_tasks", lambda: {TASK: task})
    monkeypatch.setenv("QUERYWRIGHT_CACHE", str(tmp_path / "cache"))
    settings.cache_clear()
    with serving(desk_service(Desk(), tmp_path)) as address:
        yield address
    monkeypatch.undo()
    settings.cache_clear()


def refused(address: str) -> httpx.Response:
    answer = httpx.post(f"{address}/reset", json={"task_id": TASK}, timeout=60)
    assert answer.status_code == 501 and "retry-after" not in answer.headers
    assert answer.json()["remedy"].startswith("Whoever runs the server can mend that. ")
    return answer


def test_a_generator_that_is_not_installed_is_named(unbuilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb_extensions", None)  # how Python is told that a module is not there
    body = refused(unbuilt).json()
    assert "The tpch generator is not installed" in body["detail"]
    assert "pip install 'querywright[tpc]'" in body["remedy"]
    with pytest.raises(ExecutionError, match=r"/reset failed with 501: The tpch generator .* pip install 'querywright\[tpc\]'"):
        RemoteGym(unbuilt).reset(TASK)
