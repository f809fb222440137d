"""What self-contained HTML pages share: their style, tables, text differences, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from querywright.errors import InputError
from querywright.sql.difference import unified

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}pre{background:#f5f7fa;padding:.8rem;overflow-x:auto;font-size:13px;line-height:1.4}
.added{background:#e3f6e5;color:#0b5d1e}.removed{background:#fde8e8;color:#8c1c1c}.same{color:#556}
table{border-collapse:collapse;width:100%;font-size:14px}
td,th{border-bottom:1px solid #dde3ea;padding:.3rem .5rem;text-align:left;vertical-align:top}
.big{font-size:2rem;font-weight:600}.plans{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
@media(max-width:50rem){.plans{grid-template-columns:1fr}}
"""


def write_page(path: Path, title: str, parts: Sequence[str], remedy: str) -> None:
    """Write the page; raises `InputError` with ``remedy`` where the file cannot be written."""
    head = f'<head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head>'
    body = "\n".join(parts)
    try:
        path.write_text(f'<!doctype html><html lang="en">{head}<body>{body}</body></html>\n', encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", remedy) from error


def html_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain texts."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in headers)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def html_difference(before: str, after: str) -> str:
    """A line diff of two SQL texts."""
    signs = {"added": "+", "removed": "-"}
    lines = (
        f'<span class="{line.kind}">{signs.get(line.kind, " ")} {escape(line.text)}</span>' for line in unified(before, after)
    )
    return "<pre>" + "\n".join(lines) + "</pre>"
