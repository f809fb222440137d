"""Small adversarial databases for a query: planted rows that pass its predicates, and what makes data nasty around them.

Each database holds one to four solutions of the query (see `querywright.verification.solutions`), then a number of random
changes: copies of rows with one cell changed to a NULL, a neighbor of a constant or another row's value; duplicates;
deletions; rows at random. Some databases are empty, some lack the rows of one table, some hold nothing but solutions.
All of them obey the keys, foreign keys and NOT NULLs that the schema enforces or declares, and no others.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from querywright.sql.facts import Facts
from querywright.values import Bindings, Scalar
from querywright.verification.checks import Checks
from querywright.verification.constraints import keyed, remove_orphans
from querywright.verification.narrowing import columns_read
from querywright.verification.planting import Cells, Planter, swept, thresholds
from querywright.verification.solutions import Solution, solutions_of
from querywright.verification.terms import NotEvaluable, Value, as_kind, kind_of
from querywright.verification.values import fits, plain_values

_MOST_ROWS = 12
_MOST_BRED = 24
_SWEPT_AT_ONCE = 2
_WITHOUT_ONE_TABLE = (4, 15)
"""Shapes of databases in which one table is empty beside full ones."""

_WITH_ONE_NULL = (7, 12, 17)
"""Shapes of databases with one more row, in which one cell is NULL: each column that may hold NULL has its turn, so that what NOT
IN, outer joins and aggregates make of it is not left to chance."""

_FIRST_CROWD = 6
_CROWDS_APART = 8
"""Even numbers: where the query has a LIMIT, databases of odd numbers are asked with a small one."""
_FRESH = 700
"""Identifiers from here on are of rows that were not planted."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One database: rows by lower-case table name, in the order of the table's columns, and values of the query's parameters."""

    rows: Mapping[str, tuple[tuple[Value, ...], ...]]
    parameters: Bindings = ()


@dataclass(frozen=True, slots=True)
class _Single:
    """The row that a scalar subquery selects by the values in ``pins`` to return those in ``steady``."""

    tag: str
    table: str
    row: Cells
    pins: frozenset[str]
    steady: frozenset[str]


