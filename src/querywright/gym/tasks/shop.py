"""The five tasks of the published SQL optimization environment, twice: as published, and repaired.

As published, the queries leave little or nothing to gain on a current engine, two have no unique answer, and some of the
rewrites that their descriptions promised change the result. The repaired ones keep the habits, have one answer each, and come
with a rewrite that was verified and measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from querywright.gym.values import Difficulty, Reference, Task

_DATABASE = "shop:compression=off"  # the published environment's tables lie in memory
_HIDDEN = ("shop:variant=varied,seed=7,compression=off", "shop:variant=varied,scale=0.02,seed=11")


@dataclass(frozen=True, slots=True)
class _Published:
    """What both editions of a task share, and what is said of the published one."""

    name: str
    title: str
    difficulty: Difficulty
    steps: int
    description: str
    issues: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Repair:
    """A repaired task: ``speedup`` is the certified one of ``rewrite``."""

    description: str
    sql: str
    issues: tuple[str, ...]
    rewrite: str
    speedup: float
    note: str


_PUBLISHED = (
    _Published(
        "basic_antipatterns",
        "Basic Anti-pattern Detection",
        "easy",
        3,
        "All orders of customer 5000 in 2024. The query reads every column, converts the customer's number to text for each row, "
        "and hides the date in a function. Rewrite it so that the conditions compare the columns themselves.",
        ("select_star", "non_sargable_cast", "function_on_date_column"),
        "The published example drops columns of the answer; an equal rewrite keeps all six.",
    ),
    _Published(
        "correlated_subqueries",
        "N+1 Correlated Subquery Elimination",
        "medium",
        4,
        "Each premium user's region, number of completed orders, spending since 2024 and latest order. Three subqueries go "
        "through all orders for each user. Rewrite them as one aggregation that is joined.",
        ("correlated_subquery_count", "correlated_subquery_sum", "correlated_subquery_limit", "missing_aggregation_join"),
        "The latest order is unique in this data only; on other data two orders of a day may tie.",
    ),
    _Published(
        "wildcard_scan",
        "Wildcard LIKE & Projection",
        "medium-hard",
        4,
        "Events that are purchases or belong to a session, with a key and a label. The patterns begin with a wildcard, every "
        "column is read, and values are computed for all rows.",
        ("leading_wildcard_like", "or_expands_to_full_scan", "select_star_large_table", "pre_filter_computed_columns"),
        "The third pattern accepts every row of this data. The promised comparison with 'purchase' alone changes the answer, and "
        "next to nothing can be gained.",
    ),
    _Published(
        "implicit_join",
        "Implicit Cross Join & Scalar Subqueries",
        "hard",
        5,
        "Orders and revenue by region and plan, beside the average and the largest order of all. Tables are joined by a comma, "
        "and the totals come from subqueries of their own.",
        ("implicit_cross_join", "repeated_scalar_subquery_avg", "repeated_scalar_subquery_max", "missing_explicit_join"),
        "Engines run the subqueries once and see through the comma, so that next to nothing can be gained.",
    ),
    _Published(
        "window_functions",
        "Window Function Full-Scan Audit",
        "expert",
        5,
        "Five window functions over all events: counts by user and by type, the position of each event, its global rank, the "
        "user's purchases.",
        (
            "no_pre_filter",
            "global_rank_no_partition",
            "redundant_window_functions",
            "count_vs_conditional_sum",
            "select_all_unfiltered",
        ),
        "ROW_NUMBER numbers events of a day in any order: the query's answers differ from each other. The promised filter and "
        "the removal of the rank change the result.",
    ),
)

_REPAIRS = {
    "basic_antipatterns": _Repair(
        "Number, customer, status and total of the orders that customer 5000 placed in 2024.",
        """SELECT recent.id, recent.customer_id, recent.status, recent.total
FROM (
    SELECT *
    FROM orders
    WHERE CAST(customer_id AS VARCHAR) = '5000'
      AND year(created_at) = 2024
) AS recent""",
        ("cast_on_filtered_column", "function_on_filtered_column", "needless_derived_table", "select_star"),
        """SELECT id, customer_id, status, total
