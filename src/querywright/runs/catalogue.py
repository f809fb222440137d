"""A catalogue over all runs, read anew from their directories into an in-memory database that answers SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from querywright.engines.protocol import ResultSet
from querywright.errors import QueryError, RunError
from querywright.runs.directory import METADATA, SUMMARY, RunDirectory
from querywright.runs.files import read_json
from querywright.runs.iteration import Iteration, finite
from querywright.runs.progression import fastest, transform_stack
from querywright.values import Attempt

TABLES: dict[str, dict[str, tuple[str, str]]] = {
    "runs": {
        "run_id": ("VARCHAR", "name of the run directory"),
        "path": ("VARCHAR", "the run directory"),
        "query": ("VARCHAR", "name of the query, or its fingerprint where it has none"),
        "fingerprint": ("VARCHAR", "fingerprint of the original"),
        "dialect": ("VARCHAR", "SQL dialect"),
        "mode": ("VARCHAR", "search mode"),
        "status": ("VARCHAR", "faster, none, unconfirmed, refused; interrupted (not finished), damaged (unreadable)"),
        "started": ("TIMESTAMP", "when the run was created, local time"),
        "seconds": ("DOUBLE", "duration of a finished run"),
        "iterations": ("INTEGER", "iterations begun"),
        "attempts": ("INTEGER", "attempts judged"),
        "speedup": ("DOUBLE", "ratio of the best attempt; of the best so far where the run was interrupted"),
        "low": ("DOUBLE", "lower bound of that ratio"),
        "original_ms": ("DOUBLE", "trimmed mean time of the original beside it"),
        "optimized_ms": ("DOUBLE", "trimmed mean time of the best attempt"),
        "grade": ("VARCHAR", "evidence that the best attempt is equal"),
        "transforms": ("VARCHAR[]", "transforms from the original to the best attempt"),
        "problem": ("VARCHAR", "what is damaged"),
    },
    "iterations": {
        "run_id": ("VARCHAR", "its run"),
        "iteration": ("INTEGER", "number of the iteration, try, worker or generation, from 1"),
        "complete": ("BOOLEAN", "false where it was interrupted"),
        "attempts": ("INTEGER", "attempts judged"),
        "speedup": ("DOUBLE", "ratio of the attempt it ended with"),
        "input_sql": ("VARCHAR", "the SQL it started from"),
        "optimized_sql": ("VARCHAR", "the SQL it ended with"),
    },
    "attempts": {
        "run_id": ("VARCHAR", "its run"),
        "iteration": ("INTEGER", "its iteration"),
        "attempt": ("INTEGER", "number within the iteration, from 1"),
        "fingerprint": ("VARCHAR", "fingerprint of the candidate"),
        "parent": ("VARCHAR", "fingerprint of the query it was derived from"),
        "proposer": ("VARCHAR", "who proposed it"),
        "model": ("VARCHAR", "the model, if one took part"),
        "cost": ("DOUBLE", "US dollars"),
        "grade": ("VARCHAR", "evidence for equality"),
        "valid": ("BOOLEAN", "whether it was verified, and so timed"),
        "phase": ("VARCHAR", "sample (sample-only, recommends nothing), screen or confirm"),
        "speedup": ("DOUBLE", "ratio original/candidate"),
        "low": ("DOUBLE", "lower bound of the ratio"),
        "high": ("DOUBLE", "upper bound of the ratio; NULL where there is none"),
        "original_ms": ("DOUBLE", "trimmed mean time of the original"),
        "optimized_ms": ("DOUBLE", "trimmed mean time of the candidate"),
        "failure": ("VARCHAR", "why it was not judged to the end, or why it is not equal"),
        "seconds": ("DOUBLE", "duration of judging"),
        "sql": ("VARCHAR", "the candidate"),
    },
    "steps": {
        "run_id": ("VARCHAR", "its run"),
        "iteration": ("INTEGER", "its iteration"),
        "attempt": ("INTEGER", "its attempt"),
        "step": ("INTEGER", "position, from 1"),
        "transform": ("VARCHAR", "the transform applied"),
        "path": ("VARCHAR", "where in the query"),
        "premises": ("INTEGER", "number of premises used"),
    },
}
"""Columns of each table: type and meaning."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The runs under a folder as they were when it was read. Close it when done, or use it in a ``with`` statement."""

    root: Path
    connection: duckdb.DuckDBPyConnection

    @classmethod
    def read(cls, root: Path) -> Catalogue:
        """Read every run under ``root``; other folders are passed over, damaged runs listed as such."""
        rows: dict[str, list[Row]] = {name: [] for name in TABLES}
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            if (path / METADATA).is_file() and not path.name.startswith("."):
                for table, row in _rows(path):
                    rows[table].append(row)
        connection = duckdb.connect(":memory:", config={"threads": 1})
        for name, columns in TABLES.items():
            _fill(connection, name, columns, rows[name])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return cls(root, connection)

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the database."""
        self.connection.close()

    def sql(self, statement: str, *parameters: object) -> ResultSet:
        """Answer SQL over the tables of `TABLES`; raises `QueryError` where the database does not take it."""
        try:
            cursor = self.connection.execute(statement, list(parameters))
            rows = cursor.fetchall()
        except duckdb.Error as error:
            raise QueryError(
                f"The catalogue does not answer this: {error}",
                f"Its tables are {', '.join(TABLES)}; for the columns: qw runs --sql 'DESCRIBE runs'",
            ) from error
        described = cursor.description or []
        return ResultSet(tuple(d[0] for d in described), tuple(str(d[1]) for d in described), tuple(rows))

    def runs(self) -> ResultSet:
        """All runs, the latest first."""
        return self.sql(
            "SELECT run_id, query, mode, status, speedup, low, grade, attempts, seconds, started FROM runs "
            "ORDER BY started DESC NULLS LAST, run_id"
        )

    def open(self, run_id: str) -> RunDirectory:
        """The run of that id, or of the only id that starts so; raises `RunError` where there is not exactly one."""
        matches = self.sql("SELECT path FROM runs WHERE starts_with(run_id, ?) ORDER BY run_id", run_id).rows
        exact = [row for row in matches if Path(str(row[0])).name == run_id]
        found = exact or matches
        if len(found) != 1:
            many = "No run" if not found else f"More than one run ({len(found)})"
            raise RunError(f"{many} in {self.root} is named '{run_id}'.", "List the runs with: qw runs")
        return RunDirectory.open(Path(str(found[0][0])))

    def attempts(self, run_id: str, which: Literal["all", "best", "valid", "failed"] = "all") -> ResultSet:
        """Attempts of a run in order; ``best``: the verified one with the highest ratio, on the full data if there is one."""
        chosen = {"all": "true", "best": "valid", "valid": "valid", "failed": "NOT valid"}[which]
        order = "phase = 'sample', speedup DESC NULLS LAST LIMIT 1" if which == "best" else "iteration, attempt"
        return self.sql(f"SELECT * FROM attempts WHERE run_id = ? AND {chosen} ORDER BY {order}", run_id)

    def compare(self, first: str, second: str) -> ResultSet:
        """Two runs side by side, one row per column of ``runs``."""
        ids = [self.open(run_id).run_id for run_id in (first, second)]
        rows = [self.sql("SELECT * FROM runs WHERE run_id = ?", run_id) for run_id in ids]
        names, (left, right) = rows[0].columns, (result.rows[0] for result in rows)
        return ResultSet(("property", *ids), ("VARCHAR",) * 3, tuple(zip(names, left, right, strict=True)))

    def best_per_query(self) -> ResultSet:
        """The fastest recommended rewrite of each query."""
        return self.sql(
            "SELECT query, max(speedup) AS speedup, arg_max(low, speedup) AS low, arg_max(transforms, speedup) AS "
            "transforms, arg_max(run_id, speedup) AS run_id FROM runs WHERE status = 'faster' "
            "GROUP BY fingerprint, query ORDER BY speedup DESC, query"
        )

    def transforms(self) -> ResultSet:
        """Per transform: attempts that added it to their parent, how many were verified, how many ran faster than the parent.

        Of a candidate judged on a sample and then on the full data, the latter counts.

        ``geometric_mean`` and ``best`` are speedups over the parent, which is the original or an earlier attempt.
        """
        return self.sql(
            "WITH judged AS (SELECT *, (SELECT count(*) FROM steps s WHERE (s.run_id, s.iteration, s.attempt) = "
            "(a.run_id, a.iteration, a.attempt)) AS steps FROM attempts a "
            "QUALIFY attempt = max(attempt) OVER (PARTITION BY run_id, iteration, fingerprint)), "
            "parents AS (SELECT run_id, fingerprint AS parent, max(steps) AS steps, max(speedup) AS speedup "
            "FROM judged GROUP BY ALL), "
            "added AS (SELECT DISTINCT run_id, iteration, attempt, transform, valid, low > coalesce(p.speedup, 1) AS faster, "
            "a.speedup / coalesce(p.speedup, 1) AS gain FROM judged a LEFT JOIN parents p USING (run_id, parent) "
            "JOIN steps s USING (run_id, iteration, attempt) WHERE s.step > coalesce(p.steps, 0)) "
            "SELECT transform, count(*) AS attempts, count(*) FILTER (valid) AS valid, count(*) FILTER (faster) AS faster, "
            "exp(avg(ln(nullif(gain, 0)))) AS geometric_mean, max(gain) AS best FROM added "
            "GROUP BY transform ORDER BY faster DESC, transform"
        )

    def top(self, count: int = 10) -> ResultSet:
        """The runs with the highest recommended speedups."""
        return self.sql(
            "SELECT run_id, query, speedup, low, transforms FROM runs WHERE status = 'faster' "
            "ORDER BY speedup DESC, run_id LIMIT ?",
            count,
        )


def _fill(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, tuple[str, str]], rows: list[Row]) -> None:
    connection.execute(f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, (kind, _) in columns.items())})")
    for column, (_, meaning) in columns.items():
        connection.execute(f"COMMENT ON COLUMN {name}.{column} IS '{meaning}'")
    # One JSON text instead of bound values: the driver looks for absent libraries anew for each value it binds.
    shape = json.dumps([{column: kind for column, (kind, _) in columns.items()}])
    content = json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
    connection.execute(f"INSERT INTO {name} SELECT row.* FROM (SELECT unnest(from_json(?, '{shape}')) AS row)", [content])


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    """The rows of one run for each table, in the order of `TABLES`' columns."""
    try:
        run = RunDirectory.open(path)
        iterations = run.iterations()
        finished = read_json(path / SUMMARY) if run.complete else {}
        outcome = run.outcome()
    except RunError as error:
        unknown = (None,) * (len(TABLES["runs"]) - 8)
        yield "runs", (path.name, str(path), None, None, None, None, "damaged", *unknown, error.message)
        return
    best = outcome.best if outcome else fastest(iterations)
    yield (
        "runs",
        (
            run.run_id,
            str(path),
            run.query.name or run.query.fingerprint,
            run.query.fingerprint,
            run.query.dialect,
            run.mode,
            outcome.status if outcome else "interrupted",
            run.started.replace(tzinfo=None).isoformat(),
            finished.get("seconds"),
            len(iterations),
            sum(len(iteration.attempts) for iteration in iterations),
            *_times(best)[1:3],
            *_times(best)[4:],
            best and best.verdict.grade,
            transform_stack(best),
            None,
        ),
    )
    for iteration in iterations:
        yield from _iteration_rows(run.run_id, iteration)


