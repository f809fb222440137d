"""Whose requests are whose: behind proxies, by the address that the nearest of them saw, never by what clients claim."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from live_server import Desk, desk_service, serving

DOCKERFILE = Path(__file__).parents[3] / "environments" / "querywright_env" / "Dockerfile"
OURS = "203.0.113.7"
THEIRS = "198.51.100.9"


def tries(address: str, forwarded: list[str]) -> list[int]:
    """What metered requests are answered, each forwarded in a way of its own."""
    asked = {"task_id": "task_1_basic_antipatterns", "optimized_query": "equal"}
    return [
        httpx.post(f"{address}/execute", json=asked, headers={"X-Forwarded-For": one}, timeout=60).status_code
        for one in forwarded
    ]


def test_clients_of_the_image_cannot_take_another_address(
    tmp_path: Path, published_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all addresses trusted, the first one counted, so that whoever wrote another each time was never metered."""
    [trusted] = re.findall(r"^ENV FORWARDED_ALLOW_IPS=(.+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    claimed = [f"192.0.2.{number}, {OURS}" for number in range(2)]
    with serving(desk_service(Desk(), tmp_path, burst=3)) as address:
        assert tries(address, [*claimed, f"10.0.0.1, {OURS}, 10.20.30.40"]) == [200, 200, 200], "the proxies' own do not count"
        assert tries(address, [f"192.0.2.9, {OURS}", f"{THEIRS}, {OURS}", OURS]) == [429, 429, 429]
        assert tries(address, [THEIRS, f"{OURS}, {THEIRS}"]) == [200, 200], "another client has tries of its own"


def test_who_is_no_proxy_forwards_nothing(tmp_path: Path, published_data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/8")  # this test calls from another network
    with serving(desk_service(Desk(), tmp_path, burst=3)) as address:
        assert tries(address, [OURS, THEIRS, "192.0.2.1", "192.0.2.2"]) == [200, 200, 200, 429]
