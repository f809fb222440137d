"""Tasks on a small web shop with hidden databases of other rows, and one examiner for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from querywright.gym.examiner import Examiner


@pytest.fixture(scope="session")
def examiner() -> Iterator[Examiner]:
    with Examiner(threads=1) as opened:
        yield opened
