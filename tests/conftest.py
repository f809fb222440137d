"""What every suite shares: the option that rewrites expected results, and a cache of this test run's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from querywright.settings import settings

# Looked through for doctests, the conftest modules of several folders would collide by name; pytest loads them all the same.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]

hypothesis.settings.register_profile("any machine", deadline=None)  # nothing is asserted of times
hypothesis.settings.register_profile(
    "repeatable", deadline=None, derandomize=True
)  # for continuous integration: no new examples there
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expected results in tests/fixtures; check them by eye")


@pytest.fixture(scope="session")
def update(request: pytest.FixtureRequest) -> bool:
    """Whether expected results are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update"))


@pytest.fixture(scope="session", autouse=True)
def workload_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Workloads and samples of this test run; never the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUERYWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        settings.cache_clear()
        yield settings().cache
    settings.cache_clear()
