"""One self-contained HTML file about an outcome: summary, progression, difference, plans, every attempt."""

from __future__ import annotations

from html import escape
from pathlib import Path

from querywright.analyze.plans import plan_lines
from querywright.databases.database import Database
from querywright.engines.protocol import Limits
from querywright.engines.session import Session
from querywright.serve.page import html_difference, html_table, write_page
from querywright.serve.wording import evidence, milliseconds, speed, stack
from querywright.values import Attempt, Outcome


def write_report(path: Path, outcome: Outcome, database: Database, limits: Limits) -> None:
    """Write the report; raises `InputError` where the file cannot be written."""
    best = outcome.best
    name = escape(outcome.original.name or "query")
    parts = [f"<h1>{name}: {outcome.status}</h1>"]
    if best is not None:
        parts += [
            f'<p class="big">{escape(speed(best.timing))}</p>',
            f"<p>{escape(stack(best))}</p>",
            f"<p>{escape(evidence(best.verdict))}</p>",
        ]
    if outcome.reason:
        parts.append(f"<p>{escape(outcome.reason)}</p>")
    parts += ["<h2>Progression</h2>", _chart(outcome.attempts)]
    if best is not None:
        parts += ["<h2>Difference</h2>", html_difference(outcome.original.sql, best.candidate.query.sql)]
        parts += ["<h2>Plans</h2>", _plans(outcome, best, database, limits)]
    parts += ["<h2>Attempts</h2>", _attempts(outcome.attempts), "<h2>Original</h2>", f"<pre>{escape(outcome.original.sql)}</pre>"]
    parts += [
        "<h2>Measured with</h2>",
        html_table(("what", "value"), [*outcome.environment, ("seconds in all", f"{outcome.seconds:g}")]),
    ]
    write_page(path, outcome.original.name or "query", parts, "Choose another file with --report.")


def _chart(attempts: tuple[Attempt, ...]) -> str:
    """Speedup of each timed attempt in order, with the best so far as a line."""
    ratios = [attempt.timing.ratio for attempt in attempts if attempt.timing is not None]
    if not ratios:
        return "<p>Nothing was timed.</p>"
    width, height, top = 900, 220, max(2.0, *ratios) * 1.1
    step = width / (len(ratios) + 1)
    best, points, dots = 1.0, [f"0,{height - height / top:.1f}"], []
    for number, ratio in enumerate(ratios, start=1):
        best = max(best, ratio)
        x = number * step
        points.append(f"{x:.1f},{height - best / top * height:.1f}")
        y = height - ratio / top * height
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#2f6fde"><title>{ratio:.2f}x</title></circle>')
    base = height - height / top
    return (
        f'<svg viewBox="0 0 {width} {height + 20}" role="img" aria-label="speedup by attempt">'
        f'<line x1="0" y1="{base:.1f}" x2="{width}" y2="{base:.1f}" stroke="#aab" stroke-dasharray="4"/>'
        f'<text x="4" y="{base - 4:.1f}" font-size="12" fill="#667">1.0x (original)</text>'
        f'<polyline points="{" ".join(points)}" fill="none" stroke="#1d9a52" stroke-width="2"/>{"".join(dots)}'
        f'<text x="{width - 4}" y="{height + 16}" font-size="12" fill="#667" text-anchor="end">'
        f"timed attempts; best {best:.2f}x</text></svg>"
    )


def _plans(outcome: Outcome, best: Attempt, database: Database, limits: Limits) -> str:
    bindings = outcome.original.bindings[0] if outcome.original.bindings else ()
    with Session(database.location, limits) as session:
        texts = [
            "\n".join(plan_lines(session.explain(sql, bindings))) for sql in (outcome.original.sql, best.candidate.query.sql)
        ]
    shown = (
        f"<div><h3>{title}</h3><pre>{escape(text)}</pre></div>" for title, text in zip(("Before", "After"), texts, strict=True)
    )
    return f'<div class="plans">{"".join(shown)}</div>'


def _attempts(attempts: tuple[Attempt, ...]) -> str:
    rows = [
        (
            stack(attempt),
            attempt.verdict.grade,
            speed(attempt.timing),
            f"{milliseconds(attempt.timing.candidate_ms)}" if attempt.timing is not None else "",
            attempt.failure or evidence(attempt.verdict),
        )
        for attempt in attempts
    ]
    return html_table(("transforms", "grade", "speed", "time", "evidence"), rows)
