"""Checks the recommendations of a sweep again, with code that shares nothing with the product.

    python benchmarks/audit.py benchmarks/out/tpcds-sf1.jsonl DATABASE_FILE [OTHER_DATABASE_FILE ...]

Each file is opened with the engine's own driver. Both texts run, all rows are fetched and compared as sorted lists in
Python (numbers to a relative 1e-9); then they are timed in turns, nine runs a side (one where the
original takes over five seconds), and the ratio of medians is printed. Only the first file is timed.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

Rows = list[tuple[object, ...]]


def opened(path: str) -> Callable[[str], Rows]:
    """A function that runs a query on the file and fetches everything."""
    if Path(path).read_bytes()[:6] == b"SQLite":
        light = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        return lambda sql: light.execute(sql).fetchall()
    duck = duckdb.connect(path, read_only=True)
    return lambda sql: duck.execute(sql).fetchall()


def plain(value: object) -> object:
    """Numbers as floats rounded far below the tolerance for sorting, the rest as text."""
    if isinstance(value, bool) or value is None:
        return (0, str(value))
    if isinstance(value, (int, float, decimal.Decimal)):
        return (1, float(f"{float(value):.6g}"))
    if isinstance(value, (datetime.date, datetime.datetime)):
        return (2, value.isoformat())
    return (3, str(value))


def close(left: object, right: object) -> bool:
    """Equal, or numbers within 1e-9 of each other relatively."""
    if isinstance(left, (int, float, decimal.Decimal)) and isinstance(right, (int, float, decimal.Decimal)):
        both_nan = isinstance(left, float) and isinstance(right, float) and math.isnan(left) and math.isnan(right)
        return both_nan or math.isclose(float(left), float(right), rel_tol=1e-9, abs_tol=1e-12)
    return left == right


def difference(left: Rows, right: Rows) -> str:
    """What differs, or nothing."""
    if len(left) != len(right):
        return f"{len(left)} rows against {len(right)}"
    key = lambda row: tuple(map(plain, row))  # noqa: E731
    for one, other in zip(sorted(left, key=key), sorted(right, key=key), strict=True):
        if len(one) != len(other) or not all(map(close, one, other)):
            return f"{one} against {other}"
    return ""


def timed(run: Callable[[str], Rows], sql: str) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    run(sql)
    return time.perf_counter() - began


def main() -> int:
    """Audit; the exit code is the number of recommendations that do not hold."""
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    databases = [opened(path) for path in sys.argv[2:]]
    wrong = slower = vacuous = 0
    for row in rows:
        if row["status"] != "faster":
            continue
        problems, counted = [], 0
        for run in databases:
            before, after = run(row["original"].rstrip().rstrip(";")), run(row["candidate"].rstrip().rstrip(";"))
            counted += len(before)
            problem = difference(before, after)
            problems += [problem] if problem else []
        rounds = 9 if float(row["original_ms"]) < 5000 else 1
        pairs = [(timed(databases[0], row["original"]), timed(databases[0], row["candidate"])) for _ in range(rounds)]
        ratio = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
        wrong += bool(problems)
        slower += ratio < 1.0
        vacuous += counted == 0
        verdict = f"DIFFERENT: {problems[0]}" if problems else "equal" if counted else "equal, but no rows"
        print(f"{row['query']:>4}  claimed {row['ratio']:7.2f}x  audited {ratio:7.2f}x  {verdict}", flush=True)
    print(f"{wrong} different, {slower} slower, {vacuous} compared without rows")
    return wrong + slower


if __name__ == "__main__":
    sys.exit(main())
