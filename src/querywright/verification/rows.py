"""Comparison of result rows that are already in Python: exact, except for columns computed in floating point.

`TOLERANCE` is the one place that states how far two floating-point cells may lie apart and still count as equal.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from decimal import Decimal

Row = Sequence[object]

TOLERANCE = 1e-9
"""Largest relative distance of two equal cells of a floating-point column."""

_LARGEST_MATCHING = 1_000
"""Rows per side up to which an assignment is searched for where the sorted order does not give one."""


def unmatched(original: Iterable[Row], candidate: Iterable[Row], floating: frozenset[int]) -> tuple[list[Row], list[Row]]:
    """Rows of each side that have no partner on the other side when both are taken as bags; two empty lists mean equal.

    NULLs are equal to each other, and so are NaNs. A row has at most one partner.
    """
    left, right = _subtract(original, candidate)
    if not floating or not left or not right:
        return left, right
    groups: dict[Hashable, tuple[list[Row], list[Row]]] = {}
    for side, rows in enumerate((left, right)):
        for row in rows:
            exact = tuple(_hashable(cell) for position, cell in enumerate(row) if position not in floating)
            groups.setdefault(exact, ([], []))[side].append(row)
    left, right = [], []
    for ours, theirs in groups.values():
        own_rest, their_rest = _match(ours, theirs, sorted(floating))
        left += own_rest
        right += their_rest
    return left, right


def close(left: object, right: object) -> bool:
    """Whether two cells of a floating-point column are equal within `TOLERANCE`."""
    if left is None or right is None:
        return left is right
    if not isinstance(left, (int, float, Decimal)) or not isinstance(right, (int, float, Decimal)):
        return left == right
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    a, b = float(left), float(right)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or (math.isfinite(a) and math.isfinite(b) and abs(a - b) <= TOLERANCE * max(abs(a), abs(b)))


def same_sequence(original: Sequence[Row], candidate: Sequence[Row], positions: Sequence[int], floating: frozenset[int]) -> bool:
    """Whether the cells at ``positions`` agree row by row."""
    return len(original) == len(candidate) and all(
        close(ours[position], theirs[position])
        if position in floating
        else _hashable(ours[position]) == _hashable(theirs[position])
        for ours, theirs in zip(original, candidate, strict=True)
        for position in positions
    )


def _subtract(original: Iterable[Row], candidate: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    ours = [(_hashable_row(row), row) for row in original]
    theirs = [(_hashable_row(row), row) for row in candidate]
    left = _rest(ours, Counter(key for key, _ in theirs))
    right = _rest(theirs, Counter(key for key, _ in ours))
    return left, right


def _rest(rows: list[tuple[Hashable, Row]], other: Counter[Hashable]) -> list[Row]:
    rest = []
    for key, row in rows:
        if other[key] > 0:
            other[key] -= 1
        else:
            rest.append(row)
    return rest


def _hashable_row(row: Row) -> Hashable:
    return tuple(map(_hashable, row))


def _hashable(cell: object) -> Hashable:
    """A stand-in with SQL's equality: NaN equals NaN, nested values are compared as a whole."""
    if isinstance(cell, float) and math.isnan(cell):
        return "NaN", float
    if isinstance(cell, (list, tuple)):
        return tuple(map(_hashable, cell))
    if isinstance(cell, dict):
        return tuple((key, _hashable(value)) for key, value in cell.items())
    if isinstance(cell, (bytearray, memoryview)):
        return bytes(cell)
    return cell


def _match(ours: list[Row], theirs: list[Row], floating: Sequence[int]) -> tuple[list[Row], list[Row]]:
    """Pair rows whose floating cells are close; return what is left of both sides."""
    if not ours or not theirs:
        return ours, theirs

    def near(left: Row, right: Row) -> bool:
        return all(close(left[position], right[position]) for position in floating)

    def rank(row: Row) -> tuple[tuple[int, float], ...]:
        return tuple(_rank(row[position]) for position in floating)

    ours, theirs = sorted(ours, key=rank), sorted(theirs, key=rank)
    if len(ours) == len(theirs) and all(map(near, ours, theirs)):
        return [], []
    if max(len(ours), len(theirs)) > _LARGEST_MATCHING:
        pairs = [near(left, right) for left, right in zip(ours, theirs, strict=False)]
        rest_ours = [row for row, paired in zip(ours, pairs, strict=False) if not paired] + ours[len(pairs) :]
        return rest_ours, [row for row, paired in zip(theirs, pairs, strict=False) if not paired] + theirs[len(pairs) :]
    partner: dict[int, int] = {}
    neighbors = [[j for j, other in enumerate(theirs) if near(row, other)] for row in ours]
    alone = [row for i, row in enumerate(ours) if not _assign(i, neighbors, partner, set())]
    return alone, [row for j, row in enumerate(theirs) if j not in partner]


def _assign(row: int, neighbors: list[list[int]], partner: dict[int, int], tried: set[int]) -> bool:
    """Give ``row`` a partner, moving others to different ones where needed (augmenting path)."""
    for other in neighbors[row]:
        if other in tried:
            continue
        tried.add(other)
        if other not in partner or _assign(partner[other], neighbors, partner, tried):
            partner[other] = row
            return True
    return False


def _rank(cell: object) -> tuple[int, float]:
    if isinstance(cell, (int, float, Decimal)) and not (isinstance(cell, float) and math.isnan(cell)):
        return 1, float(cell)
    return (0, 0.0) if cell is None else (2, 0.0)
