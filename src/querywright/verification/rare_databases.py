"""Databases of their own for rare values: among ordinary rows NaN would make every sum NaN, and years of 1900 every span long.

A solution of a query is planted, and beside it rows in which one column holds the rare values; where a query reads several
floating-point columns, rows in which all of them do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from querywright.verification.databases import Builder, Witness
from querywright.verification.rare_values import Batch
from querywright.verification.solutions import Solution

_MOST_DATABASES = 10

Place = tuple[Solution, tuple[int, ...], Batch]
"""The positions of a solution that hold the values of a batch, all of them the same one at a time."""


def rare_databases(builder: Builder) -> list[Witness]:
    """A database for each batch of each column, as many as are affordable; none where no column has rare values."""
    if not builder.whole:
        return []
    rounds = zip_longest(*_places(builder.deliberate_solutions))  # the first batch of each column, then the second ones
    chosen = [place for places in rounds for place in places if place is not None]
    return [builder.sweeping(*place) for place in chosen[:_MOST_DATABASES]]


def _places(solutions: Sequence[Solution]) -> Iterator[list[Place]]:
    """For each column its places, one for each batch."""
    columns: dict[tuple[str, str], list[Place]] = {}
    together: list[Place] = []
    for found in solutions:
        floating: dict[int, tuple[Batch, ...]] = {}
        for table, cells, tag in found.rows[: found.drafted]:
            for column, position in cells.items():
                batches = found.rare[position]
                if not batches or position in found.steady or tag:
                    continue
                if len(batches) > len(columns.get((table.lower(), column), ())):
                    columns[table.lower(), column] = [(found, (position,), batch) for batch in batches]
                if found.kinds[position] == "float":
                    floating[position] = batches
        if len(floating) > 1 and not together:
            together = [(found, tuple(sorted(floating)), batch) for batch in next(iter(floating.values()))]
    yield from columns.values()
    if together:
        yield together
