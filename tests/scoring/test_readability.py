"""Readability prefers what people prefer, and does not see layout."""

from __future__ import annotations

from itertools import pairwise

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from querywright.scoring.readability import WEIGHTS, readability

PLAIN = "SELECT o.id, u.name FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE o.amount > 10 ORDER BY o.id"
WORSE = {
    "star": "SELECT * FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE o.amount > 10 ORDER BY o.id",
    "comma join": "SELECT o.id, u.name FROM orders AS o, users AS u WHERE u.id = o.user_id AND o.amount > 10 ORDER BY o.id",
    "position": "SELECT o.id, u.name FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE o.amount > 10 ORDER BY 1",
    "derived table": "SELECT t.id, t.name FROM (SELECT o.id, u.name FROM orders AS o JOIN users AS u ON u.id = o.user_id "
    "WHERE o.amount > 10) AS t ORDER BY t.id",
    "lookup": "SELECT o.id, (SELECT u.name FROM users AS u WHERE u.id = o.user_id) AS name FROM orders AS o "
    "WHERE o.amount > 10 ORDER BY o.id",
    "repetition": f"SELECT * FROM ({PLAIN}) AS a UNION ALL SELECT * FROM ({PLAIN}) AS b",
}

conditions = st.lists(st.integers(0, 9), min_size=0, max_size=40)


def score(sql: str) -> float:
    return readability(sqlglot.parse_one(sql, read="duckdb")).score


@pytest.mark.parametrize("what", WORSE)
def test_habits_that_people_stumble_over_read_worse(what: str) -> None:
    assert score(WORSE[what]) < score(PLAIN)


def test_layout_and_comments_do_not_count() -> None:
    spread = sqlglot.parse_one(PLAIN, read="duckdb").sql("duckdb", pretty=True)
    assert score(f"-- what\n{spread} /* for */") == score(PLAIN)


def test_named_queries_read_better_than_nested_ones() -> None:
    nested = "SELECT t.a FROM (SELECT s.a FROM (SELECT r.a FROM r WHERE r.a > 1) AS s WHERE s.a < 9) AS t"
    named = "WITH s AS (SELECT r.a FROM r WHERE r.a > 1), t AS (SELECT s.a FROM s WHERE s.a < 9) SELECT t.a FROM t"
    assert score(named) > score(nested)


@given(conditions)
def test_scores_lie_between_none_and_all(values: list[int]) -> None:
    where = " AND ".join(f"(t.a = {value} OR t.b IN (SELECT b FROM u WHERE u.c = t.c))" for value in values) or "TRUE"
    found = readability(sqlglot.parse_one(f"SELECT t.a FROM t WHERE {where}"))
    assert all(0.0 <= float(getattr(found, part)) <= 1.0 for part in WEIGHTS)
    assert 0.0 <= found.score <= 1.0


@given(st.integers(1, 8))
def test_each_further_level_reads_worse(levels: int) -> None:
    text, scores = "SELECT t.a FROM t", list[float]()
    for level in range(levels + 1):
        text = f"SELECT q{level}.a FROM ({text}) AS q{level}"
        scores.append(score(text))
    assert all(deeper < shallower for shallower, deeper in pairwise(scores))


def test_the_weights_are_shares() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def test_the_tree_stays_as_it_is() -> None:
    tree = sqlglot.parse_one(PLAIN)
    before = tree.copy()
    readability(tree)
    assert isinstance(tree, exp.Select) and tree == before