FROM orders
WHERE customer_id = 5000
  AND created_at >= TIMESTAMP '2024-01-01'
  AND created_at < TIMESTAMP '2025-01-01'""",
        4.85,
        "Repaired: the query names the columns that are needed, so that reading fewer of them keeps the answer.",
    ),
    "correlated_subqueries": _Repair(
        "Each premium user's region, completed and cancelled orders, spending since 2024, latest and largest order.",
        """SELECT u.email,
       u.region,
       (SELECT COUNT(*) FROM orders o
        WHERE o.customer_id = u.id AND o.status = 'completed') AS completed_orders,
       (SELECT SUM(o.total) FROM orders o
        WHERE o.customer_id = u.id AND o.created_at >= '2024-01-01') AS recent_total,
       (SELECT o.total FROM orders o
        WHERE o.customer_id = u.id ORDER BY o.created_at DESC, o.id DESC LIMIT 1) AS latest_total,
       (SELECT MAX(o.total) FROM orders o
        WHERE o.customer_id = u.id) AS largest_total,
       (SELECT COUNT(*) FROM orders o
        WHERE o.customer_id = u.id AND o.status = 'cancelled') AS cancelled_orders
FROM users u
WHERE u.tier = 'premium'""",
        ("correlated_subquery", "latest_row_by_sorting", "n_plus_one_lookups"),
        """WITH per_customer AS (
    SELECT o.customer_id,
           COUNT(*) FILTER (WHERE o.status = 'completed') AS completed_orders,
           SUM(o.total) FILTER (WHERE o.created_at >= '2024-01-01') AS recent_total,
           first(o.total ORDER BY o.created_at DESC, o.id DESC) AS latest_total,
           MAX(o.total) AS largest_total,
           COUNT(*) FILTER (WHERE o.status = 'cancelled') AS cancelled_orders
    FROM orders o
    WHERE o.customer_id IN (SELECT id FROM users WHERE tier = 'premium')
    GROUP BY o.customer_id
)
SELECT u.email,
       u.region,
       COALESCE(p.completed_orders, 0) AS completed_orders,
       p.recent_total,
       p.latest_total,
       p.largest_total,
       COALESCE(p.cancelled_orders, 0) AS cancelled_orders
FROM users u
LEFT JOIN per_customer p ON p.customer_id = u.id
WHERE u.tier = 'premium'""",
        2.14,
        "Repaired: of several latest orders the one with the largest id counts, so that there is one answer, and two more "
        "figures are looked up, so that there is something to gain.",
    ),
    "wildcard_scan": _Repair(
        "How many purchase events there are, and how many different keys they have, by label.",
        """SELECT e.event_label, COUNT(*) AS events, COUNT(DISTINCT e.event_key) AS event_keys
FROM (SELECT *, id || '_' || event_type AS event_key, upper(event_type) AS event_label FROM events) AS e
WHERE e.event_type LIKE '%purchase%'
  AND (e.event_type LIKE '%purchase%' OR e.event_type LIKE '%buy%' OR e.session_id LIKE 'sess_%')
GROUP BY e.event_label""",
        ("leading_wildcard", "select_star"),
        """SELECT upper(event_type) AS event_label, COUNT(*) AS events, COUNT(*) AS event_keys
FROM events
WHERE event_type LIKE '%purchase%'
GROUP BY upper(event_type)""",
        2.19,
        "Repaired: the alternatives follow from the first pattern, and keys that begin with a unique id need no DISTINCT. The "
        "pattern itself stays, since a comparison with 'purchase' is another question.",
    ),
    "implicit_join": _Repair(
        "Orders, those of them shipped, and revenue by region and plan, beside the average order, the largest completed one, "
        "and the number of all orders.",
        """SELECT u.region,
       u.plan,
       COUNT(DISTINCT o.id) AS order_count,
       COUNT(DISTINCT CASE WHEN o.status = 'shipped' THEN o.id END) AS shipped_orders,
       SUM(o.total) AS revenue,
       (SELECT AVG(total) FROM orders) AS average_total,
       (SELECT MAX(total) FROM orders WHERE status = 'completed') AS largest_completed,
       (SELECT COUNT(DISTINCT id) FROM orders) AS all_orders
