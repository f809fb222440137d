"""A small database with keys and nasty values that each engine builds itself, and queries that misbehave."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path

from querywright.engines.protocol import Location
from querywright.engines.session import Session
from querywright.registry import plugins

ENGINES = sorted(plugins("querywright.engines"))

SCHEMA = (
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(40) UNIQUE, name VARCHAR(40) NOT NULL, balance DECIMAL(10,2))",
    "CREATE TABLE orders (number INTEGER, line INTEGER, customer_id INTEGER REFERENCES customer(id), placed DATE, weight DOUBLE, "
    "photo BLOB, CHECK (line > 0), PRIMARY KEY (number, line))",
    "CREATE TABLE plain (code VARCHAR(10), amount INTEGER)",
    "CREATE UNIQUE INDEX plain_code ON plain (code)",
    "CREATE UNIQUE INDEX plain_sum ON plain ((amount + 1))",
    "CREATE INDEX plain_amount ON plain (amount)",
    "CREATE VIEW rich AS SELECT id, balance FROM customer WHERE balance > 100",
)
CUSTOMERS = (
    (1, "ann@example.org", "Ann", Decimal("150.25")),
    (2, None, "O'Brien -- not a comment", Decimal("-0.01")),
    (3, None, 'quote " and ; and €', None),
)
ORDERS = (
    (1, 1, 1, date(2024, 2, 29), 0.1, b"\x00\xff'"),
    (1, 2, 1, date(1969, 12, 31), -1e300, b""),
    (2, 1, None, None, None, None),
)


def build(location: Location) -> None:
    """Fill an empty writable location."""
    with Session(location) as session:
        for statement in SCHEMA:
            session.execute(statement)
        session.insert("customer", ("id", "email", "name", "balance"), CUSTOMERS)
        session.insert("orders", ("number", "line", "customer_id", "placed", "weight", "photo"), ORDERS)
        session.insert("plain", ("code", "amount"), [(f"c{n}", n) for n in range(1000)])


def fingerprint(folder: Path) -> dict[str, str]:
    """Name and checksum of each file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


RUNAWAY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"

MEMORY_SPILL = {
    "duckdb": "SELECT count(*) FROM "
    "(SELECT i, repeat('x', 50) || i AS s FROM range(3000000) r(i) ORDER BY hash(i) LIMIT 2900000)",
    "sqlite": "SELECT a.code || b.code AS s, a.amount FROM plain a, plain b WHERE a.amount < 100 ORDER BY b.amount * 7 % 11, s",
}
"""Needs more memory than small limits allow, but can go on in temporary files."""
