"""Rows that a database holds on purpose: all boundary values of a cell side by side, and groups as large as a query counts to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.verification.solutions import Solution
from querywright.verification.terms import NotEvaluable, Value, counts
from querywright.verification.values import identifying_value

_LARGEST = 1000
_MOST_THRESHOLDS = 4
_MOST_SWEPT = 24

_RANKING = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.PercentRank, exp.CumeDist)
_STEPPING = (exp.Lag, exp.Lead, exp.NthValue, exp.Ntile)

Cells = dict[str, Value]
Threshold = tuple[Literal["count", "cut"], int]
"""A number of rows that a query compares the size of groups with, or that it cuts its rows at."""


class Planter:
    """Makes rows of solutions; ``keys`` are the columns of each table's keys, by lower-case table name."""

    def __init__(self, rng: random.Random, keys: Mapping[str, Sequence[Sequence[str]]], fresh: int) -> None:
        self.rng = rng
        self.keys = keys
        self.fresh = fresh

    def identifier(self, kind: str) -> Value:
        """A value that no row has yet; raises `NotEvaluable` for kinds without that many values."""
        self.fresh += 1
        return identifying_value(self.fresh, kind)

    def own_identifiers(self, found: Solution, values: Sequence[Value]) -> list[int]:
        """The identifiers that a twin has for itself: one, those of one table, or some; it shares the others."""
        free = [position for position in sorted(found.identifying) if values[position] is not None]
        dice = self.rng.random()
        if not free or dice < 0.3:
            return self.rng.sample(free, min(len(free), 1))
        if dice < 0.6:
            table = self.rng.choice(found.rows)[0]
            own = {position for name, cells, _ in found.rows if name == table for position in cells.values()}
            return [position for position in free if position in own]
        share = self.rng.choice((0.2, 0.5, 1.0))
        return [position for position in free if self.rng.random() < share]

    def own_cells(self, found: Solution) -> Sequence[int]:
        """The other cells that a twin differs in: a few, or all that results are computed from."""
        telling = found.changeable[: found.telling]
        if self.rng.random() < 0.3:
            return [position for position in telling if not found.hints[position]]
        others = telling if self.rng.random() < 0.7 else found.changeable
        return self.rng.sample(others, min(len(others), self.rng.choice((0, 1, 1, 2, 3))))

    def sweep(self, found: Solution, positions: Sequence[int], values: Sequence[Value]) -> Iterator[tuple[str, Cells]]:
        """Rows in which the cells at ``positions`` take one value after the other, in one group or each in its own."""
        if len(values) > _MOST_SWEPT:
            values = self.rng.sample(values, _MOST_SWEPT)
        apart = self.rng.random() < 0.5
        others = [other for other in sorted(found.grouping) if apart and other not in positions and not found.hints[other]]
        renewed = self._following(found, [*positions, *others]) - set(positions)
        for value in values:
            yield from self._rows(found, {**self._renewed(found, renewed), **dict.fromkeys(positions, value)})

    def crowd(self, found: Solution, threshold: Threshold, *, alike: bool) -> Iterator[tuple[str, Cells]]:
        """Groups of just below, at and just above a number of rows, or more rows than are cut off.

        Rows of a group are ``alike`` but for their key, or differ in all cells that nothing asks anything of.
        """
        shape, number = threshold
        grouping = [position for position in sorted(found.grouping) if not found.hints[position]]
        if shape == "cut" and grouping and not alike:
            renewed = self._following(found, grouping)
            for _ in range(number + 2):
                yield from self._rows(found, self._renewed(found, renewed))
            return
        if not found.copied:
            return
        index, keys = self.rng.choice(found.copied)
        table, cells, _ = found.rows[index]
        uses = _uses(found)
        shared = [position for position in cells.values() if uses[position] > 1 and position in found.identifying]
        apart = [position for position in grouping if position in cells.values()] or shared if shape == "count" else []
        kept = found.grouping | found.partitioning | found.identifying
        differing = [
            position for position in cells.values() if uses[position] == 1 and not found.hints[position] and position not in kept
        ]
        around = (number - 1, number, number + 1)
        sizes = (number + 2,) if shape == "cut" else around if apart else (self.rng.choice(around),)
        for size in sizes:
            own = self._renewed(found, self._following(found, apart))
            rows = list(self._rows(found, own))
            yield from rows
            for _ in range(size - any(name == table for name, _ in rows)):
                changes = {**own, **self._renewed(found, [] if alike else differing)}
                copy = {column: changes.get(position, found.values[position]) for column, position in cells.items()}
                yield table, {**copy, **{key: self.identifier(found.kinds[cells[key]]) for key in keys}}

    def _following(self, found: Solution, positions: Iterable[int]) -> frozenset[int]:
        """``positions``, and the identifiers that have to differ as well for keys to hold."""
        renewed = set(positions)
        uses = _uses(found)
        growing = True
        while growing:
            growing = False
            for table, cells, tag in found.rows[: found.drafted]:
                if tag or renewed.isdisjoint(cells.values()):
                    continue
                for key in self.keys[table.lower()]:
                    own = [cells[column] for column in key if column in cells]
                    free = [position for position in own if position in found.identifying]
                    if free and renewed.isdisjoint(own):
                        renewed.add(min(free, key=lambda position: uses[position]))
                        growing = True
        return frozenset(renewed)

    def _renewed(self, found: Solution, positions: Iterable[int]) -> dict[int, Value]:
        fresh: dict[int, Value] = {}
        for position in sorted(positions):
            try:
                fresh[position] = self.identifier(found.kinds[position])
            except NotEvaluable:
                continue
        return fresh

    def _rows(self, found: Solution, changes: Mapping[int, Value]) -> Iterator[tuple[str, Cells]]:
        """The rows of a solution that hold one of the changed cells."""
        for table, cells, tag in found.rows[: found.drafted]:
            if not tag and any(position in changes for position in cells.values()):
                yield table, {column: changes.get(position, found.values[position]) for column, position in cells.items()}


