"""Injected habits: what went in is seen, and the answer stays what it was, on data made to break it."""

from __future__ import annotations

from random import Random

import pytest
from generation_cases import ENGINES, SCHEMAS, database, ddl, generator
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty import databases
from running import differences, runner

from querywright.antipatterns.driver import antipatterns
from querywright.generation.inject import NEVER, inject_habits, injectable
from querywright.sql.facts import Facts

UNCHECKED = tuple(schema for schema in SCHEMAS if not any(table.checks for table in database(schema).schema.tables))
"""Schemas without CHECKs, which the databases of the tests do not know."""


@given(
    number=st.integers(0, 10**6),
    schema=st.sampled_from(UNCHECKED),
    engine=st.sampled_from(ENGINES),
    count=st.integers(1, 4),
)
@settings(max_examples=40)
def test_clean_and_injected_answer_the_same(number: int, schema: str, engine: str, count: int) -> None:
    known = database(schema, engine).schema
    query = generator(schema, engine).query(number)
    slow = inject_habits(query.tree, known, engine, Random(number), count)
    if slow is None:
        return
    here = runner(engine, ddl(known))
    ordered = Facts(query.tree, known, engine).total_order(query.tree) is not None
    for place, data in enumerate(databases(known, query.tree, seed=number % 7)):
        here.load(data)
        try:
            expected = here.rows(query.sql)
        except here.error:
            continue  # a database on which the clean query fails says nothing
        difference = differences(expected, here.rows(slow.sql), ordered=ordered)
        assert not difference, f"database {place}: {difference}\n{slow.injected}\n{query.sql}\n{slow.sql}\n{data}"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_labels_are_what_can_be_seen(schema: str) -> None:
    known = database(schema).schema
    injected, confirmed = 0, 0
    for number in range(15):
        query = generator(schema).query(number)
        slow = inject_habits(query.tree, known, "duckdb", Random(number), 2)
        assert slow is not None
        again = inject_habits(query.tree, known, "duckdb", Random(number), 2)
        assert again is not None and (again.sql, again.injected) == (slow.sql, slow.injected)
        assert 1 <= len(slow.injected) <= 2 and len(set(slow.injected)) == len(slow.injected)
        assert set(slow.confirmed) <= set(slow.labels) <= set(antipatterns())
        assert not NEVER & set(slow.injected)
        assert slow.fingerprint != query.fingerprint
        injected += len(slow.injected)
        confirmed += len(slow.confirmed)
    assert confirmed >= 0.7 * injected  # a second habit may hide the first


def test_weights_choose_what_goes_in() -> None:
    known = database("ecommerce").schema
    query = generator("ecommerce").query(3, "rows_with_lookups")
    possible = injectable(query.tree, known, "duckdb")
    assert "unused_join" in possible
    only = {name: 1.0 if name == "unused_join" else 0.0 for name in antipatterns()}
    slow = inject_habits(query.tree, known, "duckdb", Random(1), 3, only)
    assert slow is not None and slow.injected == ("unused_join",)
    assert inject_habits(query.tree, known, "duckdb", Random(1), 3, dict.fromkeys(antipatterns(), 0.0)) is None


def test_the_clean_query_stays_as_it_is() -> None:
    query = generator("hr").query(5)
    copy = query.tree.copy()
    inject_habits(query.tree, database("hr").schema, "duckdb", Random(2), 4)
    assert query.tree == copy
