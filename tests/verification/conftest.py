"""Databases of generated rows that all tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from querywright.verification.scratch import Scratch


@pytest.fixture(scope="module")
def scratches() -> Iterator[dict[str, tuple[Scratch, Scratch]]]:
    """A pair of scratch databases for each engine."""
    found = {engine: (Scratch(engine), Scratch(engine)) for engine in ("duckdb", "sqlite")}
    yield found
    for pair in found.values():
        for scratch in pair:
            scratch.close()
