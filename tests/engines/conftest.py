"""Sessions on a small database, for every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_cases import ENGINES, build, fingerprint

from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Session


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Location]:
    """A function from an engine's name to its database, which nothing may change."""
    made: dict[str, Location] = {}

    def of(engine: str) -> Location:
        if engine not in made:
            path = tmp_path_factory.mktemp(engine) / "data" / f"shop.{engine}"
            path.parent.mkdir()
            build(Location(engine, str(path), writable=True))
            made[engine] = Location(engine, str(path))
        return made[engine]

    return of


@pytest.fixture
def location(engine: str, built: Callable[[str], Location]) -> Location:
    return built(engine)


@pytest.fixture
def session(location: Location) -> Iterator[Session]:
    with Session(location, Limits(threads=2)) as opened:
        yield opened


@pytest.fixture
def scratch(engine: str) -> Iterator[Session]:
    """An empty writable database in memory."""
    with Session(Location(engine, writable=True)) as opened:
        yield opened


@pytest.fixture
def unchanged(location: Location) -> Iterator[Path]:
    """The database's folder; fails the test if any of its files changed."""
    folder = Path(location.address).parent
    before = fingerprint(folder)
    yield folder
    assert fingerprint(folder) == before
