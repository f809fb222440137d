"""Grouped bars with intervals as one SVG file, drawn without any library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from querywright.gym.evaluation.intervals import Interval

COLORS = ("#8a94a6", "#2f6fde", "#1d9a52", "#c9741c", "#8456c4")
"""Of the series, in their order; they repeat."""

_BAR, _GAP, _LEFT, _TOP, _HEIGHT, _BOTTOM = 26, 26, 46, 58, 240, 110


def grouped_bars(title: str, groups: Sequence[str], series: Mapping[str, Sequence[Interval | None]], unit: str = "score") -> str:
    """A group of bars for each of ``groups``, a bar for each series; None where a series has no value there.

    Bars start at 0; the axis ends at 1 or the highest value.
    """
    group_width = _BAR * max(1, len(series)) + _GAP
    width = max(420, _LEFT + group_width * len(groups) + 20)
    top = max(1.0, *(value.high or value.mean for values in series.values() for value in values if value is not None), 1.0)
    base = _TOP + _HEIGHT
    height = base + _BOTTOM

    def y(value: float) -> float:
        return round(base - max(0.0, value) / top * _HEIGHT, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#1c2430">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="20" font-size="15" font-weight="600">{escape(title)}</text>',
        *_legend(list(series)),
    ]
    for tick in range(6):
        value = top * tick / 5
        parts.append(f'<line x1="{_LEFT}" y1="{y(value)}" x2="{width - 10}" y2="{y(value)}" stroke="#e3e8ef"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4}" text-anchor="end" fill="#556">{value:.1f}</text>')
    for place, group in enumerate(groups):
        left = _LEFT + _GAP / 2 + place * group_width
        for number, (name, values) in enumerate(series.items()):
            if (shown := values[place]) is not None:
                parts += _bar(left + number * _BAR, y, base, shown, name, group, unit, COLORS[number % len(COLORS)])
        middle = left + _BAR * len(series) / 2
        parts.append(
            f'<text x="{middle:.1f}" y="{base + 14}" text-anchor="end" transform="rotate(-30 {middle:.1f} {base + 14})">'
            f"{escape(group)}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])


def _bar(
    left: float, y: Callable[[float], float], base: int, shown: Interval, name: str, group: str, unit: str, color: str
) -> list[str]:
    height, center = y(shown.mean), left + (_BAR - 4) / 2
    parts = [
        f'<rect x="{left:.1f}" y="{height}" width="{_BAR - 4}" height="{max(0.5, base - height):.1f}" fill="{color}">'
        f"<title>{escape(f'{group}, {name}: {unit} {shown}')}</title></rect>",
        f'<text x="{center:.1f}" y="{(y(shown.high) if shown.high is not None else height) - 4:.1f}" text-anchor="middle" '
        f'font-size="10">{shown.mean:.2f}</text>',
    ]
    if shown.low is not None and shown.high is not None:
        parts.append(
            f'<path d="M{center:.1f} {y(shown.low)}V{y(shown.high)}M{center - 4:.1f} {y(shown.low)}h8'
            f'M{center - 4:.1f} {y(shown.high)}h8" stroke="#1c2430" fill="none"/>'
        )
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts, left = [], _LEFT
    for number, name in enumerate(names):
        parts.append(f'<rect x="{left}" y="30" width="11" height="11" fill="{COLORS[number % len(COLORS)]}"/>')
        parts.append(f'<text x="{left + 16}" y="40">{escape(name)}</text>')
        left += 34 + 7 * len(name)
    return parts
