"""Digests tell answers apart whose rows differ, whatever the order, and put up with rounding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from querywright.engines.protocol import Location
from querywright.engines.session import Session
from querywright.verification.digest import alike, digest

VALUES = "(VALUES (1, 'a', 0.1::DOUBLE), (2, NULL, 0.2::DOUBLE), (2, NULL, 0.3::DOUBLE)) AS v(a, b, c)"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(Location("duckdb", writable=True)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (f"SELECT * FROM {VALUES}", f"SELECT * FROM {VALUES} ORDER BY a DESC; -- order", True),
        (f"SELECT * FROM {VALUES}", f"SELECT a, b, c + 1e-12 FROM {VALUES}", True),
        (f"SELECT * FROM {VALUES}", f"SELECT a, b, c + 1e-3 FROM {VALUES}", False),
        (f"SELECT * FROM {VALUES}", f"SELECT DISTINCT a, b, 0.2::DOUBLE FROM {VALUES}", False),
        (f"SELECT a, b FROM {VALUES}", f"SELECT a, COALESCE(b, '') FROM {VALUES}", False),
        (f"SELECT a, a + 1 FROM {VALUES}", f"SELECT a + 1, a FROM {VALUES}", False),
        (f"SELECT a FROM {VALUES}", f"SELECT a::BIGINT FROM {VALUES}", False),
        (f"SELECT a FROM {VALUES} WHERE a > 5", f"SELECT a FROM {VALUES} WHERE a > 6", True),
        (f"SELECT [c] AS l FROM {VALUES}", f"SELECT [c + 1] AS l FROM {VALUES}", True),
    ],
)
def test_digests(session: Session, one: str, other: str, equal: bool) -> None:
    digests = [session.call(digest, sql, "duckdb") for sql in (one, other)]
    assert alike(*digests) == equal
    assert digests[0].run.wall_ns > 0
