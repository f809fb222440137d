"""Reads off a query's text how its answer is ordered and cut, without a parser: only what stands outside all brackets counts.

Part of the audit, so it uses the standard library alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \$(\w*)\$.*?\$\1\$ | \w+ | \S""",
    re.DOTALL | re.VERBOSE,
)
_CUTS = {"LIMIT", "OFFSET", "FETCH"}
_DIRECTION = re.compile(r"(?:ASC|DESC)?(?:NULLS(?:FIRST|LAST))?")


@dataclass(frozen=True, slots=True)
class Outermost:
    """The outermost ORDER BY as its items' words, and the text up to the outermost LIMIT (None: there is no LIMIT)."""

    order: tuple[tuple[str, ...], ...]
    without_limit: str | None

    def sort_columns(self, names: Sequence[str]) -> list[int]:
        """Positions among the output columns ``names`` of the leading sort keys, as far as these are plain output columns.

        In every valid answer the sequence of their values is the same.
        """
        known = [name.lower() for name in names]
        columns: list[int] = []
        for words in self.order:
            name = words[0].strip('"`').lower()
            if not _DIRECTION.fullmatch("".join(words[1:]).upper()):
                break
            if name.isdigit() and 1 <= int(name) <= len(known):
                columns.append(int(name) - 1)
            elif known.count(name) == 1:
                columns.append(known.index(name))
            else:
                break
        return columns


def outermost(sql: str) -> Outermost:
    """How the outermost query orders and cuts its answer.

    >>> outermost("SELECT a FROM (SELECT * FROM t ORDER BY c LIMIT 3) ORDER BY a DESC, 2 LIMIT 5").order
    (('a', 'DESC'), ('2',))
    """
    words = list(_outside_brackets(sql))
    upper = [word.upper() for word, _ in words]
    starts = [place for place in range(len(words) - 1) if upper[place : place + 2] == ["ORDER", "BY"]]
    first = starts[-1] + 2 if starts else len(words)
    tail = first if starts else 0
    cut = next((place for place in range(tail, len(words)) if upper[place] in _CUTS), len(words))
    items: list[list[str]] = [[]]
    for word, _ in words[first:cut]:
        if word == ",":
            items.append([])
        elif word != ";":
            items[-1].append(word)
    order = tuple(tuple(item) for item in items if item)
    return Outermost(order, sql[: words[cut][1]] if cut < len(words) else None)


def _outside_brackets(sql: str) -> Iterator[tuple[str, int]]:
    """Words with their positions; brackets themselves count, so that an item that holds any is not a plain column."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        word = match[0]
        if word.startswith(("--", "/*")):
            continue
        if word in "([{":
            depth += 1
        if depth <= (1 if word in "([{" else 0):
            yield word, match.start()
        if word in ")]}":
            depth -= 1
