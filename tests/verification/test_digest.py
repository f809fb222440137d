"""Digests tell answers apart whose rows differ, whatever the order, and put up with rounding."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from querywright.engines.protocol import Location
from querywright.engines.session import Session
from querywright.errors import StatementTimeout
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


ROWS = "(SELECT 1 AS a, 'a' AS b, 0.1 AS c UNION ALL SELECT 2, NULL, 0.2 UNION ALL SELECT 2, NULL, 0.3) AS v"


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Session]:
    with Session(Location("sqlite", writable=True)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (f"SELECT * FROM {ROWS}", f"SELECT * FROM {ROWS} ORDER BY a DESC; -- order", True),
        (f"SELECT * FROM {ROWS}", f"SELECT a, b, c + 1e-12 FROM {ROWS}", True),
        (f"SELECT a, a FROM {ROWS}", f"WITH w AS (SELECT a FROM {ROWS}) SELECT a, a FROM w", True),
        (f"SELECT * FROM {ROWS}", f"SELECT a, b, c + 1e-3 FROM {ROWS}", False),
        (f"SELECT a, b FROM {ROWS}", f"SELECT a, COALESCE(b, '') FROM {ROWS}", False),
        (f"SELECT a, b FROM {ROWS}", f"SELECT a, upper(b) FROM {ROWS}", False),
        (f"SELECT a, b FROM {ROWS}", f"SELECT b, a FROM {ROWS}", False),
        (f"SELECT a FROM {ROWS}", f"SELECT a + 1 FROM {ROWS}", False),
        (f"SELECT a FROM {ROWS}", f"SELECT CAST(a AS TEXT) FROM {ROWS}", False),
        (f"SELECT a FROM {ROWS}", f"SELECT a FROM {ROWS} LIMIT 2", False),
        (f"SELECT a FROM {ROWS} WHERE a > 5", f"SELECT b FROM {ROWS} WHERE a > 6", True),
        (f"SELECT MAX(a) AS m FROM {ROWS} WHERE a > 5", f"SELECT MAX(a) AS m FROM {ROWS}", False),
    ],
)
def test_digests_of_an_engine_without_hashes(sqlite: Session, one: str, other: str, equal: bool) -> None:
    digests = [sqlite.call(digest, sql, "sqlite") for sql in (one, other)]
    assert alike(*digests) == equal


def test_all_columns_are_computed_in_sqlite(sqlite: Session) -> None:
    """What nothing reads it would leave out, and a query that only knows the visible answer would look fast elsewhere too."""
    endless = "(WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT MAX(x) FROM r)"
    with pytest.raises(StatementTimeout):
        sqlite.call(digest, f"SELECT a, {endless} AS b FROM {ROWS}", "sqlite", limit_s=0.5)