FROM users u, orders o
WHERE u.id = o.customer_id
  AND o.status IN ('completed', 'shipped')
GROUP BY u.region, u.plan""",
        ("implicit_cross_join", "redundant_distinct_aggregate", "scan_per_value"),
        """WITH overall AS (
    SELECT AVG(total) AS average_total,
           MAX(total) FILTER (WHERE status = 'completed') AS largest_completed,
           COUNT(*) AS all_orders
    FROM orders
)
SELECT u.region,
       u.plan,
       COUNT(*) AS order_count,
       COUNT(CASE WHEN o.status = 'shipped' THEN 1 END) AS shipped_orders,
       SUM(o.total) AS revenue,
       (SELECT average_total FROM overall) AS average_total,
       (SELECT largest_completed FROM overall) AS largest_completed,
       (SELECT all_orders FROM overall) AS all_orders
FROM orders o
JOIN users u ON u.id = o.customer_id
WHERE o.status IN ('completed', 'shipped')
GROUP BY u.region, u.plan""",
        2.75,
        "Repaired: orders are counted by their unique id, which needs no DISTINCT, and the three totals need one scan.",
    ),
    "window_functions": _Repair(
        "The latest event of each type of the first 4,000 users, with the numbers of the user's events, of those of the type "
        "and of purchases.",
        """SELECT w.user_id, w.event_type, w.occurred_at, w.user_events, w.user_type_events, w.user_purchases
FROM (
    SELECT *,
           COUNT(*) OVER (PARTITION BY user_id) AS user_events,
           COUNT(*) OVER (PARTITION BY user_id, event_type) AS user_type_events,
           ROW_NUMBER() OVER (PARTITION BY user_id, event_type ORDER BY occurred_at DESC, id DESC) AS user_position,
           RANK() OVER (ORDER BY occurred_at DESC) AS global_rank,
           SUM(CASE WHEN event_type = 'purchase' THEN 1 ELSE 0 END) OVER (PARTITION BY user_id) AS user_purchases
    FROM events
    WHERE user_id <= 4000
) AS w
WHERE w.user_position = 1""",
        ("select_star",),
        """SELECT user_id,
       event_type,
       MAX(occurred_at) AS occurred_at,
       CAST(SUM(COUNT(*)) OVER (PARTITION BY user_id) AS BIGINT) AS user_events,
       COUNT(*) AS user_type_events,
       SUM(SUM(CASE WHEN event_type = 'purchase' THEN 1 ELSE 0 END)) OVER (PARTITION BY user_id) AS user_purchases
FROM events
WHERE user_id <= 4000
GROUP BY user_id, event_type""",
        3.43,
        "Repaired: the id breaks ties of ROW_NUMBER, the query keeps one row of each user and type, and the global rank is "
        "computed but not asked for.",
    ),
}


@cache
def load() -> Sequence[Task]:
    """The five as published, then the five repaired."""
    from querywright.workloads import shop

    texts = shop.queries("duckdb")
    published = [
        Task(
            id=f"task_{number}_{one.name}",
            title=one.title,
            family="published",
            split="test",
            difficulty=one.difficulty,
            description=one.description,
            sql=texts[one.name],
            dialect="duckdb",
            database=_DATABASE,
            hidden=_HIDDEN,
            issues=one.issues,
            steps=one.steps,
            note=one.note,
        )
        for number, one in enumerate(_PUBLISHED, 1)
    ]
    return (*published, *(_repaired(number, one, _REPAIRS[one.name]) for number, one in enumerate(_PUBLISHED, 1)))


def _repaired(number: int, one: _Published, repair: _Repair) -> Task:
    return Task(
        id=f"task_{number}_{one.name}_repaired",
        title=one.title,
        family="repaired",
        split="test",
        difficulty=one.difficulty,
        description=repair.description,
        sql=repair.sql,
        dialect="duckdb",
        database=_DATABASE,
        hidden=_HIDDEN,
        issues=repair.issues,
        steps=one.steps,
        reference=Reference(repair.rewrite, repair.speedup, "tested"),
        note=repair.note,
    )
