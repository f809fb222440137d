"""Bar charts as SVG, drawn here so that no plotting library is needed; they open in any browser and print well."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from querywright.runs.files import write_text

_ROW = 22
_LABEL = 230
_BAR = 420
_TOP = 44
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.bar{fill:#3b76af}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.bar{fill:#6aa5de}}"
)


def bars(title: str, counts: Mapping[str, int]) -> str:
    """A horizontal bar for each count in the given order, with the count and its share of all."""
    largest, total = max(counts.values(), default=0), sum(counts.values())
    height = _TOP + _ROW * max(1, len(counts)) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="800" height="{height}" viewBox="0 0 800 {height}" role="img">',
        f'<style>{_STYLE}</style><text class="title" x="12" y="24">{escape(title)}</text>',
    ]
    for position, (name, count) in enumerate(counts.items()):
        top = _TOP + position * _ROW
        width = _BAR * count / largest if largest else 0
        said = f"{count:,} ({count / total:.1%})" if total else "0"
        lines.append(
            f'<text x="{_LABEL - 8}" y="{top + 13}" text-anchor="end">{escape(_shortened(name))}</text>'
            f'<rect class="bar" x="{_LABEL}" y="{top}" width="{width:.1f}" height="{_ROW - 6}"/>'
            f'<text x="{_LABEL + width + 6:.1f}" y="{top + 13}">{said}</text>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def write_chart(path: Path, title: str, counts: Mapping[str, int]) -> None:
    """Write the chart of some counts."""
    write_text(path, bars(title, counts))


def _shortened(name: str) -> str:
    return name if len(name) <= 34 else f"{name[:33]}…"
