"""``qw profile`` measures transforms by their slow queries and keeps the figures."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from command_line import Command

from querywright.analyze.figures import engine_version, known_figures, read_figures
from querywright.databases.opening import open_database
from querywright.profiling import SlowQuery, slow_queries
from querywright.settings import settings
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import apply_everywhere, transforms

opened = cache(open_database)
SMALLEST = {"tpch": "0.01", "tpcds": "0.03"}
"""Scales; on a smaller TPC-DS the table of dates, which never shrinks, is larger than those of sales."""
SLOW_QUERIES = [query for name in transforms() for query in slow_queries(name)]


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_figures_are_printed_and_kept(engine: str, qw: Command, desk: Path) -> None:
    answer = qw(
        "profile", "--engine", engine, "--scale", 0.01, "--only", "eliminate_left_join", "--out", "figures.json", "--json"
    )
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    (row,) = document["figures"]
    assert (row["engine"], row["version"], row["transform"]) == (engine, engine_version(engine), "eliminate_left_join")
    assert 0 <= row["low"] <= row["ratio"] <= row["high"]
    (kept,) = read_figures(desk / "figures.json")
    assert kept.ratio == row["ratio"]


def test_without_a_file_the_users_own_figures_are_written(qw: Command, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERYWRIGHT_FIGURES", str(desk / "own.json"))
    settings.cache_clear()
    answer = qw("profile", "--scale", 0.01, "--only", "left_join_to_inner")
    known_figures.cache_clear()
    assert answer.code == 0, answer.err
    assert "left_join_to_inner" in answer.out
    assert f"duckdb {engine_version('duckdb')}" in answer.out
    assert [figure.transform for figure in read_figures(desk / "own.json")] == ["left_join_to_inner"]


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--engine", "postgres"), "--engine duckdb | sqlite"), (("--only", "no_such"), "no transform no_such")],
)
def test_what_cannot_be_profiled_is_bad_input(words: tuple[str, ...], said: str, qw: Command) -> None:
    answer = qw("profile", *words)
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.parametrize("query", SLOW_QUERIES, ids=lambda query: f"{query.transform}: {query.title}")
@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_each_slow_query_is_rewritten_by_its_transform(engine: str, query: SlowQuery) -> None:
    if engine not in (query.engines or transforms()[query.transform].ENGINES):
        pytest.skip(f"not for {engine}")
    scale = SMALLEST[query.workload]
    database = opened(f"{query.workload}:sf={scale},engine={engine}")
    tree = qualify_text(query.sql, database.schema, engine)
    assert apply_everywhere(tree, database.schema, engine, query.transform) is not None


def test_no_file_of_slow_queries_is_left_over() -> None:
    folder = Path(__file__).parents[2] / "src" / "querywright" / "transforms" / "slow_queries"
    assert {path.stem for path in folder.glob("*")} <= set(transforms())
