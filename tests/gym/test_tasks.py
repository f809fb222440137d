"""The gym's tasks: the published five to the letter, the repaired ones with rewrites that hold, the generated ones kept apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nasty import databases
from running import differences, runner, telling

from querywright.antipatterns.driver import antipatterns, habits
from querywright.databases.opening import open_database
from querywright.databases.specification import workload_instance
from querywright.errors import GymError, UnknownTask
from querywright.generation.identity import HELD_OUT
from querywright.gym.building import STEPS
from querywright.gym.certifying import LEAST_SPEEDUP
from querywright.gym.sources import SOURCES
from querywright.gym.tasks import certified, shop
from querywright.gym.tasks.driver import all_tasks, find_task, tasks
from querywright.gym.tasks.protocol import FAMILIES
from querywright.judge import ACCEPTED
from querywright.serve.cli.gym import tasking
from querywright.settings import settings
from querywright.sql.ambiguity import ambiguities
from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema
from querywright.workloads import shop as shop_workload

PUBLISHED_IDS = (
    "task_1_basic_antipatterns",
    "task_2_correlated_subqueries",
    "task_3_wildcard_scan",
    "task_4_implicit_join",
    "task_5_window_functions",
)
REPAIRED = [task for task in shop.load() if task.family == "repaired"]

SHOP_DDL = """
CREATE TABLE users (id BIGINT PRIMARY KEY, email VARCHAR, tier VARCHAR, region VARCHAR, plan VARCHAR, created_at TIMESTAMP);
CREATE TABLE products (id BIGINT PRIMARY KEY, name VARCHAR, category VARCHAR, price DECIMAL(23, 2));
CREATE TABLE orders (id BIGINT PRIMARY KEY, customer_id BIGINT, product_id BIGINT,
    status VARCHAR, total DECIMAL(23, 2), created_at TIMESTAMP);
CREATE TABLE events (id BIGINT PRIMARY KEY, user_id BIGINT, session_id VARCHAR, event_type VARCHAR,
    occurred_at TIMESTAMP);
"""


def shop_schema() -> Schema:
    return schema_of(SHOP_DDL, "duckdb")


def test_the_published_tasks_keep_their_names_and_order() -> None:
    published = tasks(family="published")
    assert tuple(task.id for task in published) == PUBLISHED_IDS
    assert tuple(all_tasks())[:5] == PUBLISHED_IDS
    assert [task.difficulty for task in published] == ["easy", "medium", "medium-hard", "hard", "expert"]
    assert [task.steps for task in published] == [3, 4, 4, 5, 5]
    assert tuple(task.sql for task in published) == tuple(shop_workload.queries("duckdb").values())
    assert find_task(PUBLISHED_IDS[1]).issues == (
        "correlated_subquery_count",
        "correlated_subquery_sum",
        "correlated_subquery_limit",
        "missing_aggregation_join",
    )
    assert all(task.note and not task.approved and task.reference is None for task in published)


@pytest.mark.parametrize("task", REPAIRED, ids=lambda task: task.id)
def test_repaired_tasks_have_one_answer_and_true_labels(task) -> None:  # type: ignore[no-untyped-def]
    tree = parse_query(task.sql, "duckdb")
    qualified = qualify(tree, shop_schema(), "duckdb")
    assert not ambiguities(Facts(qualified, shop_schema(), "duckdb"))
    found = {habit.antipattern for habit in habits(qualified, tree, shop_schema(), "duckdb")}
    assert set(task.issues) == found
    assert task.note.startswith("Repaired: ")
    assert task.reference is not None and task.reference.speedup >= LEAST_SPEEDUP


@pytest.mark.parametrize("task", REPAIRED, ids=lambda task: task.id)
def test_repaired_rewrites_are_equal_on_nasty_data(task) -> None:  # type: ignore[no-untyped-def]
    schema = shop_schema()
    here = runner("duckdb", SHOP_DDL)
    assert task.reference is not None
    assert here.outputs(task.sql) == here.outputs(task.reference.sql)
    told = False
    for seed in range(6):
        for data in databases(schema, qualify(parse_query(task.sql, "duckdb"), schema, "duckdb"), seed):
            here.load(data)
            expected = here.rows(task.sql)
            told |= telling(expected)
            assert not differences(expected, here.rows(task.reference.sql), ordered=False), data
    assert told


def test_varied_shop_data_obeys_the_keys_that_the_hidden_databases_need() -> None:
    variants = {workload_instance(label).parameters["variant"] for task in REPAIRED for label in task.hidden}  # type: ignore[union-attr]
    assert variants == {"varied"}
    chosen = workload_instance("shop:variant=varied")
    assert chosen is not None
    assert {table.name for table in shop_workload.tables(chosen.parameters) if table.keys} == {
        "users",
        "orders",
        "products",
        "events",
    }


def test_tasks_are_found_by_id_split_and_family() -> None:
    everything = tasks()
    assert sorted(task.id for split in ("train", "validation", "test") for task in tasks(split)) == sorted(all_tasks())  # type: ignore[arg-type]
    assert sum(len(tasks(family=family)) for family in FAMILIES) == len(everything)
    with pytest.raises(UnknownTask, match="There is no task nonsense"):
        find_task("nonsense")
    with pytest.raises(GymError, match="no family"):
        tasks(family="nonsense")


def test_no_query_and_no_held_out_schema_is_in_two_splits() -> None:
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for task in tasks():
        schema = task.database.partition(":")[0]
        splits[schema, task.sql].add(task.split)
        assert task.split == HELD_OUT.get(schema, task.split)
    assert all(len(found) == 1 for found in splits.values())


def test_certified_tasks_are_whole() -> None:
    for task in certified.load():
        reference = task.reference
        assert reference is not None and reference.speedup >= LEAST_SPEEDUP and reference.grade in ACCEPTED, task.id
        assert len(task.id) == 16 and task.steps == STEPS[task.difficulty]
        assert set(task.issues) <= set(antipatterns())
        assert task.family in FAMILIES and len(task.hidden) == 2
        assert workload_instance(task.database) is not None and all(workload_instance(label) for label in task.hidden)
        for text in (task.sql, reference.sql):
            parse_query(text, task.dialect)
        assert replace(task, sql=reference.sql) != task


def test_the_list_of_tasks_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert tasking.show_tasks("test", "published", as_json=False) == 0
    assert "task_5_window_functions" in capsys.readouterr().out
    assert tasking.show_tasks(None, "repaired", as_json=True) == 0
    assert '"certified_speedup"' in capsys.readouterr().out


SMALL = sorted(
    name
    for name in {name for places in SOURCES.values() for visible, hidden in places for name in (visible, *hidden)}
    | {name for task in tasks() for name in (task.database, *task.hidden)}
    if name.startswith("tpc") and float(name.partition("sf=")[2].partition(",")[0]) < 0.05
)
"""The databases of the benchmarks that are quickly generated."""


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("QUERYWRIGHT_CACHE", str(tmp_path))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.usefixtures("empty_cache")
@pytest.mark.parametrize("name", SMALL)
def test_the_benchmarks_generators_make_what_tasks_name(name: str) -> None:
    assert open_database(name).schema.tables  # at some scale factors, a generator repeats its own keys
