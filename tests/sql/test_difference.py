"""The line difference loses no line of either side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from querywright.sql.difference import Line, unified

TEXTS = st.lists(st.sampled_from(["", "SELECT 1", "FROM t", "-- note", "WHERE x"]), max_size=12).map("\n".join)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_off(before: str, after: str) -> None:
    lines = unified(before, after)
    assert [line.text for line in lines if line.kind != "added"] == before.splitlines()
    assert [line.text for line in lines if line.kind != "removed"] == after.splitlines()


@given(TEXTS)
def test_equal_texts_have_no_difference(text: str) -> None:
    assert {line.kind for line in unified(text, text)} <= {"same"}


def test_removed_lines_come_before_added_ones() -> None:
    assert unified("a\nb\nc", "a\nB\nc") == [
        Line("same", "a"),
        Line("removed", "b"),
        Line("added", "B"),
        Line("same", "c"),
    ]