def _iteration_rows(run_id: str, iteration: Iteration) -> Iterator[tuple[str, Row]]:
    best, number = iteration.best, iteration.number
    reached, optimized = _times(best)[1], best and best.candidate.query.sql
    yield (
        "iterations",
        (run_id, number, iteration.complete, len(iteration.attempts), reached, iteration.input_sql, optimized),
    )
    for index, attempt in enumerate(iteration.attempts, 1):
        candidate, verdict = attempt.candidate, attempt.verdict
        origin, failure = candidate.origin, attempt.failure or verdict.reason or None
        told = (candidate.query.fingerprint, candidate.parent, origin.proposer, origin.model, origin.cost)
        judged = (verdict.grade, attempt.timing is not None, *_times(attempt))
        row = (run_id, number, index, *told, *judged, failure, attempt.seconds, candidate.query.sql)
        yield "attempts", row
        for position, step in enumerate(candidate.steps, 1):
            premises = len(step.premises)
            yield "steps", (run_id, number, index, position, step.transform, step.path, premises)


def _times(attempt: Attempt | None) -> Row:
    """phase, speedup, low, high, original_ms, optimized_ms"""
    timing = attempt.timing if attempt else None
    if timing is None:
        return (None,) * 6
    bounds = (timing.ratio, timing.low, finite(timing.high))
    return (timing.phase, *bounds, timing.original_ms, timing.candidate_ms)
