"""An example in another dialect asks the same: both engines answer alike, or there is no such example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from command_line import private_machine
from factory_examples import FAST, example

from querywright.databases.specification import workload_instance
from querywright.factory.replicas import Replicas
from querywright.factory.translating import translated, translated_sql
from querywright.factory.values import Example
from querywright.generation.identity import skeleton, split_of
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.workloads.driver import instance, workloads

SCHEMA = Schema(workloads()["ecommerce"].tables(instance("ecommerce", {}).parameters))


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, tmp_path_factory.mktemp("work"))
        with Replicas(rows=1000) as made:
            yield made


def of_its_split(made: Example, engine: str) -> Example:
    """The example in the split to which its family belongs on the other engine."""
    tree = qualify_text(translated_sql(made.clean, made.engine, engine), SCHEMA, engine)
    return replace(made, split=split_of(made.schema, skeleton(tree)))


@pytest.mark.parametrize(
    ("source", "database", "target"),
    [
        ("duckdb", "ecommerce:rows=3000", "sqlite"),
        ("duckdb", "ecommerce", "sqlite"),
        ("sqlite", "ecommerce:rows=3000,engine=sqlite", "duckdb"),
        ("sqlite", "ecommerce:engine=sqlite", "duckdb"),
    ],
)
def test_the_other_engine_gives_the_same_answer(replicas: Replicas, source: str, database: str, target: str) -> None:
    origin = of_its_split(example(0, source, database=database), target)
    found = translated(origin, replicas, threshold=0.0)
    assert isinstance(found, Example), found
    assert (found.engine, found.origin, found.split) == (target, origin.id, origin.split)
    assert found.id != origin.id and found.solution.speedup > 0
    chosen = workload_instance(found.database)
    assert chosen is not None and chosen.engine == target


def test_what_answers_otherwise_or_is_not_faster_is_refused(replicas: Replicas) -> None:
    origin = of_its_split(example(0), "sqlite")
    wrong = replace(origin, solution=replace(origin.solution, sql=FAST.replace("LEFT JOIN", "JOIN")))
    assert "returns" in str(translated(wrong, replicas, threshold=0.0))
    assert translated(origin, replicas, threshold=2.0) == "It is not faster there."


def test_what_belongs_to_another_split_there_is_refused(replicas: Replicas) -> None:
    origin = of_its_split(example(0), "sqlite")
    other = replace(origin, split="test" if origin.split != "test" else "train")
    assert translated(other, replicas, threshold=0.0) == "Its family belongs to another split there."


def test_dates_become_texts_and_searches_functions() -> None:
    sql = "SELECT u.id FROM users AS u WHERE u.signed_up_on >= DATE '2024-01-01' AND contains(u.name, 'an')"
    there = translated_sql(sql, "duckdb", "sqlite")
    assert "DATE" not in there and "'2024-01-01'" in there and "INSTR(u.name, 'an') > 0" in there
