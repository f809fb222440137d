"""Optimizes every query of a workload with rules alone and writes one JSON line a query; an interrupted sweep continues.

python benchmarks/sweep.py tpcds:sf=1 --out benchmarks/out/tpcds-sf1.jsonl
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

from querywright.databases.opening import open_database
from querywright.databases.specification import workload_instance
from querywright.errors import QuerywrightError
from querywright.pipeline import Options, optimize
from querywright.search.protocol import Budget


def main() -> None:
    """Sweep, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", help="a workload, such as tpcds:sf=1")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0, help="search budget a query")
    parser.add_argument("--only", help="comma-separated query names")
    arguments = parser.parse_args()
    chosen = workload_instance(arguments.database)
    if chosen is None:
        parser.error(f"{arguments.database} is not a workload")
    database = open_database(arguments.database, lambda message, fraction: print(message, flush=True))
    queries = chosen.workload.queries(chosen.engine)
    wanted = set(arguments.only.split(",")) if arguments.only else set(queries)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    done = {row["query"] for row in rows_of(arguments.out)}
    for name, sql in queries.items():
        if name in done or name not in wanted:
            continue
        row = optimize_one(name, sql, database, arguments.seconds)
        with arguments.out.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        gain = f"{row['status']:<12} {row.get('ratio', 1.0):6.2f}x"
        print(f"{name:>4} {gain}  {row.get('steps', '')}  {row['seconds']:.0f} s", flush=True)
    summarize(rows_of(arguments.out))


def optimize_one(name: str, sql: str, database: object, seconds: float) -> dict[str, object]:
    """One row: status, ratio with bounds, evidence, both texts."""
    began = time.monotonic()
    options = Options(budget=Budget(early_stop=False, seconds=seconds))
    try:
        outcome = optimize(sql, database, options, name=f"q{name}")  # type: ignore[arg-type]
    except QuerywrightError as error:
        return {"query": name, "status": "error", "message": str(error), "seconds": time.monotonic() - began}
    row: dict[str, object] = {
        "query": name,
        "status": outcome.status,
        "reason": outcome.reason,
        "attempts": len(outcome.attempts),
        "refuted": [
            {
                "steps": [step.transform for step in attempt.candidate.steps],
                "sql": attempt.candidate.query.sql,
                "reason": attempt.verdict.reason,
            }
            for attempt in outcome.attempts
            if attempt.verdict.grade == "refuted"
        ],
        "seconds": time.monotonic() - began,
        "original": sql,
    }
    best = outcome.best
    if best is not None and best.timing is not None:
        row |= {
            "ratio": best.timing.ratio,
            "low": best.timing.low,
            "floor": best.timing.floor,
            "original_ms": best.timing.original_ms,
            "candidate_ms": best.timing.candidate_ms,
            "steps": " > ".join(step.transform for step in best.candidate.steps),
            "grade": best.verdict.grade,
            "mutation_score": max((check.mutation_score or 0.0 for check in best.verdict.checks), default=0.0),
            "candidate": best.candidate.query.sql,
        }
    return row


def rows_of(path: Path) -> list[dict[str, object]]:
    """The rows written so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def summarize(rows: list[dict[str, object]]) -> None:
    """Geometric mean with every query that is not recommended counted as exactly 1.0, and counts."""
    gains = [float(str(row["ratio"])) if row["status"] == "faster" else 1.0 for row in rows]
    if not gains:
        return
    geomean = math.exp(sum(math.log(max(gain, 1.0)) for gain in gains) / len(gains))
    counts = ", ".join(f"{sum(gain >= least for gain in gains)} at {least}x" for least in (1.1, 1.2, 1.5, 2.0))
    refuted = sum(len(row.get("refuted", [])) for row in rows)  # type: ignore[arg-type]
    print(f"{len(rows)} queries, geomean {geomean:.3f}, {counts}; {refuted} candidates refuted on the way")


if __name__ == "__main__":
    main()
