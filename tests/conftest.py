"""What every suite shares: the option that rewrites expected results."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expected results in tests/fixtures; check them by eye")


@pytest.fixture(scope="session")
def update(request: pytest.FixtureRequest) -> bool:
    """Whether expected results are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update"))
