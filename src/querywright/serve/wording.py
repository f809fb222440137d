"""Values in words: the same sentences on the console, in reports and in messages."""

from __future__ import annotations

from collections.abc import Sequence

from querywright.chat.budget import Spending
from querywright.values import Attempt, Check, Premise, Timing, Verdict

GRADES = {
    "proved": "proved equal on all databases",
    "bounded": "tested equal, and proved on all small databases",
    "tested": "tested equal",
    "vacuous": "nothing was compared",
    "refuted": "different",
    "unknown": "not known",
    "unverifiable": "cannot be verified",
}


def evidence(verdict: Verdict) -> str:
    """The grade and what it rests on, in one sentence."""
    parts = [GRADES[verdict.grade]]
    checked = [text for check in verdict.checks if (text := _check(check))]
    if checked:
        parts.append(": " + "; ".join(checked))
    settled = [one for one in verdict.premises if one not in verdict.conditions]
    if settled:
        parts.append(f"; given that {' and '.join(map(premise, settled))}")
    if verdict.conditions:
        parts.append(f"; as long as {' and '.join(map(premise, verdict.conditions))}")
    if verdict.modulo:
        parts.append(f"; up to {', '.join(verdict.modulo)}")
    if verdict.reason:
        parts.append(f" ({verdict.reason})")
    return "".join(parts)


def _check(check: Check) -> str:
    if check.method == "witness":
        killed = round((check.mutation_score or 0.0) * check.mutants)
        strength = f", {killed} of {check.mutants} mutants told apart" if check.mutants else ""
        return f"{check.databases} generated databases, {check.nonempty} with rows{strength}"
    if check.method in ("full", "sample", "hidden"):
        return f"{check.rows:,} rows of {check.database} ({check.method} data)"
    if check.method == "premises":
        return f"{check.rows} declared {'fact' if check.rows == 1 else 'facts'} checked on {check.database}"
    if check.method == "bounded":
        return f"a symbolic proof for up to {check.rows} rows a table, whatever the values"
    return "a symbolic proof for databases of any size" if check.method == "symbolic" else ""


def premise(given: Premise) -> str:
    """A premise as a clause, such as ``orders(id) has no duplicates (checked)``."""
    columns = f"{given.table}({', '.join(given.columns)})"
    if given.kind == "unique":
        clause = f"{columns} has no duplicates"
    elif given.kind == "not_null":
        clause = f"{columns} has no NULLs"
    elif given.kind == "foreign_key" and given.references:
        clause = f"every {columns} occurs in {given.references[0]}({', '.join(given.references[1])})"
    elif given.kind == "fits":
        clause = f"{', '.join(given.columns)} stays in the range of {given.table}"
    else:
        clause = f"{columns} is disjoint"
    return f"{clause} ({given.basis})"


def milliseconds(value: float) -> str:
    """A time for people: ``0.42 ms``, ``12 ms``, ``3.40 s``."""
    if value >= 10_000:
        return f"{value / 1000:.1f} s"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"


def speed(timing: Timing | None) -> str:
    """A ratio with its lower bound, such as ``2.97x (at least 2.61x)``."""
    if timing is None:
        return "not measured"
    if timing.censored == "original":
        return f"at least {timing.ratio:.2f}x (the original was stopped at its limit)"
    if timing.censored == "candidate":
        return "stopped: slower than the original"
    if timing.phase == "sample":
        return f"{timing.ratio:.2f}x (sample only)"
    if timing.abandoned:
        return f"{timing.ratio:.2f}x (abandoned)"
    certainty = "99.9 %" if timing.phase == "confirm" else "95 %"
    return f"{timing.ratio:.2f}x (at least {timing.low:.2f}x with {certainty} certainty)"


def spent(spending: Spending) -> str:
    """What a model was paid."""
    tokens = f"{spending.prompt_tokens:,} + {spending.completion_tokens:,} tokens"
    unpriced = f", {spending.unpriced} of them of unknown price" if spending.unpriced else ""
    calls = f"{spending.calls} call{'' if spending.calls == 1 else 's'}"
    return f"{calls}{unpriced}, {tokens}, ${spending.cost:.4f}"


def stack(attempt: Attempt) -> str:
    """The transforms of an attempt in order, such as ``push_predicate_down → decorrelate_scalar_aggregate``."""
    return " → ".join(step.transform for step in attempt.candidate.steps) or attempt.candidate.origin.proposer


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A plain text table, columns aligned."""
    cells = [[str(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
