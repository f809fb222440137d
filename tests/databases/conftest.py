from collections.abc import Iterator
from pathlib import Path

import pytest

from querywright.settings import settings


@pytest.fixture(scope="session", autouse=True)
def workload_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this test run's own, shared by its tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUERYWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        settings.cache_clear()
        yield settings().cache
    settings.cache_clear()
