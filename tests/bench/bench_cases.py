"""The queries of the bench suite."""

from __future__ import annotations

SLOW = """
SELECT a.id,
       (SELECT count(*) FROM orders o WHERE o.account_id = a.id AND o.amount > 5) AS orders
FROM accounts a
WHERE a.id <= 80
"""
"""SQLite reads all orders for each account."""

WRONG = """
SELECT a.id, count(*) AS orders
FROM accounts a JOIN orders o ON o.account_id = a.id AND o.amount > 5
WHERE a.id <= 80
GROUP BY a.id
"""
"""Loses the accounts without orders, of which there are none in the data."""

FINE = "SELECT count(*) AS orders FROM orders"

QUERIES: dict[str, str | bytes] = {
    "q1": SLOW,
    "q2": FINE,
    "q3": "SELECT id FROM ordres",
    "q4": "SELECT id FROM orders WHERE (id > 3",
    "q5": b"\xff\xfe\x00S",
    "q10": "DROP TABLE orders",
}
