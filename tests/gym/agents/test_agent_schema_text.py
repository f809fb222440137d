"""``schema_info``: what is written can be read back, whatever names and types there are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querywright.errors import InputError
from querywright.gym.schema_text import read_schema_text, schema_text
from querywright.sql.schema import Column, ForeignKey, Key, Schema, Table

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8).map(str.strip).filter(bool)
TYPES = st.sampled_from(
    ["BIGINT", "DECIMAL(23,2)", "TIMESTAMP WITH TIME ZONE", 'STRUCT(a INTEGER, "b, c" VARCHAR)', "ENUM('a, b', 'c')"]
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower))
    columns = tuple(Column(name, draw(TYPES), draw(st.sampled_from([None, "declared"]))) for name in names)
    chosen = st.lists(st.sampled_from(names), min_size=1, unique=True).map(tuple)
    keys = tuple(Key(key, "declared") for key in draw(st.lists(chosen, max_size=2, unique=True)))
    foreign = tuple(ForeignKey(key, draw(NAMES), key, "declared") for key in draw(st.lists(chosen, max_size=2)))
    return Table(draw(NAMES), columns, keys, foreign, draw(st.none() | st.integers(0, 10**12)))


@settings(max_examples=50)
@given(st.lists(tables(), min_size=1, max_size=3))
def test_what_is_written_is_read_back(written: list[Table]) -> None:
    assert read_schema_text(schema_text(written)) == Schema(tuple(written))


def test_keys_that_only_todays_data_has_are_not_shown() -> None:
    table = Table("t", (Column("a", "INTEGER", "checked"),), (Key(("a",), "checked"),), rows=3)
    assert schema_text([table]) == "Table: t (3 rows)\n  a INTEGER"


@pytest.mark.parametrize("text", ["", "orders: id, total", "Table: orders (5 rows)", "Table: orders\n  id BIGINT, "])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_schema_text(text)
