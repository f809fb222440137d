"""The figures of a bench: geometric means, counts, times, and the gain against the seconds spent on a query."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from querywright.bench.results import UNUSABLE, Result, Row

LEVELS = (1.1, 1.2, 1.5, 2.0)
MOMENTS_S = (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures under one setting of premises, over all queries that could be used.

    ``geomean`` counts each query at 1.0 or more, and unconfirmed ones as exactly 1.0. ``cpu_geomean`` is that of CPU time, not
    floored. ``at_least`` holds (level, queries at that speedup or more). Times are sums of typical times over all queries, each
    running the original or what is recommended in its place.
    """

    queries: int
    faster: int
    unconfirmed: int
    none: int
    refused: int
    failed: int
    geomean: float
    cpu_geomean: float
    at_least: tuple[tuple[float, int], ...]
    original_ms: float
    best_ms: float
    original_cpu_ms: float
    best_cpu_ms: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole bench. ``curve`` holds (seconds spent on each query, geometric mean by then) for declared premises."""

    declared: Figures
    assumed: Figures
    broken: int
    candidates: int
    refuted: int
    seconds: float
    cpu_seconds: float
    curve: tuple[tuple[float, float], ...]


def summarize(rows: Sequence[Row]) -> Summary:
    """The figures of all rows."""
    usable = [row for row in rows if row.declared.status not in UNUSABLE]
    longest = max((row.seconds for row in usable), default=0.0)
    moments = [float(moment) for moment in MOMENTS_S if moment < longest] + ([round(longest, 1)] if usable else [])
    return Summary(
        declared=_figures(usable, [row.declared for row in usable]),
        assumed=_figures(usable, [row.assumed for row in usable]),
        broken=len(rows) - len(usable),
        candidates=sum(row.attempts for row in rows),
        refuted=sum(len(row.refuted) for row in rows),
        seconds=sum(row.seconds for row in rows),
        cpu_seconds=sum(row.cpu_seconds for row in rows),
        curve=tuple((moment, geomean(row.gain_after(moment + 0.05) for row in usable)) for moment in moments),
    )


def geomean(ratios: Iterable[float]) -> float:
    """Geometric mean; 1.0 of nothing.

    >>> geomean([1.0, 4.0])
    2.0
    """
    logs = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logs) / len(logs)) if logs else 1.0


def _figures(rows: Sequence[Row], results: Sequence[Result]) -> Figures:
    times = [_times(row, result) for row, result in zip(rows, results, strict=True)]
    original_ms, best_ms, original_cpu_ms, best_cpu_ms = (
        (sum(column) for column in zip(*times, strict=True)) if times else (0.0,) * 4
    )
    return Figures(
        queries=len(results),
        faster=_count(results, "faster"),
        unconfirmed=_count(results, "unconfirmed"),
        none=_count(results, "none"),
        refused=_count(results, "refused"),
        failed=_count(results, "failed"),
        geomean=geomean(result.gain for result in results),
        cpu_geomean=geomean(result.cpu_gain for result in results),
        at_least=tuple((level, sum(result.gain >= level for result in results)) for level in LEVELS),
        original_ms=original_ms,
        best_ms=best_ms,
        original_cpu_ms=original_cpu_ms,
        best_cpu_ms=best_cpu_ms,
    )


def _times(row: Row, result: Result) -> tuple[float, float, float, float]:
    """Wall milliseconds of the original and of what to run instead, then CPU milliseconds of both."""
    told = result.measurement
    if result.status != "faster" or told is None:
        return row.original_ms, row.original_ms, row.original_cpu_ms, row.original_cpu_ms
    return told.original_ms, told.candidate_ms, told.original_cpu_ms, told.candidate_cpu_ms


def _count(results: Sequence[Result], status: str) -> int:
    return sum(result.status == status for result in results)
