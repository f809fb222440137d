"""What leaving a habit is called, and that the transforms named beside a solution lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from command_line import private_machine

from querywright.antipatterns.driver import antipatterns
from querywright.factory.curing import expected_pattern
from querywright.factory.proposing import cured, transforms_of
from querywright.factory.stock import Stock
from querywright.factory.values import Order
from querywright.generation.inject import NEVER
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
    assert expected_pattern(("correlated_subquery",)) == "decorrelate"
    assert expected_pattern(("expression_on_join_key",)) == "expression_on_join_key"
    assert expected_pattern(("expression_on_join_key", "unused_join")) == "expression_on_join_key|remove_redundant"
    assert expected_pattern(()) == "semantic_rewrite"


def test_slow_queries_of_an_order_differ_and_share_a_clean_one(stock: Stock) -> None:
    drafts = list(stock.drafter("hr").drafts(order(3, "parents_with_figures")))
    assert 2 <= len({draft.slow.fingerprint for draft in drafts}) == len(drafts) <= 4
    assert len({draft.clean.fingerprint for draft in drafts}) == 1
    assert len({draft.slow.injected[0] for draft in drafts}) == len(drafts)
    again = list(stock.drafter("hr").drafts(order(3, "parents_with_figures")))
    assert [draft.slow.sql for draft in again] == [draft.slow.sql for draft in drafts]


def test_what_is_closed_is_not_drafted(stock: Stock) -> None:
    drafter, asked = stock.drafter("hr"), order(3, "parents_with_figures")
    closed = frozenset({expected_pattern(draft.slow.injected) for draft in drafter.drafts(asked)})
    assert not closed & {expected_pattern(draft.slow.injected) for draft in drafter.drafts(replace(asked, closed=closed))}


def test_cures_are_named_and_some_lead_back_to_the_clean_query(stock: Stock) -> None:
    drafter, back, named = stock.drafter("hr"), 0, set[str]()
    for number, shape in enumerate(("parents_with_figures", "running_totals", "above_average", "filtered_rows")):
        for draft in drafter.drafts(order(number, shape)):
            found = cured(draft, drafter.schema, "sqlite")
            if found is not None:
                named.update(transforms_of(found))
                back += found.fingerprint == draft.clean.fingerprint
                assert found.fingerprint != draft.slow.fingerprint
    assert back > 0 and len(named) >= 3 and named <= set(transforms("sqlite"))
