"""Gold examples: what the package ships holds, and the right ones are chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from nasty import databases
from prompt_requests import analyzed
from running import ENGINES, differences

from querywright.databases.opening import open_database
from querywright.engines.session import engine_of
from querywright.judge import ACCEPTED
from querywright.pipeline import verify
from querywright.propose.embedding import EmbeddedExamples
from querywright.propose.gold import (
    GoldExample,
    for_families,
    gold_examples,
    nearest,
    read_gold,
    write_gold,
)
from querywright.propose.likeness import Texts, features, similarity
from querywright.propose.rewrite_sets import assembled
from querywright.search.examples import EXAMPLE_ROTATION
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.transforms.driver import transforms
from querywright.transforms.protocol import FAMILIES

DECIMAL = re.compile(r"DECIMAL\(\d+,\s*(\d+)\)")
EXAMPLES = gold_examples()
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one.engine}-{one.transform}")


@cache
def small(database: str) -> tuple[Schema, str]:
    """The schema of a workload at its smallest, with its keys, and the DDL of it."""
    name, _, rest = database.partition(":")
    engine = "sqlite" if "engine=sqlite" in rest else "duckdb"
    opened = open_database(f"{name}:sf=0.01,engine={engine}")
    module = engine_of(opened.location)
    return wide(opened.schema), ";\n".join(module.create_table(table) for table in wide(opened.schema).tables) + ";"


def wide(schema: Schema) -> Schema:
    """Decimals of any width can hold the years and keys of nasty databases."""
    tables = (
        replace(
            table, columns=tuple(replace(column, type=DECIMAL.sub(r"DECIMAL(18,\1)", column.type)) for column in table.columns)
        )
        for table in schema.tables
    )
    return Schema(tuple(tables))


@each_example
def test_each_rewrite_returns_the_rows_of_its_query(example: GoldExample) -> None:
    schema, ddl = small(example.database)
    tree = qualify_text(example.query, schema, example.engine)
    read = {table.name.lower() for table in schema.tables}
    engine = ENGINES[example.engine](ddl)
    ordered = tree.args.get("order") is not None
    compared = 0
    for database in databases(schema, tree):
        assert {name.lower() for name in database} <= read
        engine.load(database)
        original, rewritten = engine.rows(example.query), engine.rows(example.rewrite)
        assert not differences(original, rewritten, ordered=ordered)
        compared += bool(original)
    if not compared:  # its constants are out of reach for these databases
        verdict = verify(example.query, example.rewrite, schema=schema, dialect=example.engine, strict=True)
        assert verdict.grade in ACCEPTED, verdict.reason


@each_example
def test_each_answer_puts_the_rewrite_together(example: GoldExample) -> None:
    schema, _ = small(example.database)
    before = qualify_text(example.query, schema, example.engine)
    nodes = {name: parse_query(sql, example.engine) for name, sql in example.nodes.items()}
    done = assembled(before, nodes, [table.name for table in schema.tables]).sql(example.engine)
    names = before.named_selects
    assert _identity(done, schema, example.engine, names) == _identity(example.rewrite, schema, example.engine, names)


def _identity(sql: str, schema: Schema, engine: str, names: list[str]) -> str:
    tree = qualify_text(sql, schema, engine, names)
    clause = tree.args.get("with_")
    if clause is not None:
        clause.set("expressions", sorted(clause.expressions, key=lambda cte: str(cte.alias)))
    return fingerprint(tree, engine)


@each_example
def test_each_example_is_a_win_of_a_known_transform(example: GoldExample) -> None:
    assert example.transform in transforms()
    assert example.low > 1.0
    assert set(example.families) <= set(FAMILIES)
    assert transforms()[example.transform].FAMILY in example.families


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_each_set_of_the_rotation_has_three_examples(engine: str) -> None:
    for families in EXAMPLE_ROTATION:
        chosen = for_families(families, engine)
        assert len(chosen) == 3, families
        assert all(family in example.families for family, example in zip(families, chosen, strict=True))


def test_sets_that_come_round_again_differ() -> None:
    first, second = (for_families(("pushdown", "semantic_rewrite"), "duckdb", turn) for turn in (0, 1))
    assert set(first).isdisjoint(second)


def test_the_engine_at_hand_comes_first() -> None:
    assert {example.engine for example in for_families(("pushdown", "or_to_union"), "sqlite")} == {"sqlite"}
    assert len(for_families(("date_cte_isolate",), "sqlite")) == 1, "from another engine, better than none"


def test_retrieved_examples_are_built_like_the_query() -> None:
    correlated = analyzed()
    chosen = nearest(correlated, "sqlite")
    assert len({example.transform for example in chosen}) == 3
    assert any(example.families[0] == "decorrelate" for example in chosen)
    assert nearest(correlated, "sqlite", leave_out=chosen) != chosen


def test_an_embedding_decides_between_examples_that_are_built_alike() -> None:
    shown = nearest(analyzed(), "duckdb")
    for wanted in (example for example in EXAMPLES if example.engine == "duckdb" and example not in shown):
        likeness = [float(example is wanted) for example in EXAMPLES]
        assert wanted in nearest(analyzed(), "duckdb", likeness=likeness)


def test_each_text_is_embedded_once_and_likeness_is_stretched() -> None:
    asked: list[str] = []

    def vectors(texts: Sequence[str]) -> list[tuple[float, float]]:
        asked.extend(texts)
        return [(1.0, 1.0) if text in ("SELECT 1", EXAMPLES[3].query) else (1.0, 0.9) for text in texts]

    embedded = EmbeddedExamples(vectors)
    alike = embedded.likeness("SELECT 1")
    assert [place for place, one in enumerate(alike) if one == pytest.approx(1.0)] == [
        place for place, example in enumerate(EXAMPLES) if example.query == EXAMPLES[3].query
    ]
    assert min(alike) == 0.0
    assert embedded.likeness("SELECT 2") != alike
    assert embedded.likeness("SELECT 1") == alike
    assert len(asked) == len(set(asked)) == 2 + len({example.query for example in EXAMPLES})


def test_texts_that_are_all_alike_say_nothing() -> None:
    assert set(EmbeddedExamples(lambda texts: [(0.0, 0.0)] * len(texts)).likeness("SELECT 1")) == {0.0}


def test_similarity_is_of_structure_not_of_names() -> None:
    one, other = (features(parse_query(f"SELECT COUNT(*) FROM {name} WHERE {name}.x IN (SELECT 1)", "duckdb")) for name in "ab")
    assert similarity(one, other) == pytest.approx(1.0)
    assert similarity(one, features(parse_query("SELECT a FROM t ORDER BY a LIMIT 1", "duckdb"))) < 0.5


def test_similarity_in_text_is_of_words_the_rare_ones_first() -> None:
    texts = Texts(["SELECT a FROM order_dates", "SELECT b FROM customers", "SELECT c FROM customers"])
    exact, *others = texts.similarities("select a from ORDER_DATES")
    assert exact == pytest.approx(1.0) and max(others) < 0.5
    dates, *others = texts.similarities("SELECT x FROM dates")
    assert dates > max(others)
    assert texts.similarities("") == [0.0, 0.0, 0.0]


def test_examples_survive_being_written(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "gold.json"
    write_gold(EXAMPLES, path)
    assert read_gold(path) == EXAMPLES
