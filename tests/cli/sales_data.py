"""What the command line is run on, and what it answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

TABLES = {
    "accounts": "SELECT i AS id, 'name ' || i AS name, 'city ' || i % 20 AS city FROM range(1, 1201) AS rows(i)",
    "orders": "SELECT i AS id, 1 + i * 7 % 1200 AS account_id, CASE WHEN i % 5 = 0 THEN 1 + i * 11 % 1200 END AS referrer_id, "
    "i % 97 AS amount FROM range(1, 2501) AS rows(i)",
}
DEFINITIONS = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, referrer_id INTEGER, amount INTEGER NOT NULL);
"""

REFERRED = """-- Orders count for whoever placed them and for whoever referred them.
SELECT a.city,
       count(*) AS orders   -- both kinds
FROM accounts a
JOIN orders o ON o.account_id = a.id OR o.referrer_id = a.id
WHERE o.amount > 5
GROUP BY a.city
"""
"""Slow on DuckDB, which compares all pairs of rows."""

ORDER_COUNTS = """
SELECT a.id,
       (SELECT count(*) FROM orders o WHERE o.account_id = a.id AND o.amount > 5) AS orders
FROM accounts a
WHERE a.id <= 400
"""
"""Slow on SQLite, which reads all orders for each account."""

NOTHING_TO_DO = "SELECT count(*) AS orders FROM orders"


Save = Callable[..., Path]


def checksum(folder: Path) -> str:
    """Of the names and contents of all files and folders below the folder."""
    state = [(str(path.relative_to(folder)), path.read_bytes() if path.is_file() else b"") for path in sorted(folder.rglob("*"))]
    return hashlib.sha256(repr(state).encode()).hexdigest()
