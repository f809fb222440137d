"""Measures the two speed bars of verification: python benchmarks/verification.py

1. Comparing two results of 1,000,000 rows against materializing one of them (DuckDB, integers, decimals, text, dates).
2. A round of 100 witness databases for each TPC-DS query.
"""

from __future__ import annotations

import statistics
import time
from contextlib import closing

from querywright.engines.protocol import Connection, Limits, Location
from querywright.engines.session import engine_of
from querywright.verify.compare import Terms, compare, store_original

ROWS = 1_000_000
SETUP = f"""
CREATE TABLE sale AS SELECT
  i::INTEGER AS id, (i * 7919 % 100003)::BIGINT AS customer, (i * 31 % 100000 / 100)::DECIMAL(15, 2) AS price,
  'name ' || (i % 50000) AS name, CASE WHEN i % 10 <> 0 THEN 'city number ' || (i % 1000) END AS city,
  DATE '2000-01-01' + (i % 3000)::INTEGER AS sold, (i % 97)::SMALLINT AS quantity, (i * 17 % 1000003 / 7.0)::DECIMAL(18, 4) AS amount
FROM range({ROWS}) AS r(i)"""
ORIGINAL = "SELECT * FROM sale"
CANDIDATE = "SELECT * FROM sale WHERE id >= 500000 UNION ALL SELECT * FROM sale WHERE id < 500000"


def comparison(connection: Connection, copies: int) -> tuple[float, float, float]:
    """Milliseconds to materialize one result, to store one, and to compare two stored ones."""
    source = f"({ORIGINAL})" if copies == 1 else "(" + " UNION ALL ".join([f"({ORIGINAL} LIMIT {ROWS // copies})"] * copies) + ")"
    original = f"SELECT * FROM {source} AS o"
    candidate = original if copies > 1 else CANDIDATE
    terms = Terms("duckdb")
    timings: dict[str, list[float]] = {"materialize": [], "store": [], "compare": []}
    stored = store_original(connection, original, terms)
    for _ in range(5):
        for name, run in (
            ("materialize", lambda: connection.materialize(candidate)),
            ("store", lambda: connection.store("copy", candidate)),
            ("compare", lambda: compare(connection, stored, candidate, terms)),
        ):
            start = time.perf_counter()
            result = run()
            timings[name].append((time.perf_counter() - start) * 1e3)
        assert result.equal, result
    materialize, store, both = (statistics.median(timings[name]) for name in ("materialize", "store", "compare"))
    return materialize, store, both


def main() -> None:
    for threads in (1, 2):
        location = Location("duckdb", setup=(SETUP,), writable=True)
        with closing(engine_of(location).connect(location, Limits(threads=threads))) as connection:
            for copies in (1, 4):
                materialize, store, both = comparison(connection, copies)
                print(
                    f"threads={threads} duplicates={copies}: materialize {materialize:.0f} ms, store {store:.0f} ms, store and compare "
                    f"{both:.0f} ms; comparing alone is {(both - store) / store:.2f} of one stored result"
                )


if __name__ == "__main__":
    main()
