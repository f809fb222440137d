"""Examples as the factory makes them, written by hand over the domain schema ecommerce."""

from __future__ import annotations

from dataclasses import replace

from querywright.factory.values import Example, Solution

SLOW = (
    "SELECT u.name, (SELECT COUNT(*) FROM orders AS o WHERE o.user_id = u.id AND o.status = 'shipped') AS shipped\n"
    "FROM users AS u\nWHERE u.country = 'Spain'"
)
FAST = (
    "SELECT u.name, COALESCE(o.shipped, 0) AS shipped\nFROM users AS u\nLEFT JOIN (\n"
    "    SELECT user_id, COUNT(*) AS shipped FROM orders WHERE status = 'shipped' GROUP BY user_id\n"
    ") AS o ON o.user_id = u.id\nWHERE u.country = 'Spain'"
)
INDEX = "CREATE INDEX idx_orders_user_id ON orders (user_id)"


def example(number: int = 0, engine: str = "duckdb", **changed: object) -> Example:
    """An example whose texts differ by their number; ``changed`` replaces fields of it, ``speedup`` one of its solution."""
    speedup = float(str(changed.pop("speedup", 5.0)))
    solution = Solution(
        FAST,
        "rules",
        ("decorrelate_scalar_aggregate",),
        (),
        f"fast{number}",
        "tested",
        speedup,
        speedup,
        1.0,
        0.9,
        0.5,
    )
    other = replace(
        solution, sql=FAST.replace("LEFT JOIN", "JOIN"), grade="refuted", speedup=0.0, reward=0.0, reason="The rows differ."
    )
    engines = f",engine={engine}" if engine != "duckdb" else ""
    made = Example(
        id=f"example{number}",
        engine=engine,
        schema="ecommerce",
        database=f"ecommerce:rows=3000{engines}",
        tier=1,
        shape="parents_with_figures",
        question="For users whose country is Spain: how many orders with a status of 'shipped' are there?",
        slow=SLOW,
        clean=FAST,
        solution=solution,
        fingerprint=f"slow{number}",
        family=f"family{number}",
        split="train",
        habits=("correlated_subquery",),
        injected=("correlated_subquery",),
        pattern="decorrelate",
        features=("subquery", "correlated subquery", "grouping"),
        tables=2,
        difficulty="medium",
        slow_readability=0.8,
        rejected=(other,),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def indexed(number: int = 0) -> Example:
    """An example whose solution is an index."""
    made = example(number, "sqlite", pattern="indexing")
    return replace(made, solution=replace(made.solution, sql=SLOW, proposer="indexes", transforms=(), statements=(INDEX,)))
