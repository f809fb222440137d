"""What the card and ``stats`` say of a data set is what is in it."""

from __future__ import annotations

import json

import pytest
from factory_examples import example, indexed

from querywright.factory.card import card
from querywright.factory.exporting import Exported
from querywright.factory.metrics import Metrics
from querywright.factory.statistics import Statistics
from querywright.factory.values import Order, Plan, Product, Try

EXAMPLES = (
    example(0, stage=1),
    example(1, "sqlite", slow="SELECT u.*, COUNT(*) OVER () AS n FROM users AS u"),
    indexed(2),
    example(3, slow="SELECT DISTINCT 2 * o.id, COUNT(*) FROM orders AS o JOIN users AS u ON u.id = o.user_id GROUP BY o.id"),
    example(4, origin="example0", fingerprint="slow0"),
)


def test_shares_are_of_all_examples() -> None:
    found = Statistics.of(EXAMPLES).summary()
    assert (found["examples"], found["variants"]) == (5, 1)
    assert (found["unique_slow_queries"], found["unique_fast_queries"]) == (0.8, 1.0)
    assert found["mean_reward"] == pytest.approx(0.5)
    assert found["by"]["stage"] == {"2": 3, "1": 1, "2, variants": 1}
    where = sum("WHERE" in one.slow for one in EXAMPLES)
    assert found["by"]["clause"] == {"WHERE": where, "CREATE INDEX": 1, "DISTINCT": 1, "GROUP BY": 1, "JOIN": 1, "SELECT *": 1}
    json.dumps(found, allow_nan=False)


def test_nothing_has_no_shares() -> None:
    assert Statistics().summary()["mean_reward"] == 0
    assert "| Examples | 0 |" in Statistics().tables()


def test_the_card_says_what_making_it_took() -> None:
    run = {"seconds": 7200.0, "slow_queries_tried": 40, "fates": {"kept": 4, "quota": 36}, "model_calls": 9, "cost_usd": 0.02}
    text = card(Exported({"training_data.jsonl": 5}, Statistics.of(EXAMPLES)), [Plan()], [run], [])
    for row in (
        "| Time | 120.0 minutes |",
        "| Slow queries tried | 40, of which 10.0% became examples |",
        "| Model calls | 9 for $0.02, $0.00500 an example before variants |",
        "| CREATE INDEX | 1 | 20.0% |",
        "| SELECT * | 1 | 20.0% |",
        "| 2, variants | 1 | 20.0% |",
    ):
        assert row in text


def test_the_seconds_of_a_run_are_those_that_passed_however_many_worked() -> None:
    metrics = Metrics()
    for number, elapsed in enumerate((3.0, 1.0, 4.0)):  # two lines of work: each order took longer than what passed meanwhile
        tries = (Try("kept", examples=(example(number),)),)
        metrics.add(Product(Order("duckdb", number, "ecommerce", 1), tries, "shape", seconds=5.0, elapsed=elapsed))
    summary = metrics.summary(0)
    assert summary["seconds"] == 8.0 and summary["examples_an_hour"] == pytest.approx(3 * 450)
