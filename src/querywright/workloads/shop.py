"""Shop: users, orders, products and events of a web shop with five slow queries full of common bad habits.

``plain`` data is regular: no NULLs, no duplicates, ids unique. ``nasty`` data has the same tables with NULLs,
repeated rows, skewed references (some dangling), and few distinct dates, so that rows tie; nothing in it is a key.
``varied`` data is as nasty in all that the keys of the plain one leave open: ids are unique and references hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from querywright.sql.schema import Table
from querywright.workloads._seeded_noise import create_noise
from querywright.workloads.driver import build_once, instance
from querywright.workloads.protocol import Parameter, Parameters, Progress, References, declared_tables

ENGINES = ("duckdb", "sqlite")
PARAMETERS = {
    "variant": Parameter(
        "plain",
        "regular data, data with NULLs, duplicates, skew and ties, or such data whose keys hold",
        ("plain", "nasty", "varied"),
    ),
    "scale": Parameter("1", "factor on 10,000 users, 500,000 orders, 1,000 products and 1,000,000 events"),
    "seed": Parameter("1", "seed of the other variants"),
    "compression": Parameter("on", "off: columns are stored as they lie in memory", ("on", "off"), ("duckdb",)),
}
GENERATOR = 1

_ROWS = {"users": 10_000, "orders": 500_000, "products": 1_000, "events": 1_000_000}

_PLAIN = {
    "users": """
        SELECT i AS id,
               'u' || i || '@mail.com' AS email,
               CASE i % 3 WHEN 0 THEN 'premium' WHEN 1 THEN 'free' ELSE 'enterprise' END AS tier,
               CASE i % 5 WHEN 0 THEN 'US' WHEN 1 THEN 'EU' WHEN 2 THEN 'IN' WHEN 3 THEN 'UK' ELSE 'AU' END
                   AS region,
               CASE i % 2 WHEN 0 THEN 'premium' ELSE 'basic' END AS plan,
               TIMESTAMP '2020-01-01' + to_days(CAST(i AS INTEGER)) AS created_at
        FROM generate_series(1, {rows}) AS series(i)""",
    "orders": """
        SELECT i AS id,
               1 + i % {users} AS customer_id,
               i % 100 + 1 AS product_id,
               CASE i % 4 WHEN 0 THEN 'completed' WHEN 1 THEN 'pending' WHEN 2 THEN 'cancelled'
                          ELSE 'shipped' END AS status,
               CAST((i % 1000) * 1.5 + 49.99 AS DECIMAL(23, 2)) AS total,
               TIMESTAMP '2023-01-01' + to_days(CAST(i % 730 AS INTEGER)) AS created_at
        FROM generate_series(1, {rows}) AS series(i)""",
    "products": """
        SELECT i AS id,
               'product ' || i AS name,
               'category ' || (i % 5) AS category,
               CAST((i % 500) + 9.99 AS DECIMAL(23, 2)) AS price
        FROM generate_series(1, {rows}) AS series(i)""",
    "events": """
        SELECT i AS id,
               1 + i % {users} AS user_id,
               'sess_' || (i % 50000) AS session_id,
               CASE i % 6 WHEN 0 THEN 'purchase' WHEN 1 THEN 'view' WHEN 2 THEN 'click' WHEN 3 THEN 'signup'
                          WHEN 4 THEN 'logout' ELSE 'search' END AS event_type,
               TIMESTAMP '2024-01-01' + to_days(CAST(i % 365 AS INTEGER)) AS occurred_at
        FROM generate_series(1, {rows}) AS series(i)""",
}

# Columns of the nasty variant that differ from the plain one. `noise(id, k)` is a row's k-th pseudo-random number in
# [0, 1). Cubing it skews references towards small ids; a reach beyond the number of users makes some of them dangle.
_NASTY = {
    "users": {
        "tier": "CASE WHEN noise(id, 1) >= 0.1 THEN tier END",
        "region": "CASE WHEN noise(id, 2) < 0.6 THEN 'US' WHEN noise(id, 2) < 0.9 THEN region END",
        "created_at": "TIMESTAMP '2020-01-01' + to_days(CAST(noise(id, 3) * 20 AS INTEGER))",
    },
    "orders": {
        "customer_id": "CASE WHEN noise(id, 1) >= 0.05 THEN 1 + CAST(power(noise(id, 2), 3) * {reach} AS BIGINT) END",
        "status": "CASE WHEN noise(id, 3) < 0.6 THEN 'completed' WHEN noise(id, 3) < 0.95 THEN status END",
        "total": "CASE WHEN noise(id, 4) < 0.05 THEN -total WHEN noise(id, 4) < 0.3 THEN 49.99 "
        "WHEN noise(id, 4) < 0.95 THEN total END",
        "created_at": "CASE WHEN noise(id, 5) >= 0.02 "
        "THEN TIMESTAMP '2023-12-15' + to_days(CAST(noise(id, 6) * 30 AS INTEGER)) END",
    },
    "products": {
        "category": "CASE WHEN noise(id, 1) >= 0.2 THEN category END",
        "price": "CASE WHEN noise(id, 2) >= 0.1 THEN price END",
    },
    "events": {
        "user_id": "CASE WHEN noise(id, 1) >= 0.05 THEN 1 + CAST(power(noise(id, 2), 3) * {reach} AS BIGINT) END",
        "session_id": "CASE WHEN noise(id, 3) < 0.02 THEN '' WHEN noise(id, 3) < 0.97 THEN session_id END",
        "event_type": "CASE WHEN noise(id, 4) < 0.6 THEN 'view' WHEN noise(id, 4) < 0.97 THEN event_type END",
        "occurred_at": "TIMESTAMP '2024-01-01' + to_days(CAST(noise(id, 5) * 10 AS INTEGER))",
    },
}

_QUERIES = {
    "basic_antipatterns": """
