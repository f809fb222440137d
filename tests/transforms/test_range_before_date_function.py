"""The range that stands in front of a date function leaves out no row that passes it, however SQLite reads the text."""

from __future__ import annotations

import sqlite3
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import apply_everywhere

SCHEMA = schema_of("CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT, k INTEGER)", "sqlite")
CONDITIONS = (
    "strftime('%Y', c) = '2024'",
    "strftime('%Y', c) >= '1999'",
    "CAST(strftime('%Y', c) AS INTEGER) = 2000",
    "strftime('%Y-%m', c) = '2000-01'",
    "strftime('%Y-%m-%d', c) = '1999-12-31'",
    "date(c) > '2023-02-28'",
    "date(c) BETWEEN '1999-12-25' AND '2000-01-02'",
)
OTHER_READINGS = (
    "12:30",
    "19:59",
    "20:15:30",
    "2460310.5",
    " 2460310.5",
    "2.4603105e6",
    "+2460310.5",
    "2059",
    "20.5e5",
    "200e4",
    "now",
    "",
)

days = st.dates(date(1895, 1, 1), date(2105, 1, 1)).map(date.isoformat)
overflowing = st.tuples(st.integers(1898, 2101), st.integers(1, 13), st.integers(0, 32)).map(
    lambda d: "{:04}-{:02}-{:02}".format(*d)
)
times = st.sampled_from(("", " 00:30+14:00", "T23:59:59.9-14:00", " 24:00", " 12:00Z", "x"))
texts = st.one_of(
    st.tuples(st.one_of(days, overflowing), times).map("".join),
    st.sampled_from(OTHER_READINGS),
    st.floats(0, 5.4e6).map(str),
    st.integers(1_900_000, 2_600_000).map(str),
)


def rewritten(sql: str) -> str | None:
    made = apply_everywhere(qualify_text(sql, SCHEMA, "sqlite"), SCHEMA, "sqlite", "range_before_date_function")
    return None if made is None else made.tree.sql("sqlite")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_same_rows(condition: str) -> None:
    sql = f"SELECT c FROM t WHERE {condition}"
    candidate = rewritten(sql)
    assert candidate is not None
    assert "BETWEEN '" in candidate
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT, k INTEGER)")

    @given(st.lists(texts, min_size=20, max_size=60))
    def holds(values: list[str]) -> None:
        connection.execute("DELETE FROM t")
        connection.executemany("INSERT INTO t (c) VALUES (?)", [(value,) for value in values])
        assert connection.execute(candidate).fetchall() == connection.execute(sql).fetchall()

    holds()


@pytest.mark.parametrize(
    "condition",
    [
        "strftime('%Y', c, '+1 year') = '2024'",
        "date(c, 'localtime') = '2024-02-29'",
        "strftime('%m', c) = '02'",
        "strftime('%Y', k) = '2024'",
        "CAST(c AS DATE) = '2024-02-29'",
        "strftime('%Y', c) <> '2024'",
        "NOT strftime('%Y', c) = '2024'",
        "strftime('%Y', c) IN ('2024', '2025')",
    ],
)
def test_does_not_fire(condition: str) -> None:
    assert rewritten(f"SELECT id FROM t WHERE {condition}") is None
