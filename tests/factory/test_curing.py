"""What leaving a habit is called, and that the transforms named beside a solution lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from command_line import private_machine

from querywright.antipatterns.driver import antipatterns, habits
from querywright.factory.curing import pattern_for, pattern_left, usual_pattern
from querywright.factory.proposing import cured, transforms_of
from querywright.factory.stock import Stock
from querywright.factory.values import Order
from querywright.generation.inject import NEVER, Injected
from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import transforms


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, tmp_path_factory.mktemp("work"))
        made = Stock("sqlite", 0)
        yield made
        made.close()


def order(number: int, shape: str) -> Order:
    names = tuple(sorted(set(antipatterns()) - NEVER))
    dice = Random(number)
    return Order("sqlite", number, "hr", 0, shape, tuple((name, 1.0) for name in names), tuple(dice.sample(names, len(names))))


def test_patterns_are_families_of_cures_and_habits_without_one() -> None:
    assert usual_pattern(("correlated_subquery",)) == "decorrelate"
    assert usual_pattern(("expression_on_join_key",)) == "expression_on_join_key"
    assert usual_pattern(("expression_on_join_key", "unused_join")) == "expression_on_join_key|remove_redundant"
    assert usual_pattern(()) == "semantic_rewrite"


SCHEMA = schema_of(
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, amount REAL NOT NULL, note TEXT NOT NULL);",
    "sqlite",
)


@pytest.mark.parametrize(
    ("sql", "habit", "pattern"),
    [
        (
            "SELECT (SELECT o.amount FROM orders AS o WHERE o.user_id = u.id ORDER BY o.amount DESC LIMIT 1) FROM users AS u",
            "extreme_by_sorting",
            "semantic_rewrite",
        ),
        (
            "SELECT (SELECT o.note FROM orders AS o WHERE o.user_id = u.id ORDER BY o.note DESC LIMIT 1) FROM users AS u",
            "extreme_by_sorting",
            "decorrelate",
        ),
        ("SELECT u.id FROM users AS u", "unused_join", "remove_redundant"),
        ("SELECT u.id FROM users AS u", "leading_wildcard", "leading_wildcard"),
    ],
)
def test_the_pattern_is_that_of_the_cure_that_applies(sql: str, habit: str, pattern: str) -> None:
    assert pattern_for((habit,), Facts(qualify_text(sql, SCHEMA, "sqlite"), SCHEMA, "sqlite")) == pattern


@pytest.mark.parametrize(
    ("fast", "pattern"),
    [
        ("SELECT o.id, u.name FROM orders AS o LEFT JOIN users AS u ON u.id = o.user_id", "decorrelate|remove_redundant"),
        ("SELECT DISTINCT o.id, u.name FROM orders AS o LEFT JOIN users AS u ON u.id = o.user_id", "decorrelate"),
        ("SELECT DISTINCT o.id, (SELECT u.name FROM users AS u WHERE u.id = o.user_id) FROM orders AS o", "semantic_rewrite"),
    ],
)
def test_what_nobody_named_is_called_by_the_habits_that_it_left(fast: str, pattern: str) -> None:
    sql = "SELECT DISTINCT o.id, (SELECT u.name FROM users AS u WHERE u.id = o.user_id) AS name FROM orders AS o"
    written, tree = parse_query(sql, "sqlite"), qualify_text(sql, SCHEMA, "sqlite")
    slow = Injected(sql, tree, fingerprint(tree, "sqlite"), (), tuple(habits(tree, written, SCHEMA, "sqlite")))
    assert pattern_left(slow, fast, SCHEMA, "sqlite") == pattern


def test_slow_queries_of_an_order_differ_and_share_a_clean_one(stock: Stock) -> None:
    drafts = list(stock.drafter("hr").drafts(order(3, "parents_with_figures")))
    assert 2 <= len({draft.slow.fingerprint for draft in drafts}) == len(drafts) <= 4
    assert len({draft.clean.fingerprint for draft in drafts}) == 1
    assert len({draft.slow.injected[0] for draft in drafts}) == len(drafts)
    again = list(stock.drafter("hr").drafts(order(3, "parents_with_figures")))
    assert [draft.slow.sql for draft in again] == [draft.slow.sql for draft in drafts]


def test_what_is_closed_is_not_drafted(stock: Stock) -> None:
    drafter, asked = stock.drafter("hr"), order(3, "parents_with_figures")
    closed = frozenset({draft.pattern for draft in drafter.drafts(asked)})
    assert not closed & {draft.pattern for draft in drafter.drafts(replace(asked, closed=closed))}


def test_cures_are_named_and_some_lead_back_to_the_clean_query(stock: Stock) -> None:
    drafter, back, named = stock.drafter("hr"), 0, set[str]()
    for number, shape in enumerate(("parents_with_figures", "running_totals", "above_average", "filtered_rows")):
        for draft in drafter.drafts(order(number, shape)):
            for found in cured(draft, drafter.schema, "sqlite"):
                named.update(transforms_of(found))
                back += found.fingerprint == draft.clean.fingerprint
                assert found.fingerprint != draft.slow.fingerprint
    assert back > 0 and len(named) >= 3 and named <= set(transforms("sqlite"))


def test_what_is_sought_is_applied_beyond_the_cures(stock: Stock) -> None:
    drafter, beyond = stock.drafter("hr"), 0
    for number in range(6):
        for draft in drafter.drafts(order(number, "running_totals_with_lookups")):
            usual = list(cured(draft, drafter.schema, "sqlite"))
            found = list(cured(draft, drafter.schema, "sqlite", ("inline_cte", "order_joins_by_size")))
            assert [one.steps for one in found[: len(usual)]] == [one.steps for one in usual]
            assert len(found) - len(usual) in (0, 1)
            beyond += len(found) > len(usual)
            assert all(found[-1].steps[: len(one.steps)] == one.steps for one in usual)
    assert beyond > 0


def test_companions_have_one_habit_more_each(stock: Stock) -> None:
    drafter, asked, found = stock.drafter("hr"), order(3, "parents_with_figures"), 0
    for draft in drafter.drafts(asked):
        before = draft.slow.injected
        for companion in drafter.companions(asked, draft, ()):
            assert companion.slow.injected[:-1] == before
            assert companion.clean is draft.clean and companion.split == draft.split
            before, found = companion.slow.injected, found + 1
    assert found > 0
