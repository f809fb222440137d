"""A small database in each form that can be opened, and a checksum that proves a folder untouched."""

import hashlib
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb


def checksum(folder: Path) -> str:
    """Of the names, contents and times of all files below the folder."""
    state = [
        (str(path.relative_to(folder)), path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    ]
    return hashlib.sha256(repr(state).encode()).hexdigest()


CUSTOMERS = "SELECT i AS customer_id, 'name ' || i AS name FROM range(1, 20001) AS rows(i)"
ORDERS = (
    "SELECT i AS order_id, 1 + i * 7 % 20000 AS customer_id, i * 1.5 AS total, "
    "CASE WHEN i % 3 = 0 THEN NULL ELSE 'note' END AS note FROM range(1, 60001) AS rows(i)"
)
LINES = "SELECT 1 + i // 3 AS order_id, i % 3 AS line, i AS quantity FROM range(0, 180000) AS rows(i)"
TABLES = {"customers": CUSTOMERS, "orders": ORDERS, "lines": LINES}

DEFINITIONS = """
CREATE TABLE customers (customer_id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE orders (order_id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
                     total DOUBLE, note TEXT);
CREATE TABLE lines (order_id INTEGER NOT NULL REFERENCES orders (order_id), line INTEGER NOT NULL, quantity INTEGER,
                    PRIMARY KEY (order_id, line));
CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 1000;
"""


def write_duckdb(folder: Path, keys: bool = True) -> Path:
    path = folder / "sales.duckdb"
    path.write_bytes(_duckdb_file(keys))
    return path


@cache
def _duckdb_file(keys: bool) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sales.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(DEFINITIONS if keys else "")
            for table, rows in TABLES.items():
                connection.execute(f"INSERT INTO {table} {rows}" if keys else f"CREATE TABLE {table} AS {rows}")
        return path.read_bytes()


def write_sqlite(folder: Path, journal_mode: str = "DELETE") -> Path:
    path = folder / "sales.db"
    with duckdb.connect() as source, closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.executescript(DEFINITIONS)
        for table, rows in TABLES.items():
            values = [
                tuple(float(cell) if name == "total" else cell for name, cell in zip(names, row, strict=True))
                for names in [[column[0] for column in source.execute(rows).description or ()]]
                for row in source.execute(rows).fetchall()
            ]
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
        connection.execute("CREATE INDEX orders_by_customer ON orders (customer_id)")
        connection.commit()
    return path


def write_parquet(folder: Path) -> Path:
    """customers as CSV, orders as one Parquet file, lines as a folder of two parts."""
    target = folder / "lake"
    (target / "lines" / "deep").mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({CUSTOMERS}) TO '{target}/customers.csv'")
        connection.execute(f"COPY ({ORDERS}) TO '{target}/orders.parquet'")
        for part, name in enumerate(("a.parquet", "deep/b.parquet")):
            connection.execute(f"COPY (FROM ({LINES}) WHERE order_id % 2 = {part}) TO '{target}/lines/{name}'")
    (target / "README.txt").write_text("not data")
    return target