SELECT *
FROM orders
WHERE CAST(customer_id AS VARCHAR) = '5000'
  AND year(created_at) = 2024""",
    "correlated_subqueries": """
SELECT u.email,
       u.region,
       (SELECT COUNT(*) FROM orders o
        WHERE o.customer_id = u.id AND o.status = 'completed') AS completed_orders,
       (SELECT SUM(o.total) FROM orders o
        WHERE o.customer_id = u.id AND o.created_at >= '2024-01-01') AS recent_total,
       (SELECT o.total FROM orders o
        WHERE o.customer_id = u.id ORDER BY o.created_at DESC LIMIT 1) AS latest_total
FROM users u
WHERE u.tier = 'premium'""",
    "wildcard_scan": """
SELECT *,
       id || '_' || event_type AS event_key,
       upper(event_type) AS event_label
FROM events
WHERE event_type LIKE '%purchase%'
   OR event_type LIKE '%buy%'
   OR session_id LIKE 'sess_%'""",
    "implicit_join": """
SELECT u.region,
       u.plan,
       COUNT(*) AS order_count,
       SUM(o.total) AS revenue,
       (SELECT AVG(total) FROM orders) AS average_total,
       (SELECT MAX(total) FROM orders WHERE status = 'completed') AS largest_completed
FROM users u, orders o
WHERE u.id = o.customer_id
  AND o.status IN ('completed', 'shipped')
GROUP BY u.region, u.plan""",
    "window_functions": """
SELECT user_id,
       event_type,
       occurred_at,
       COUNT(*) OVER (PARTITION BY user_id) AS user_events,
       COUNT(*) OVER (PARTITION BY user_id, event_type) AS user_type_events,
       ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY occurred_at DESC) AS user_position,
       RANK() OVER (ORDER BY occurred_at DESC) AS global_rank,
       SUM(CASE WHEN event_type = 'purchase' THEN 1 ELSE 0 END) OVER (PARTITION BY user_id) AS user_purchases
FROM events""",
}


QUERY_NAMES = tuple(_QUERIES)


def tables(parameters: Parameters) -> tuple[Table, ...]:
    """Unique ids and the references to them in all variants but the nasty one, in which nothing is a key."""
    if parameters["variant"] == "nasty":
        return ()
    keys = {table: ("id",) for table in _ROWS}
    references: dict[str, References] = {
        "orders": {("customer_id",): "users", ("product_id",): "products"},
        "events": {("user_id",): "users"},
    }
    return declared_tables(keys, references)


def queries(engine: str) -> Mapping[str, str]:
    """Five queries, each named after its main habit."""
    texts = {name: text.strip() for name, text in _QUERIES.items()}
    if engine == "duckdb":
        return texts
    from querywright.workloads._sqlite import translate_to_sqlite

    return translate_to_sqlite(texts)


def build(path: Path, engine: str, parameters: Parameters, progress: Progress) -> None:
    """Compute the rows in DuckDB; the SQLite edition is a copy of the DuckDB one."""
    if engine == "duckdb":
        _generate(path, parameters, progress)
        return
    from querywright.workloads._sqlite import copy_to_sqlite

    source = build_once(instance("shop", parameters), progress)
    copy_to_sqlite(source, path, tables(parameters), False, progress)


def _generate(path: Path, parameters: Parameters, progress: Progress) -> None:
    import duckdb

    sizes = {table: max(100, round(rows * float(parameters["scale"]))) for table, rows in _ROWS.items()}
    with duckdb.connect(str(path)) as connection:
        create_noise(connection, parameters["seed"])
        if parameters["compression"] == "off":
            connection.execute("PRAGMA force_compression = 'uncompressed'")
        for position, (table, plain) in enumerate(_PLAIN.items()):
            progress(f"Generating {table}", position / len(_PLAIN))
            rows = plain.format(rows=sizes[table], users=sizes["users"])
            if parameters["variant"] != "plain":
                keyed = parameters["variant"] == "varied"
                reach = f"{sizes['users'] - 1}" if keyed else f"{sizes['users']} * 1.02"
                changes = ", ".join(f"{change} AS {column}" for column, change in _NASTY[table].items())
                repeated = "FROM plain" if keyed else "FROM plain UNION ALL FROM plain WHERE noise(id, 0) < 0.02"
                rows = f"""
                    WITH plain AS ({rows}),
                         repeated AS ({repeated})
                    SELECT * REPLACE ({changes.format(reach=reach)}) FROM repeated"""
            connection.execute(f"CREATE TABLE {table} AS {rows}")
        connection.execute("CHECKPOINT")