class Builder:
    """Makes witness databases over the tables of the queries' schema, the same ones whenever the seed is the same.

    ``crowded`` databases hold several times as many rows.
    """

    def __init__(self, queries: Sequence[Facts], bindings: Sequence[Bindings], seed: int, *, crowded: bool = False) -> None:
        self.rng = random.Random(seed)
        self.scale = 3 if crowded else 1
        self.tables = {table.name.lower(): table for table in queries[0].schema.tables}
        pool = solutions_of(queries, [dict(values) for values in bindings] or [{}], self.rng)
        read = columns_read(queries)
        self.kinds = {
            (name, column.name.lower()): kind_of(column.type) for name, table in self.tables.items() for column in table.columns
        }
        self.checks = {name: Checks(table, self.rng) for name, table in self.tables.items()}
        self.pool = [found for _, found in pool]
        whole = [found for kind, found in pool if kind in ("whole", "uniform")]
        self.whole = sorted(whole, key=lambda found: -found.solved)[:5]
        self.read = {name: sorted(read.get(name, ())) for name in self.tables}
        self.nullable = [
            (name, column.name.lower())
            for name, table in self.tables.items()
            for column in table.columns
            if not column.not_null and column.name.lower() in self.read[name] and not self.in_key(name, column.name.lower())
        ]
        self.hints: dict[tuple[str, str], list[Value]] = {}
        for found in self.pool:
            for table, cells, _ in found.rows:
                for column, position in cells.items():
                    known = self.hints.setdefault((table.lower(), column), [])
                    known += [value for value in found.hints[position] if value not in known]
        keys = {name: [[column.lower() for column in key.columns] for key in table.keys] for name, table in self.tables.items()}
        self.planter = Planter(self.rng, keys, _FRESH)
        self.deliberate_solutions = [found for kind, found in pool if kind in ("whole", "uniform", "block")]
        self.swept = swept(self.deliberate_solutions)
        self.rng.shuffle(self.swept)
        self.turn = 0
        sizes = dict.fromkeys(size for facts in queries for size in thresholds(facts))
        self.most_bred = max([_MOST_BRED, *(4 * number for shape, number in sizes if shape == "count")])
        self.crowds = [(size, alike) for alike in (False, True) for size in sizes]

    def witness(self, position: int) -> Witness:
        """Database number ``position``; numbers 0 and 1 of twenty are empty and random."""
        rows: dict[str, list[Cells]] = {name: [] for name in self.tables}
        parameters: Mapping[str, Value] = self.pool[0].parameters if self.pool else {}
        planted: list[_Single] = []
        shape = position % 20  # 0: nothing at all, 1: nothing but chance
        crowd = (position - _FIRST_CROWD) // _CROWDS_APART if position % _CROWDS_APART == _FIRST_CROWD else len(self.crowds)
        deliberate = bool(self.whole) and (crowd < len(self.crowds) or (position % 5 == 3 and bool(self.swept)))
        if deliberate:
            parameters = self.deliberate(crowd, rows, planted)
        elif shape > 1 and self.pool:
            chosen = [self.rng.choice(self.whole)] if self.rng.random() < 0.8 else []
            chosen += self.rng.sample(self.pool, min(len(self.pool), self.rng.choice((0, 1, 1, 2, 3)) * self.scale))
            parameters = chosen[0].parameters if chosen else parameters
            for found in chosen:
                self.plant(found, rows, planted)
                for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3)) * self.scale):
                    self.plant(found, rows, planted, twin=True)
        elif shape == 1:
            for name in self.tables:
                rows[name] = [self.random_row(name) for _ in range(self.rng.randint(0, 4))]
        for _ in range(0 if shape == 0 or deliberate else self.rng.choice((0, 0, 1, 2, 4, 8)) * self.scale):
            self.change(rows)
        if shape in _WITH_ONE_NULL and self.nullable and not deliberate:
            self.add_null(rows, position // 20 * len(_WITH_ONE_NULL) + _WITH_ONE_NULL.index(shape))
        self.keep_single(rows, planted)
        if shape in _WITHOUT_ONE_TABLE and len(rows) > 1:
            rows[sorted(rows)[position // 10 % len(rows)]].clear()
        self.repair(rows)
        return Witness(self.ordered(rows), tuple((name, cast(Scalar, value)) for name, value in parameters.items()))

    def deliberate(self, crowd: int, rows: dict[str, list[Cells]], planted: list[_Single]) -> Mapping[str, Value]:
        """Plant a solution with a crowd or, past the last of those, with sweeps over boundaries; return its parameters."""
        chosen = self.rng.choice(self.whole)
        self.plant(chosen, rows, planted)
        if crowd < len(self.crowds):
            size, alike = self.crowds[crowd]
            for table, row in self.planter.crowd(chosen, size, alike=alike):
                rows[table.lower()].append(row)
            return chosen.parameters
        for _ in range(min(_SWEPT_AT_ONCE, len(self.swept))):
            found, place = self.rng.choice(self.swept[self.turn % len(self.swept)])
            self.turn += 1
            self.plant(found, rows, planted)
            for table, row in self.planter.sweep(found, (place,), found.boundaries[place]):
                rows[table.lower()].append(row)
        return chosen.parameters

    def sweeping(self, found: Solution, positions: Sequence[int], values: Sequence[Value]) -> Witness:
        """A database that holds two solutions, and rows of the first one whose cells at ``positions`` take each value."""
        rows: dict[str, list[Cells]] = {name: [] for name in self.tables}
        planted: list[_Single] = []
        for solution in (found, self.rng.choice(self.whole)):
            self.plant(solution, rows, planted)
        for table, row in self.planter.sweep(found, positions, values):
            rows[table.lower()].append(row)
        self.keep_single(rows, planted)
        self.repair(rows)
        return Witness(self.ordered(rows), tuple((name, cast(Scalar, value)) for name, value in found.parameters.items()))

    def child(self, parent: Witness) -> Witness:
        """A changed copy of a database: where few databases give an answer, those that do are bred."""
        rows = self.copied(parent)
        for _ in range(self.rng.choice((1, 1, 2, 3, 5))):
            self.change(rows)
        self.repair(rows)
        return Witness(self.ordered(rows), parent.parameters)

    def leveled(self, parent: Witness, turn: int) -> Witness:
        """A copy in which a column holds one of the constants that it is compared with in all rows, each constant in its turn.

        Reaches results that need the same rare value in several rows at once, which no change of single rows does.
        """
        places = [place for place in self.hints if place in self.kinds and not self.in_key(*place)]
        compared = [(*place, value) for place in places for value in self.hints[place]]
        if not compared:
            return self.child(parent)
        name, column, value = compared[turn % len(compared)]
        rows = self.copied(parent)
        for row in rows[name]:
            row[column] = value
        self.repair(rows)
        return Witness(self.ordered(rows), parent.parameters)

    def copied(self, parent: Witness) -> dict[str, list[Cells]]:
        """Rows of a database by column, at most so many of each table as are bred."""
        return {
            name: [
                dict(zip((c.name.lower() for c in table.columns), row, strict=True))
                for row in self.rng.sample(parent.rows[name], min(len(parent.rows[name]), self.most_bred))
            ]
            for name, table in self.tables.items()
        }

    def ordered(self, rows: Mapping[str, Sequence[Cells]]) -> dict[str, tuple[tuple[Value, ...], ...]]:
        """Rows with their cells in the order of the table's columns."""
        return {
            name: tuple(tuple(row.get(column.name.lower()) for column in table.columns) for row in rows[name])
            for name, table in self.tables.items()
        }

    def plant(self, found: Solution, rows: dict[str, list[Cells]], planted: list[_Single], *, twin: bool = False) -> None:
        """Add the rows of a solution; a ``twin`` differs in some identifiers and in the value of one or two variables.

        ``planted`` are the rows of scalar subqueries that the database has already and must not have twice.
        """
        values = list(found.values)
        if twin:
            for position in self.planter.own_identifiers(found, values):
                values[position] = self.planter.identifier(found.kinds[position])
            for position in self.planter.own_cells(found):
                hints, plain = found.hints[position], plain_values(found.kinds[position])
                dice = self.rng.random()
                values[position] = None if dice < 0.12 else self.rng.choice(plain if dice < 0.3 or not hints else hints)
        for table, cells, tag in found.rows:
            row = {column: values[position] for column, position in cells.items()}
            if tag and not any(single.tag == tag for single in planted):
                steady = frozenset(column for column, position in cells.items() if position in found.steady)
                pins = frozenset(c for c, position in cells.items() if found.hints[position] and c not in steady)
                planted.append(_Single(tag, table.lower(), row, pins, steady))
            elif tag:
                continue
            rows[table.lower()].append(row)

    def keep_single(self, rows: dict[str, list[Cells]], planted: Sequence[_Single]) -> None:
        """Let a scalar subquery find one value: other rows that it would find agree with the planted one, or go."""
        for single in planted:
            kept = []
            for row in rows[single.table]:
                alike = row is not single.row and all(row.get(column) == single.row[column] for column in single.pins)
                if alike and single.pins:
                    row.update({column: single.row[column] for column in single.steady})
                if not (alike and single.pins) or single.tag.startswith("distinct"):
                    kept.append(row)
            rows[single.table] = kept

    # ------------------------------------------------------------------ changes

    def change(self, rows: dict[str, list[Cells]]) -> None:
        """Remove, change, copy or add one row."""
        filled = [name for name, present in rows.items() if present]
        if not rows:
            return
        if not filled:
            name = self.rng.choice(list(rows))
            rows[name].append(self.random_row(name))
            return
        name = self.rng.choice(filled)
        present = rows[name]
        row = self.rng.choice(present)
        dice = self.rng.random()
        if dice < 0.10:
            present.remove(row)
        elif dice < 0.25:
            self.alter(name, row, present)
        elif dice < 0.35:
            present.append(self.random_row(name))
        elif dice < 0.50:
            self.level(name, present)
        elif len(present) < _MOST_ROWS:
            copy = dict(row)
            if dice > 0.60:
                self.alter(name, copy, present)
            self.freshen(name, copy, present)
            present.append(copy)

    def add_null(self, rows: dict[str, list[Cells]], turn: int) -> None:
        """Add a row like another, but for a NULL in the column whose ``turn`` it is."""
        name, column = self.nullable[turn % len(self.nullable)]
        like = self.rng.choice(rows[name]) if rows[name] else self.random_row(name)
        row = {**like, column: None}
        self.freshen(name, row, rows[name])
        rows[name].append(row)

    def level(self, name: str, present: Sequence[Cells]) -> None:
        """Give a column the same value, mostly NULL, in about half of the rows: ties, and groups of NULLs."""
        if self.read[name]:
            column = self.rng.choice(self.read[name])
            value = None if self.rng.random() < 0.6 else self.value(name, column)
            for row in present:
                if self.rng.random() < 0.6:
                    row[column] = value

    def alter(self, name: str, row: Cells, others: Sequence[Cells]) -> None:
        """Change one or two cells that the queries read."""
        for _ in range(self.rng.choice((1, 1, 2))):
            if not self.read[name]:
                return
            column = self.rng.choice(self.read[name])
            dice = self.rng.random()
            if dice < 0.4 and len(others) > 1:
                row[column] = self.rng.choice(others).get(column)
            elif dice < 0.55:
                row[column] = None
            else:
                row[column] = self.value(name, column)

    def freshen(self, name: str, row: Cells, others: Sequence[Cells]) -> None:
        """Give a copy identifiers of its own where a key asks for them."""
        table = self.tables[name]
        for key in table.keys:
            columns = [column.lower() for column in key.columns]
            if any(all(other.get(c) == row.get(c) for c in columns) for other in others):
                referring = {c.lower() for foreign in table.foreign_keys for c in foreign.columns}
                own = [column for column in columns if column not in referring] or columns
                row[self.rng.choice(own)] = self.identifier(name, own[0])

    def random_row(self, name: str) -> Cells:
        """A row of plain values and constants."""
        return {column: self.value(name, column) for column in self.read[name] if self.rng.random() < 0.85}

    def value(self, name: str, column: str) -> Value:
        """A constant that the column is compared with, a neighbor of one, or a plain value."""
        known = self.hints.get((name, column), [])
        if known and self.rng.random() < 0.6:
            return self.rng.choice(known)
        return self.rng.choice(plain_values(self.kind(name, column)))

    def kind(self, name: str, column: str) -> str:
        """The kind of a column."""
        return self.kinds.get((name, column), "other")

    def identifier(self, name: str, column: str) -> Value:
        """A value that no row has yet."""
        kind = self.kind(name, column)
        try:
            return self.planter.identifier(kind)
        except NotEvaluable:
            return self.rng.choice(plain_values(kind))

    # ------------------------------------------------------------------ constraints

    def repair(self, rows: dict[str, list[Cells]]) -> None:
        """Make the rows obey types, NOT NULLs, keys and foreign keys."""
        for _ in range(4):
            for name in self.tables:
                for row in rows[name]:
                    self.conform(name, row)
                rows[name] = list(keyed(self.tables[name], [row for row in rows[name] if self.checks[name].met(row)]))
            if not self.add_parents(rows):
                break
        for name in self.tables:
            remove_orphans(self.tables[name], rows)

    def conform(self, name: str, row: Cells) -> None:
        """Make each cell fit its column's type and NOT NULL."""
        for column in self.tables[name].columns:
            key = column.name.lower()
            kind = self.kinds[name, key]
            try:
                row[key] = fits(as_kind(row.get(key), kind), column.type)
            except NotEvaluable:
                row[key] = None
            if row[key] is None and column.not_null:
                value = self.identifier(name, key) if self.in_key(name, key) else plain_values(kind)[0]
                row[key] = fits(value, column.type)

    def in_key(self, name: str, column: str) -> bool:
        """Whether a column is part of a key."""
        return any(column in (c.lower() for c in key.columns) for key in self.tables[name].keys)

    def add_parents(self, rows: dict[str, list[Cells]]) -> bool:
        """Let every reference point at a row: mostly a new one, sometimes an existing one or none."""
        added = False
        for name, table in self.tables.items():
            for foreign in table.foreign_keys:
                target = foreign.references.lower()
                if target not in self.tables:
                    continue
                columns = [column.lower() for column in foreign.columns]
                wanted = [column.lower() for column in foreign.references_columns]
                known = {tuple(row.get(column) for column in wanted) for row in rows[target]}
                for row in rows[name]:
                    values = tuple(row.get(column) for column in columns)
                    if None in values or values in known:
                        continue
                    added = True
                    dice = self.rng.random()
                    if dice < 0.2 and rows[target]:
                        parent = self.rng.choice(rows[target])
                        row.update({c: parent.get(w) for c, w in zip(columns, wanted, strict=True)})
                        continue
                    rows[target].append({**self.random_row(target), **dict(zip(wanted, values, strict=True))})
                    known.add(values)
        return added
