"""Observations and answers made by hand."""

from __future__ import annotations

from querywright.gym.client import Execution, Observation

SCHEMA = """
Table: orders (500,000 rows)
  id BIGINT NOT NULL, customer_id BIGINT, status VARCHAR, total DECIMAL(23,2), created_at TIMESTAMP
  unique: (id)
  foreign key: (customer_id) references users (id)

Table: users (10,000 rows)
  id BIGINT NOT NULL, email VARCHAR, tier VARCHAR
  unique: (id)
"""

BY_CAST = """SELECT id, total
FROM orders
WHERE CAST(customer_id AS VARCHAR) = '5000'
  AND year(created_at) = 2024"""

BY_LOOKUP = """SELECT u.email,
       (SELECT COUNT(*) FROM orders o WHERE o.customer_id = u.id) AS orders
FROM users u"""


def observation(sql: str = BY_CAST, step: int = 0, last: Execution | None = None, steps: int = 5) -> Observation:
    return Observation("e1", "task", "A task", "Make it fast.", sql, SCHEMA, "duckdb", "easy", step, steps, (), last)


def came(speedup: float, match: bool = True, error: str = "") -> Execution:
    return Execution(100.0, 100.0 / speedup if speedup else 0.0, speedup if match else 0.0, match, "", error)
