"""SQLite's readings of the clock and of the session are seen, and the clock's are frozen."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime

import pytest

from querywright.sql.ambiguity import freeze
from querywright.sql.parse import parse_query
from querywright.sql.volatility import frozen_calls, random_calls

MOMENT = datetime(2024, 5, 6, 7, 8, 9, 123456)
OTHER = datetime(2031, 1, 2, 3, 4, 5)

CLOCKS = [
    "date()",
    "date('now')",
    "DATE(' NOW ')",
    "date('now', '-1 day', 'start of month')",
    "time()",
    "time('now')",
    "datetime()",
    "datetime('now', '-1 day')",
    "datetime('Now', 'localtime')",
    "datetime('subsec')",
    "julianday()",
    "julianday('now')",
    "[julianday]()",
    "\"date\"(('now'))",
    "unixepoch()",
    "unixepoch('now', 'subsec')",
    "unixepoch('subsecond')",
    "strftime('%s')",
    "strftime('%s', 'now')",
    "strftime('%Y-%m', 'now', 'utc')",
    "date(COALESCE(day, 'now'))",
    "date(CASE WHEN id = 1 THEN 'now' ELSE day END)",
    "date((SELECT 'now'))",
    "date(date('now'))",
    "julianday(day) - julianday('now')",
    "CURRENT_TIMESTAMP",
    "CURRENT_DATE",
    "CURRENT_TIME",
]
NEW_IN_SQLITE = ["timediff('now', day)", "timediff(day, 'now')"]
STILL = [
    "date(day)",
    "date('2024-01-01', '+1 day')",
    "time(day)",
    "datetime(day, 'start of month')",
    "julianday(day)",
    "unixepoch(day)",
    "strftime('%s', day)",
    "strftime('%Y', day, '+1 year')",
    "timediff(day, '2024-01-01')",
    "instr(day, 'now')",
    "date(day) = 'now'",
    "upper('now')",
]
SESSION = ["total_changes()", "changes()", "last_insert_rowid()", "random()", "randomblob(3)"]


@pytest.mark.parametrize("call", [*CLOCKS, *NEW_IN_SQLITE])
def test_the_clock_is_seen(call: str) -> None:
    assert frozen_calls(parse_query(f"SELECT {call} AS x FROM t", "sqlite"))


@pytest.mark.parametrize("call", STILL)
def test_what_reads_columns_and_literals_is_not_the_clock(call: str) -> None:
    tree = parse_query(f"SELECT {call} AS x FROM t", "sqlite")
    assert not frozen_calls(tree)
    assert freeze(tree, MOMENT, "sqlite") == tree


@pytest.mark.parametrize("call", SESSION)
def test_what_a_session_tells_is_chance(call: str) -> None:
    assert random_calls(parse_query(f"SELECT {call} AS x FROM t", "sqlite"))


@pytest.mark.parametrize("call", CLOCKS)
def test_the_clock_is_frozen_at_one_moment(call: str) -> None:
    """At the same moment queries say the same, at another one something else: so nothing in them reads the real clock."""
    tree = parse_query(f"SELECT {call} AS x FROM t", "sqlite")
    frozen = [freeze(tree, moment, "sqlite") for moment in (MOMENT, MOMENT, OTHER)]
    assert not frozen_calls(frozen[0])
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS id, NULL AS day")
        first, again, other = (connection.execute(one.sql("sqlite")).fetchall() for one in frozen)
    assert first == again
    assert first != other or first == [(None,)]


def test_the_frozen_clock_has_the_form_of_the_real_one() -> None:
    calls = "CURRENT_TIMESTAMP, CURRENT_DATE, CURRENT_TIME, datetime('now'), date(), time('now'), strftime('%H:%M')"
    frozen = freeze(parse_query(f"SELECT {calls} FROM t", "sqlite"), MOMENT, "sqlite")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS id")
        (row,) = connection.execute(frozen.sql("sqlite"))
    moment, day, hour = "2024-05-06 07:08:09", "2024-05-06", "07:08:09"
    assert row == (moment, day, hour, moment, day, hour, "07:08")
