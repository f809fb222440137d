"""Measures the two speed bars of verification: python benchmarks/verification.py [comparison | TPC-DS query numbers]

1. Comparing two results of 1,000,000 rows against materializing one of them (DuckDB, integers, decimals, text, dates).
2. A round of 100 witness databases for each TPC-DS query.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import closing

from querywright.engines.protocol import Connection, Limits, Location
from querywright.engines.session import engine_of
from querywright.sql.schema import Schema
from querywright.verification.compare import Comparison, Terms, compare
from querywright.verification.stored import store_original
from querywright.verification.witness import Laboratory
from querywright.workloads import tpcds
from querywright.workloads.driver import build_once, instance

ROWS = 1_000_000
SETUP = f"""
CREATE TABLE sale AS SELECT
  i::INTEGER AS id, (i * 7919 % 100003)::BIGINT AS customer, (i * 31 % 100000 / 100)::DECIMAL(15, 2) AS price,
  'name ' || (i % 50000) AS name, CASE WHEN i % 10 <> 0 THEN 'city number ' || (i % 1000) END AS city,
  DATE '2000-01-01' + (i % 3000)::INTEGER AS sold, (i % 97)::SMALLINT AS quantity,
  (i * 17 % 1000003 / 7.0)::DECIMAL(18, 4) AS amount
FROM range({ROWS}) AS r(i)"""
QUARTER = f"(SELECT * FROM sale LIMIT {ROWS // 4})"
PAIRS = {  # the candidate has another order of rows, or the comparison would end after one look at the rows in step
    "halves": ("SELECT * FROM sale", "SELECT * FROM sale WHERE id >= 500000 UNION ALL SELECT * FROM sale WHERE id < 500000"),
    "shuffled": ("SELECT * FROM sale", "SELECT * FROM sale ORDER BY hash(id)"),
    "four duplicates": (
        f"{QUARTER} UNION ALL {QUARTER} UNION ALL {QUARTER} UNION ALL {QUARTER}",
        f"SELECT * FROM ({QUARTER} UNION ALL {QUARTER} UNION ALL {QUARTER} UNION ALL {QUARTER}) AS c ORDER BY id DESC",
    ),
}


def comparison(connection: Connection, original: str, candidate: str) -> tuple[float, float, float]:
    """Milliseconds to materialize the candidate's result, to store it, and to store it and compare it with the original's."""
    terms = Terms("duckdb")
    timings: dict[str, list[float]] = {"materialize": [], "store": [], "compare": []}
    stored = store_original(connection, original, terms.dialect)
    for _ in range(5):
        for name, run in (
            ("materialize", lambda: connection.materialize(candidate)),
            ("store", lambda: connection.store("copy", candidate)),
            ("compare", lambda: compare(connection, stored, candidate, terms)),
        ):
            start = time.perf_counter()
            result = run()
            timings[name].append((time.perf_counter() - start) * 1e3)
        assert isinstance(result, Comparison) and result.equal, result
    materialize, store, both = (statistics.median(timings[name]) for name in ("materialize", "store", "compare"))
    return materialize, store, both


def witness_round(schema: Schema, text: str) -> tuple[float, float, float, int]:
    """Seconds to make and load 100 databases, to run the original and a candidate on them, and a further one; the non-empty."""
    start = time.perf_counter()
    with Laboratory(text, schema, "duckdb", databases=100) as laboratory:
        laboratory.describe(text)
        ready = time.perf_counter()
        laboratory.answers()
        outcome = laboratory.run(text)
        both = time.perf_counter()
        laboratory.run(text)
        return ready - start, both - ready, time.perf_counter() - both, outcome.nonempty


def rounds(names: Sequence[str]) -> None:
    """One line for each TPC-DS query, then the medians."""
    location = Location("duckdb", str(build_once(instance("tpcds", {"sf": "0.01"}), lambda *_: None)))
    with closing(engine_of(location).connect(location, Limits(threads=1))) as connection:
        schema = connection.schema().with_keys(tpcds.tables({"sf": "0.01"}))
    measured = []
    for name, text in tpcds.queries("duckdb").items():
        if names and name not in names:
            continue
        measured.append(witness_round(schema, text))
        ready, both, further, nonempty = measured[-1]
        times = f"ready {ready:.2f} s, original and candidate {both:.2f} s, further candidate {further:.2f} s"
        print(f"{name}: {times}, {nonempty} non-empty")
    slow = sum(both > 2 for _, both, _, _ in measured)
    medians = ", ".join(f"{statistics.median(column):.2f}" for column in list(zip(*measured, strict=True))[:3])
    print(f"medians: {medians} s; {slow} of {len(measured)} rounds took more than 2 s")


def main() -> None:
    if sys.argv[1:] != ["comparison"]:
        rounds(sys.argv[1:])
        if sys.argv[1:]:
            return
    for threads in (1, 2):
        location = Location("duckdb", setup=(SETUP,), writable=True)
        with closing(engine_of(location).connect(location, Limits(threads=threads))) as connection:
            for name, pair in PAIRS.items():
                materialize, store, both = comparison(connection, *pair)
                print(
                    f"threads={threads}, {name}: materialize {materialize:.0f} ms, store {store:.0f} ms, "
                    f"store and compare {both:.0f} ms; comparing alone is {(both - store) / store:.2f} of one stored result"
                )


if __name__ == "__main__":
    main()
