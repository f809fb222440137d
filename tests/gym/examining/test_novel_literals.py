"""Which literals of a rewrite follow from those of the original."""

from __future__ import annotations

import pytest
import sqlglot

from querywright.gym.literals import novel_literals

FOLLOWING = [
    ("CAST(c AS VARCHAR) = '5000'", "c = 5000"),
    ("year(d) = 2024", "d >= '2024-01-01' AND d < '2025-01-01'"),
    ("year(d) = 2024", "d BETWEEN TIMESTAMP '2024-01-01 00:00:00' AND TIMESTAMP '2024-12-31 23:59:59.999999'"),
    ("year(d) = 2024 AND month(d) = 3", "d >= '2024-03-01' AND d < '2024-04-01'"),
    ("strftime(d, '%Y-%m') = '2024-02'", "d >= '2024-02-01' AND d < '2024-03-01'"),
    ("d <= '2024-05-31'", "d < '2024-06-01'"),
    ("d > '2024-05-31'", "date_trunc('month', d) > '2024-05-31'"),
    ("n > 10", "n >= 11"),
    ("n > 60 * 24", "n > 1440"),
    ("s LIKE '%purchase%'", "contains(s, 'purchase')"),
    ("s LIKE 'sess_%'", "starts_with(s, 'sess')"),
    ("lower(s) = 'abc'", "s IN ('abc', 'ABC')"),
    ("x IS NULL", "COALESCE(x, 0) = 0 AND row_number() OVER () = 1"),
]
NOVEL = [
    ("c = 5", "c = 5 OR (SELECT SUM(id) FROM t) = 125000250000"),
    ("c = 5", "c = 5 OR s = 'u17@mail.com'"),
    ("year(d) = 2024", "d = '2024-07-19'"),
    ("year(d) = 2024", "d >= '2019-01-01'"),
    ("year(d) = 2024", "d >= TIMESTAMP '2024-01-01 13:37:00'"),
    ("n > 10", "n > 17"),
]


def _novel(original: str, candidate: str) -> tuple[str, ...]:
    trees = [sqlglot.parse_one(f"SELECT * FROM t WHERE {condition}", read="duckdb") for condition in (original, candidate)]
    return novel_literals(*trees)


@pytest.mark.parametrize(("original", "candidate"), FOLLOWING)
def test_what_follows(original: str, candidate: str) -> None:
    assert _novel(original, candidate) == ()


@pytest.mark.parametrize(("original", "candidate"), NOVEL)
def test_what_does_not(original: str, candidate: str) -> None:
    assert _novel(original, candidate)
