"""Generated queries: they run, mean one thing, differ from each other, and come out the same for the same seed."""

from __future__ import annotations

from collections import Counter

import pytest
from generation_cases import DOMAINS, ENGINES, FILES, SCHEMAS, database, generator, seen
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from querywright.engines.session import Session
from querywright.errors import InputError
from querywright.generation.plain_names import OWN_WORDS
from querywright.generation.queries import QueryGenerator, shapes
from querywright.generation.scene import Unsuitable
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.schema import Schema

NOT_FOR_1000_ROWS = {"page_of_rows"}
"""Pages deeper than a thousand rows."""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_queries_run_and_mean_one_thing(schema: str, engine: str) -> None:
    drawn = [generator(schema, engine).query(number) for number in range(25)]
    with Session(database(schema, engine).location) as session:
        for query in drawn:
            answer = session.fetch(query.sql, limit_s=60)
            assert [name.lower() for name in answer.columns] == query.tree.named_selects, query.sql
            assert len(set(answer.columns)) == len(answer.columns), query.sql
            assert not ambiguities(Facts(query.tree, database(schema, engine).schema, engine))
            assert query.question.endswith(("?", ".")) and query.question[0].isupper()


@pytest.mark.parametrize("shape", sorted(shapes()))
def test_each_shape_can_be_drawn_and_says_what_it_asks(shape: str) -> None:
    assert (shapes()[shape].__doc__ or "").splitlines()[0].endswith(".")
    if shape in NOT_FOR_1000_ROWS:
        return
    drawn = {}
    for schema in SCHEMAS:
        try:
            drawn[schema] = generator(schema).query(1, shape)
        except InputError:
            continue
    assert len(drawn) >= 2
    assert all(query.shape == shape for query in drawn.values())


@given(number=st.integers(0, 10**6), schema=st.sampled_from(SCHEMAS), seed=st.integers(0, 5))
@settings(max_examples=25)
def test_a_number_and_a_seed_make_a_query(number: int, schema: str, seed: int) -> None:
    one, again = (generator(schema, seed=seed).query(number) for _ in range(2))
    assert (one.sql, one.question, one.fingerprint, one.family) == (again.sql, again.question, again.fingerprint, again.family)
    assert parse_query(one.sql, "duckdb")


def test_queries_differ_and_cover_joins_windows_and_common_tables() -> None:
    drawn = [generator("ecommerce").query(number) for number in range(200)]
    assert len({query.fingerprint for query in drawn}) >= 0.95 * len(drawn)
    assert Counter(query.shape for query in drawn).most_common(1)[0][1] < 0.2 * len(drawn)
    with_three_tables = sum(1 for query in drawn if len(list(query.tree.find_all(exp.Table))) >= 3)
    with_windows = sum(1 for query in drawn if query.tree.find(exp.Window))
    with_common_tables = sum(1 for query in drawn if query.tree.find(exp.CTE))
    with_subqueries = sum(1 for query in drawn if query.tree.find(exp.Exists, exp.In, exp.Subquery))
    assert min(with_three_tables, with_windows, with_common_tables, with_subqueries) >= 0.15 * len(drawn)


def test_queries_come_one_by_one_without_repeating() -> None:
    stream = generator("hr").queries()
    first = [next(stream).fingerprint for _ in range(30)]
    assert len(set(first)) == 30


def test_families_leave_out_constants() -> None:
    drawn = [generator("analytics", seed=3).query(number, "above_average") for number in range(60)]
    families = {query.family for query in drawn}
    assert len(families) <= len({query.fingerprint for query in drawn})
    twins = [(a, b) for a in drawn for b in drawn if a.family == b.family and a.fingerprint != b.fingerprint]
    for one, other in twins[:5]:
        blank = [tree.sql() for tree in map(_without_constants, (one.tree, other.tree))]
        assert blank[0] == blank[1]


def test_a_schema_without_rows_says_what_it_lacks() -> None:
    empty = QueryGenerator(Schema(()), {}, "duckdb")
    with pytest.raises(InputError, match="No query can be drawn"):
        empty.query(0)


def test_shapes_refuse_tables_that_do_not_fit() -> None:
    from random import Random

    from querywright.generation.scene import Scene

    scene = Scene(database("analytics").schema, seen("analytics"), "duckdb", Random(1))
    with pytest.raises(Unsuitable):
        shapes()["leading_parents"].draw(scene)  # one table, no foreign key


def _without_constants(tree: exp.Query) -> exp.Expr:
    return tree.transform(lambda node: exp.Literal.string("?") if isinstance(node, exp.Literal) else node)


@pytest.mark.parametrize("schema", FILES)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_shapes_compute_is_told_apart_from_columns_of_the_same_name(schema: str, engine: str) -> None:
    for number in range(60):
        query = generator(schema, engine, seed=1).query(number)
        for select in query.tree.find_all(exp.Select):
            assert len(set(select.named_selects)) == len(select.named_selects), query.sql


def test_what_shapes_compute_beside_columns_is_known_by_its_names() -> None:
    for schema in DOMAINS:
        columns = {column.name for table in database(schema).schema.tables for column in table.columns}
        for number in range(60):
            query = generator(schema).query(number)
            made = {alias.alias for alias in parse_query(query.sql, "duckdb").find_all(exp.Alias)}
            assert (
                not {name for name in made if not any(column in name for column in columns)}
                - OWN_WORDS
                - {"total", "total_ahead"}
            )
