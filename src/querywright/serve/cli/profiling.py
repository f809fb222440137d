"""``qw profile``: measures what each transform gains on an engine, and keeps the figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from querywright.analyze.figures import HARMFUL, Figure, known_figures, write_figures
from querywright.profiling import Unmeasured, profile
from querywright.serve.cli.console import Progress
from querywright.serve.cli.inputs import check_writable
from querywright.serve.wording import table
from querywright.settings import settings


def run(engine: str, out: Path | None, seconds: float, scale: float | None, only: Sequence[str], as_json: bool) -> int:
    """Print one line a slow query as it is measured, then the table; write the figures to ``out`` or to the user's own file."""
    check_writable(out, "--out")
    path = out or settings().figures
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    figures: list[Figure] = []
    unmeasured: list[Unmeasured] = []
    for item in profile(engine, scale=scale, only=only, limit_s=seconds, progress=Progress(console).workload):
        if isinstance(item, Figure):
            figures.append(item)
            write_figures(path, figures)
            said = f"{item.ratio:g}x ({bounds(item)}), original {item.original_ms:g} ms"
        else:
            unmeasured.append(item)
            said = f"not measured: {item.reason}"
        console.print(f"{item.transform}, {item.query or 'no query'}: {said}", markup=False)
    known_figures.cache_clear()
    if as_json:
        document = {
            "figures": [asdict(figure) for figure in figures],
            "unmeasured": [asdict(item) for item in unmeasured],
            "written_to": str(path) if figures else None,
        }
        print(json.dumps(document, indent=2))
        return 0
    if figures:
        console.print()
        console.print(summary(figures), markup=False)
        console.print(f"\nWritten to {path}; they order the search from now on." if out is None else f"\nWritten to {path}.")
    return 0


def summary(figures: Sequence[Figure]) -> str:
    """The table of transforms and engine versions; a star marks ratios that are clearly a loss."""
    versions = sorted({f"{figure.engine} {figure.version}" for figure in figures})
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for figure in figures:
        mark = " *" if figure.high < HARMFUL else ""
        cell = f"{figure.ratio:g} ({bounds(figure)}){mark}"
        rows.setdefault((figure.transform, figure.query), {})[f"{figure.engine} {figure.version}"] = cell
    return table(
        ("transform", "slow query", *versions),
        [(*key, *(cells.get(version, "") for version in versions)) for key, cells in sorted(rows.items())],
    )


def bounds(figure: Figure) -> str:
    """The interval of a ratio, an unknown upper bound left out."""
    return f"{figure.low:g} to {figure.high:g}" if figure.high < 1e6 else f"at least {figure.low:g}"
