"""Orders follow what yielded examples, and are the same whenever the same was learned."""

from __future__ import annotations

from collections import Counter

from factory_examples import example

from querywright.factory.quotas import FREE, Quotas
from querywright.factory.steering import Steering
from querywright.factory.values import Order, Plan, Product, Try
from querywright.transforms.driver import transforms

PLAN = Plan()


def product(habit: str, shape: str, kept: bool, tier: int = 3) -> Product:
    order = Order("duckdb", 0, "ecommerce", tier)
    made = (example(tier=tier, features=("window",)),) if kept else ()
    return Product(order, (Try("kept" if kept else "no gain", (habit,), ("window",), made),), shape)


def learned(*tries: tuple[str, str, bool], times: int = 30, tier: int = 3) -> Steering:
    steering = Steering()
    for _ in range(times):
        for habit, shape, kept in tries:
            steering.note(product(habit, shape, kept, tier))
    return steering


def orders(steering: Steering, quotas: Quotas | None = None, count: int = 300) -> list[Order]:
    return [steering.order(PLAN, "duckdb", number, ["ecommerce", "hr"], quotas or Quotas()) for number in range(count)]


def test_shapes_that_work_are_ordered_more_often() -> None:
    steering = learned(("correlated_subquery", "running_totals", True), ("or_chain", "page_of_rows", False))
    drawn = Counter(order.shape for order in orders(steering))
    assert drawn["running_totals"] > 10 * drawn["page_of_rows"]
    assert len(drawn) > 10  # some orders try anything


def test_habits_that_never_work_in_a_shape_are_left_to_exploring_orders() -> None:
    steering = learned(("correlated_subquery", "running_totals", True), ("or_chain", "running_totals", False))
    weights = [dict(order.weights) for order in orders(steering) if order.shape == "running_totals"]
    assert Counter(found["or_chain"] > 0 for found in weights)[False] > 0.8 * len(weights)
    assert all(found["correlated_subquery"] > 0 for found in weights)


def test_a_habit_may_work_in_one_shape_and_not_in_another() -> None:
    steering = learned(("late_filter", "running_totals", True), ("late_filter", "page_of_rows", False))
    assert steering._rate("running_totals", "late_filter") > 3 * steering._rate("page_of_rows", "late_filter")


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


def test_slower_queries_are_asked_for_where_high_speedups_are_short() -> None:
    low, high = Quotas(), Quotas()
    for number in range(40):
        low.add(example(number, speedup=3.0))
        high.add(example(number, speedup=50.0))
    patient = [sum(order.patient for order in orders(Steering(), quotas)) for quotas in (low, high)]
    assert patient[0] > 2 * patient[1] > 0


def test_an_engine_without_high_speedups_is_not_asked_for_slower_queries() -> None:
    order, patient = Order("duckdb", 0, "ecommerce", 3), list[int]()
    for speedup in (3.0, 50.0):
        steering, quotas = Steering(), Quotas()
        for number in range(40):
            quotas.add(example(number, speedup=3.0))
            made = (example(number, speedup=speedup),)
            steering.note(Product(order, (Try("kept", ("late_filter",), (), made),), "varying_groups"))
        patient.append(sum(asked.patient for asked in orders(steering, quotas)))
    assert 4 * patient[0] < patient[1]


def test_transforms_that_few_examples_apply_are_sought_more_often() -> None:
    steering = Steering("sqlite")
    steering.shown.update({name: 50 for name in transforms("sqlite") if name != "key_join_to_in"})
    sought = Counter(name for order in orders(steering) for name in order.sought)
    assert sought["key_join_to_in"] > 3 * sought["inline_cte"] > 0
    assert set(sought) <= set(transforms("sqlite"))


def test_what_the_quotas_closed_goes_with_the_order() -> None:
    quotas = Quotas()
    for number in range(FREE + 1):
        quotas.add(example(number))
    assert "decorrelate" in orders(Steering(), quotas, 1)[0].closed


def test_habits_whose_cures_few_examples_show_go_in_beside_others_first() -> None:
    steering = Steering()
    for _ in range(30):
        steering.shown["or_list_to_in"] += 1
    places = [order.beside.index("or_chain") for order in orders(steering, count=100)]
    rare = [order.beside.index("repeated_condition_in_or") for order in orders(steering, count=100)]
    assert sum(rare) < 0.6 * sum(places)


def test_what_never_went_into_a_shape_is_not_tried_beside_others_for_long() -> None:
    steering = learned(("late_filter", "varying_groups", True))
    found = [order.beside for order in orders(steering) if order.shape == "varying_groups"]
    assert sum(beside == ("late_filter",) for beside in found) > 0.8 * len(found)


def test_what_a_quota_refused_keeps_more_of_its_rank_than_what_failed() -> None:
    refused, failed = Steering(), Steering()
    order = Order("duckdb", 0, "ecommerce", 3)
    for _ in range(20):
        refused.note(Product(order, (Try("quota", ("late_filter",)),), "varying_groups"))
        failed.note(Product(order, (Try("no gain", ("late_filter",)),), "varying_groups"))
    assert refused._rate("varying_groups", "late_filter") > 2 * failed._rate("varying_groups", "late_filter")


def test_no_habit_is_given_up_for_good_where_none_works() -> None:
    steering = learned(("late_filter", "varying_groups", False), ("or_chain", "varying_groups", False), times=100)
    found = [dict(order.weights) for order in orders(steering) if order.shape == "varying_groups"]
    assert found and all(any(weights.values()) for weights in found)


def test_a_shape_that_a_schema_has_no_tables_for_is_not_ordered_of_it_again() -> None:
    steering = Steering()
    order = Order("duckdb", 0, "ecommerce", 3, shape="running_totals")
    steering.note(Product(order, (Try("no gain", ("late_filter",)),), "filtered_rows"))
    found = {(order.schema, order.shape) for order in orders(steering, count=600)}
    assert ("ecommerce", "running_totals") not in found and ("hr", "running_totals") in found


def test_what_earlier_runs_measured_is_expected_until_it_was_tried() -> None:
    assert Steering("duckdb")._rate("figures_side_by_side", "scan_per_value") > 0.4
    assert Steering("duckdb")._rate("figures_side_by_side", "case_as_condition") < 0.15
    assert Steering("sqlite")._rate("either_of_two", "expression_on_join_key") > 0.5
