"""The published environment's queries on a small edition of its data, one answer each."""

from __future__ import annotations

from querywright.gym.rewards.driver import profiles
from querywright.gym.values import Examination, Reference, Reward, Task
from querywright.gym.wire import Answer, Suggestion
from querywright.workloads import shop

VISIBLE = "shop:scale=0.05"
HIDDEN = ("shop:variant=varied,scale=0.05,seed=7", "shop:variant=varied,scale=0.01,seed=11")
SQLITE_VISIBLE = "shop:scale=0.03,engine=sqlite"
SQLITE_HIDDEN = tuple(f"shop:variant=varied,scale={scale},seed={seed},engine=sqlite" for scale, seed in ((0.03, 7), (0.01, 11)))

_TEXTS = dict(shop.queries("duckdb"))
_TEXTS["correlated_subqueries"] = _TEXTS["correlated_subqueries"].replace(
    "ORDER BY o.created_at DESC LIMIT", "ORDER BY o.created_at DESC, o.id DESC LIMIT"
)
_TEXTS["window_functions"] = _TEXTS["window_functions"].replace(
    "ORDER BY occurred_at DESC) AS user_position", "ORDER BY occurred_at DESC, id DESC) AS user_position"
)
_TEXTS["basic_antipatterns"] = _TEXTS["basic_antipatterns"].replace("'5000'", "'50'")

REWRITES = {
    "basic_antipatterns": "SELECT * FROM orders WHERE customer_id = 50 "
    "AND created_at >= TIMESTAMP '2024-01-01' AND created_at < TIMESTAMP '2025-01-01'",
    "correlated_subqueries": """
WITH per_customer AS (
    SELECT customer_id, COUNT(*) FILTER (WHERE status = 'completed') AS completed_orders,
           SUM(total) FILTER (WHERE created_at >= '2024-01-01') AS recent_total,
           first(total ORDER BY created_at DESC, id DESC) AS latest_total
    FROM orders GROUP BY customer_id
)
SELECT u.email, u.region, COALESCE(p.completed_orders, 0) AS completed_orders, p.recent_total, p.latest_total
FROM users u LEFT JOIN per_customer p ON p.customer_id = u.id
WHERE u.tier = 'premium'""",
    "implicit_join": """
SELECT u.region, u.plan, COUNT(*) AS order_count, SUM(o.total) AS revenue,
       (SELECT AVG(total) FROM orders) AS average_total,
       (SELECT MAX(total) FROM orders WHERE status = 'completed') AS largest_completed
FROM orders AS o JOIN users AS u ON u.id = o.customer_id
WHERE o.status IN ('completed', 'shipped')
GROUP BY u.region, u.plan""",
}

ISSUES = ("correlated_subquery", "select_star")


def task(name: str, sql: str = "", reference: Reference | None = None, engine: str = "duckdb") -> Task:
    return Task(
        id=f"small_{name}",
        title=name,
        family="published",
        split="test",
        difficulty="easy",
        description="",
        sql=sql or _TEXTS[name],
        dialect=engine,
        database=SQLITE_VISIBLE if engine == "sqlite" else VISIBLE,
        hidden=SQLITE_HIDDEN if engine == "sqlite" else HIDDEN,
        issues=ISSUES,
        steps=3,
        reference=reference,
    )


T1, T2, T3, T4, T5 = (task(name) for name in _TEXTS)

STUFFING = Answer(
    optimized_query="",
    suggestions=(
        Suggestion(issue_type="correlated_subquery", severity="low"),
        Suggestion(issue_type="select_star", severity="critical"),
    ),
    summary="The correlated subqueries, the select star and the missing cte make this slow. " * 3,
    estimated_improvement="10x",
)
"""All that words can earn."""


def reward(of: Task, examination: Examination, profile: str = "verified") -> Reward:
    """The reward of the examined query with as many fine words as there can be."""
    answer = STUFFING.model_copy(update={"optimized_query": examination.sql})
    return profiles()[profile].score(of, answer, examination)
