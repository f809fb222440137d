"""A bench in words: the same table and sentences on the console and in its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from querywright.bench.auditing import Audit
from querywright.bench.comparison import Comparison, Rival, Standing
from querywright.bench.results import Measurement, Result, Row
from querywright.bench.running import Report
from querywright.bench.summary import Figures, Summary
from querywright.serve.wording import milliseconds, premise

QUERY_HEADERS = (
    "query",
    "status",
    "original",
    "best",
    "speedup",
    "interval",
    "unconfirmed",
    "checked keys",
    "CPU",
    "grade",
    "premises",
    "transforms",
)
COMPARISON_HEADERS = ("query", "ours", "speedup", "theirs", "speedup", "grade", "because")


def query_cells(row: Row) -> tuple[str, ...]:
    """A row of the table; what is recommended only with checked keys assumed has a column of its own."""
    result = row.declared
    told = result.measurement if result.status in ("faster", "unconfirmed") else None
    faster = result.status == "faster" and told is not None
    assumed = row.assumed
    resting = assumed if assumed.status == "faster" and assumed.conditions else result
    return (
        row.query,
        result.status,
        milliseconds(told.original_ms if told else row.original_ms) if row.original_ms or told else "",
        milliseconds(told.candidate_ms if told and faster else row.original_ms) if row.original_ms else "",
        f"{result.gain:.2f}x" if result.status not in ("broken", "failed") else "",
        interval(told) if told and faster else "",
        f"{'≥ ' if told.bound else ''}{told.ratio:.2f}x" if told and not faster else "",
        f"{assumed.gain:.2f}x" if assumed.status not in ("broken", "failed") else "",
        f"{result.cpu_gain:.2f}x" if faster else "",
        resting.grade or "",
        "; ".join(map(premise, resting.premises)),
        " → ".join(resting.transforms),
    )


def interval(told: Measurement) -> str:
    """The bounds of a ratio."""
    high = f"{told.high:.2f}" if told.high < 1e6 else "…"
    return f"{told.low:.2f} to {high}"


def query_line(row: Row, earlier: bool) -> str:
    """One line for a completed query."""
    result = row.declared
    parts = [f"{row.query:>6}  {result.status:<11}"]
    if result.measurement is not None and result.status in ("faster", "unconfirmed"):
        told = result.measurement
        parts.append(f"{'at least ' if told.bound else ''}{told.ratio:.2f}x ({interval(told)})")
        parts.append(f"{milliseconds(told.original_ms)} → {milliseconds(told.candidate_ms)}  {' → '.join(result.transforms)}")
    elif result.status in ("broken", "failed", "refused"):
        parts.append(problem(result))
    if resting_only(row):
        parts.append(f"with checked keys {row.assumed.gain:.2f}x ({' → '.join(row.assumed.transforms)})")
    parts.append("(earlier)" if earlier else f"{row.attempts} candidates, {row.seconds:.0f} s")
    return "  ".join(parts)


def resting_only(row: Row) -> bool:
    """Whether assuming checked keys changes what is recommended."""
    return row.assumed.status == "faster" and bool(row.assumed.conditions)


def summary_lines(report: Report) -> Iterator[str]:
    """The figures in sentences."""
    summary = report.summary
    yield f"Declared facts only:    {_figures(summary.declared)}"
    yield f"Checked keys assumed:   {_figures(summary.assumed)}"
    yield _times("Wall time", summary.declared.original_ms, summary.declared.best_ms)
    yield _times("CPU time", summary.declared.original_cpu_ms, summary.declared.best_cpu_ms) + (
        f" (geometric mean {summary.declared.cpu_geomean:.3f})"
    )
    yield _effort(summary)
    if summary.curve:
        yield "Geometric mean by seconds a query: " + ", ".join(f"{moment:g} s {mean:.3f}" for moment, mean in summary.curve)


def _figures(figures: Figures) -> str:
    levels = ", ".join(f"{count} at {level:g}x" for level, count in figures.at_least)
    others = {"unconfirmed": figures.unconfirmed, "none": figures.none, "refused": figures.refused, "failed": figures.failed}
    rest = ", ".join(f"{count} {status}" for status, count in others.items() if count)
    told = f"{figures.queries} queries, geometric mean {figures.geomean:.3f}; {figures.faster} faster ({levels})"
    return f"{told}; {rest}" if rest else told


def _times(what: str, original_ms: float, best_ms: float) -> str:
    return f"{what} of all queries: {milliseconds(original_ms)} → {milliseconds(best_ms)}"


def _effort(summary: Summary) -> str:
    broken = f"; {summary.broken} could not be used" if summary.broken else ""
    spent = f"{summary.seconds:.0f} s and {summary.cpu_seconds:.0f} s of CPU spent"
    return f"{summary.candidates} candidates judged, {summary.refuted} different; {spent}{broken}"


def comparison_cells(comparison: Comparison) -> tuple[str, ...]:
    """Ours and theirs for one query."""
    ours, theirs = comparison.ours, comparison.theirs
    because = problem(theirs) if theirs.status in ("refuted", "unverified", "broken", "failed") else ""
    return (comparison.query, ours.status, _ratio(ours), theirs.status, _ratio(theirs), theirs.grade or "", because)


def _ratio(rival: Rival) -> str:
    return f"{rival.measurement.ratio:.2f}x ({interval(rival.measurement)})" if rival.measurement is not None else ""


def standing_lines(standings: tuple[Standing, Standing]) -> Iterator[str]:
    """The figures of both sides."""
    for whose, standing in zip(("Ours", "Theirs"), standings, strict=True):
        statuses = ", ".join(f"{count} {status}" for status, count in standing.statuses)
        means = f"geometric mean {standing.geomean:.3f}, {standing.raw_geomean:.3f} if run unseen"
        yield f"{whose + ':':<7} {means}; {statuses}; ahead in {standing.won}"


def audit_lines(audit: Audit) -> Iterator[str]:
    """The result of an audit, with the offenders by name."""
    yield f"Audit of {len(audit.findings)} recommendations on {' and '.join(audit.sources)}:"
    for finding in audit.findings:
        note = f"  {finding.reason}" if finding.reason else ""
        ratio = "" if finding.state == "different" else f"  audited {finding.ratio:.2f}x"
        shown = {"empty": "equal, but no rows"}.get(finding.state, finding.state)
        yield f"{finding.query:>6}  claimed {finding.claimed:.2f}x{ratio}  {shown}, {finding.rows} rows{note}"
    for what, names in (("different", audit.different), ("slower", audit.slower)):
        yield f"{len(names)} {what}{': ' + ', '.join(names) if names else ''}"
    undecided = [finding.query for finding in audit.findings if finding.state in ("undecided", "empty")]
    if undecided:
        yield f"{len(undecided)} not decided: {', '.join(undecided)}"


def broken_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Queries that came to nothing, and why."""
    for row in rows:
        for result in dict.fromkeys((row.declared, row.assumed)):
            if result.status in ("broken", "failed"):
                yield f"{row.source}: {problem(result)}"


def problem(result: Result | Rival) -> str:
    """Why a query or rewrite came to nothing, in one line; its file holds the trace of a failure."""
    if result.status == "failed" and result.reason.startswith("Traceback"):
        return result.reason.strip().splitlines()[-1]
    return " ".join(result.reason.split())
