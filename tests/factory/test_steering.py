"""Orders follow what yielded examples, and are the same whenever the same was learned."""

from __future__ import annotations

from collections import Counter

from factory_examples import example

from querywright.factory.quotas import FREE, Quotas
from querywright.factory.steering import Steering
from querywright.factory.values import Order, Plan, Product

PLAN = Plan()


def product(habit: str, shape: str, kept: bool, tier: int = 3) -> Product:
    order = Order("duckdb", 0, "ecommerce", tier)
    made = (example(tier=tier, features=("window",)),) if kept else ()
    return Product(order, "kept" if kept else "no gain", shape, (habit,), ("window",), made)


def learned(*tries: tuple[str, str, bool], times: int = 30, tier: int = 3) -> Steering:
    steering = Steering()
    for _ in range(times):
        for habit, shape, kept in tries:
            steering.note(product(habit, shape, kept, tier), kept)
    return steering


def orders(steering: Steering, quotas: Quotas | None = None, count: int = 300) -> list[Order]:
    return [steering.order(PLAN, "duckdb", number, ["ecommerce", "hr"], quotas or Quotas()) for number in range(count)]


def test_shapes_that_work_are_ordered_more_often() -> None:
    steering = learned(("correlated_subquery", "running_totals", True), ("or_chain", "page_of_rows", False))
    drawn = Counter(order.shape for order in orders(steering))
    assert drawn["running_totals"] > 10 * drawn["page_of_rows"]
    assert drawn["page_of_rows"] > 0  # some orders try anything


def test_habits_that_never_work_in_a_shape_are_left_to_exploring_orders() -> None:
    steering = learned(("correlated_subquery", "running_totals", True), ("or_chain", "running_totals", False))
    weights = [dict(order.weights) for order in orders(steering) if order.shape == "running_totals"]
    assert Counter(found["or_chain"] > 0 for found in weights)[False] > 0.8 * len(weights)
    assert all(found["correlated_subquery"] > 0 for found in weights)


def test_a_habit_may_work_in_one_shape_and_not_in_another() -> None:
    steering = learned(("late_filter", "running_totals", True), ("late_filter", "page_of_rows", False))
    found = {shape: dict(steering._weights(shape, False))["late_filter"] for shape in ("running_totals", "page_of_rows")}
    assert found["running_totals"] > 3 * found["page_of_rows"]


def test_severe_habits_are_expected_to_yield_more_before_anything_was_tried() -> None:
    weights = dict(Steering()._weights("running_totals", False))
    assert weights["correlated_subquery"] > weights["order_by_in_subquery"]


def test_no_order_puts_in_what_leaves_the_answer_to_chance() -> None:
    assert all(dict(order.weights)["random_order"] == 0 for order in orders(Steering()))


def test_orders_follow_from_what_was_learned() -> None:
    tries = (("late_filter", "varying_groups", True), ("or_chain", "page_of_rows", False))
    assert orders(learned(*tries), count=20) == orders(learned(*tries), count=20)


def test_sizes_that_worked_are_started_with() -> None:
    steering = learned(("late_filter", "varying_groups", True), times=60, tier=4)
    tiers = Counter(order.tier for order in orders(steering))
    assert tiers[4] > 0.6 * tiers.total()


def test_shapes_that_bring_what_is_lacking_are_preferred() -> None:
    steering = learned(("late_filter", "varying_groups", True))
    enough = Quotas()
    for number in range(10):
        enough.add(example(number, features=("3+-table join", "window", "CTE")))
    drawn = [Counter(order.shape for order in orders(steering, quotas))["varying_groups"] for quotas in (Quotas(), enough)]
    assert drawn[0] > drawn[1]


def test_what_the_quotas_closed_goes_with_the_order() -> None:
    quotas = Quotas()
    for number in range(FREE + 1):
        quotas.add(example(number))
    assert "decorrelate" in orders(Steering(), quotas, 1)[0].closed
