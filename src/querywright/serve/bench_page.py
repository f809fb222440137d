"""One self-contained HTML file about a bench: figures, gain against time, every query, comparison, audit."""

from __future__ import annotations

from html import escape
from pathlib import Path

from querywright.bench.comparison import Comparison
from querywright.bench.results import Row
from querywright.bench.running import Report
from querywright.serve.bench_wording import (
    COMPARISON_HEADERS,
    QUERY_HEADERS,
    audit_lines,
    broken_lines,
    comparison_cells,
    query_cells,
    standing_lines,
    summary_lines,
)
from querywright.serve.page import html_difference, html_table, write_page
from querywright.serve.wording import premise


def write_bench_page(path: Path, report: Report) -> None:
    """Write the page; raises `InputError` where the file cannot be written."""
    figures = report.summary.declared
    parts = [
        f"<h1>Bench of {escape(report.label)}</h1>",
        f'<p class="big">{figures.geomean:.3f}x over {figures.queries} queries, {figures.faster} faster</p>',
        _list(list(summary_lines(report))),
        "<h2>Geometric mean against seconds spent on each query</h2>",
        _curve(report.summary.curve),
        "<h2>Queries</h2>",
        html_table(QUERY_HEADERS, [query_cells(row) for row in report.rows]),
    ]
    if broken := list(broken_lines(report.rows)):
        parts += ["<h2>Could not be used</h2>", _list(broken)]
    if report.standings is not None:
        parts += ["<h2>Comparison</h2>", _list(list(standing_lines(report.standings)))]
        parts += [html_table(COMPARISON_HEADERS, [comparison_cells(comparison) for comparison in report.comparisons])]
        parts += [_counterexample(comparison) for comparison in report.comparisons if comparison.theirs.counterexample]
    if report.audit is not None:
        parts += ["<h2>Audit</h2>", _list(list(audit_lines(report.audit)))]
    parts += ["<h2>Rewrites</h2>", *(_rewrite(row) for row in report.rows if row.assumed.status == "faster")]
    environment = next((row.environment for row in report.rows if row.environment), ())
    asked = (("seconds a query", f"{report.request.seconds:g}"), ("limit of a statement", f"{report.request.timeout_s:g} s"))
    parts += ["<h2>Measured with</h2>", html_table(("what", "value"), [*environment, *asked, ("seed", str(report.request.seed))])]
    write_page(path, f"Bench of {report.label}", parts, "Choose another folder with --out.")


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _rewrite(row: Row) -> str:
    result = row.declared if row.declared.status == "faster" else row.assumed
    title = f"{row.query}: {result.gain:.2f}x, {' → '.join(result.transforms)}"
    if result.conditions:
        title += f", as long as {' and '.join(map(premise, result.conditions))}"
    return f"<details><summary>{escape(title)}</summary>{html_difference(row.original, result.sql or '')}</details>"


def _counterexample(comparison: Comparison) -> str:
    title = f"{comparison.query}: a database on which their rewrite answers differently"
    return f"<details><summary>{escape(title)}</summary><pre>{escape(comparison.theirs.counterexample or '')}</pre></details>"


def _curve(curve: tuple[tuple[float, float], ...]) -> str:
    if not curve:
        return "<p>Nothing was measured.</p>"
    width, height = 900, 200
    last, top = curve[-1][0], max(1.1, max(mean for _, mean in curve) * 1.02)

    def place(moment: float, mean: float) -> str:
        return f"{moment / last * (width - 60) + 50:.1f},{height - (mean - 1) / (top - 1) * (height - 20):.1f}"

    points, reached = [place(0, 1)], 1.0
    for moment, mean in curve:  # steps: a gain counts from the moment it is known
        points += [place(moment, reached), place(moment, mean)]
        reached = mean
    marks = "".join(
        f'<circle cx="{place(moment, mean).split(",")[0]}" cy="{place(moment, mean).split(",")[1]}" r="3" fill="#1d9a52">'
        f"<title>{moment:g} s: {mean:.3f}x</title></circle>"
        for moment, mean in curve
    )
    return (
        f'<svg viewBox="0 0 {width} {height + 24}" role="img" aria-label="geometric mean by seconds">'
        f'<text x="0" y="{height}" font-size="12" fill="#667">1.0x</text>'
        f'<text x="0" y="20" font-size="12" fill="#667">{top:.2f}x</text>'
        f'<polyline points="{" ".join(points)}" fill="none" stroke="#1d9a52" stroke-width="2"/>{marks}'
        f'<text x="{width - 4}" y="{height + 18}" font-size="12" fill="#667" text-anchor="end">{last:g} s a query</text></svg>'
    )