def swept(solutions: Sequence[Solution]) -> list[list[tuple[Solution, int]]]:
    """For each column with boundaries the places in ``solutions`` where it can be swept over them."""
    places: dict[tuple[str, str], list[tuple[Solution, int]]] = {}
    for found in solutions:
        for table, cells, tag in found.rows[: found.drafted]:
            for column, position in cells.items():
                if found.boundaries[position] and position not in found.steady and not tag:
                    places.setdefault((table.lower(), column), []).append((found, position))
    return list(places.values())


def thresholds(facts: Facts) -> list[Threshold]:
    """The numbers of rows that decide something in a query, as far as databases can have so many."""
    found: dict[Threshold, None] = {}
    counted = {
        projection.alias_or_name.lower(): "count" if _counting(projection) else "cut"
        for select in facts.selects()
        for projection in select.selects
        if _counting(projection) or projection.find(*_RANKING) is not None
    }
    for node in facts.tree.walk():
        if isinstance(node, (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)):
            column = node.this.name.lower() if isinstance(node.this, exp.Column) else ""
            shape = "count" if _counting(node.this) else "cut" if node.this.find(*_RANKING) else counted.get(column)
            for bound in node.iter_expressions():
                if shape is not None and isinstance(bound, exp.Literal):
                    found["count" if shape == "count" else "cut", _whole(bound)] = None
        elif isinstance(node, (exp.Limit, exp.Offset)):
            found["cut", _whole(node.expression)] = None
        elif isinstance(node, exp.Query) and node.args.get("offset") is not None and node.args.get("limit") is not None:
            found["cut", _whole(node.args["limit"].expression) + _whole(node.args["offset"].expression)] = None
        elif isinstance(node, (exp.WindowSpec, *_STEPPING)):
            for literal in node.iter_expressions():
                found["cut", _whole(literal)] = None
    fitting = sorted((threshold for threshold in found if 1 < threshold[1] <= _LARGEST), key=lambda one: (one[0], -one[1]))
    return fitting[:_MOST_THRESHOLDS]


def _counting(node: exp.Expr) -> bool:
    return any(counts(part) for part in node.walk())


def _whole(node: exp.Expr | None) -> int:
    return int(node.name) if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit() else 0


def _uses(found: Solution) -> Counter[int]:
    return Counter(position for _, cells, _ in found.rows[: found.drafted] for position in cells.values())
