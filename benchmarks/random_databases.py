"""Random databases that obey a schema's keys, foreign keys and NOT NULLs. Shares no code with the witness databases it judges."""

from __future__ import annotations

import datetime
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

import duckdb
import sqlglot
from sqlglot import exp

from querywright.sql.schema import Schema, Table

SIZES = (3, 6, 12, 40, 40, 150)
_NULLS = 0.15

Row = dict[str, object]


class RandomDatabases:
    """Databases over the tables that ``texts`` read, with values near the constants in them."""

    def __init__(self, schema: Schema, texts: Sequence[str], seed: int = 0) -> None:
        self.rng = random.Random(seed)
        trees = [sqlglot.parse_one(text, read="duckdb") for text in texts]
        names = {node.name.lower() for tree in trees for node in tree.find_all(exp.Table)}
        self.tables = [table for table in schema.tables if table.name.lower() in self._with_parents(schema, names)]
        literals = {node.name: node.is_string for tree in trees for node in tree.find_all(exp.Literal)}
        self.numbers = sorted({Decimal(text) for text, string in literals.items() if not string})
        self.texts = sorted({text.replace("%", "x").replace("_", "y") for text, string in literals.items() if string})
        self.texts += [text.replace("%", "") for text, string in literals.items() if string and "%" in text]
        self.choosing = any(tree.find(exp.Limit, exp.Fetch, exp.Window) for tree in trees[:1])
        self.dates = [date for text in self.texts if (date := _date(text)) is not None]

    def answers(self, texts: Sequence[str]) -> Iterator[list[Counter[tuple[str, ...]] | None]]:
        """For each database the bag of rows of each query, None for one that fails.

        Databases on which the first query returns something else once their rows stand in another order are left out.
        """
        for size in SIZES:
            rows = self._database(size)
            with duckdb.connect() as connection:
                self._load(connection, rows)
                found = [_answer(connection, text) for text in texts]
            if not self.choosing or self._steady(texts[0], found[0], rows):
                yield found

    def _steady(self, text: str, answer: Counter[tuple[str, ...]] | None, rows: dict[str, list[Row]]) -> bool:
        for _ in range(4):
            with duckdb.connect() as connection:
                self._load(connection, {name: self.rng.sample(own, len(own)) for name, own in rows.items()})
                if _answer(connection, text) != answer:
                    return False
        return True

    @staticmethod
    def _with_parents(schema: Schema, names: set[str]) -> set[str]:
        known = set(names)
        while True:
            parents = {key.references.lower() for t in schema.tables if t.name.lower() in known for key in t.foreign_keys}
            if parents <= known:
                return known
            known |= parents

    def _database(self, size: int) -> dict[str, list[Row]]:
        made: dict[str, list[Row]] = {}
        waiting = list(self.tables)
        while waiting:
            missing = {table.name.lower() for table in waiting}
            ready = [
                t for t in waiting if not any(key.references.lower() in missing - {t.name.lower()} for key in t.foreign_keys)
            ]
            for table in ready or waiting[:1]:
                waiting.remove(table)
                wanted = 0 if self.rng.random() < 0.05 else self.rng.randint(max(1, size // 2), size)
                made[table.name.lower()] = list(self._rows(table, wanted, made))
        return made

    def _load(self, connection: duckdb.DuckDBPyConnection, rows: dict[str, list[Row]]) -> None:
        for table in self.tables:
            columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
            connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
            cells = [", ".join(_literal(row[c.name.lower()]) for c in table.columns) for row in rows[table.name.lower()]]
            if cells:
                connection.execute(f'INSERT INTO "{table.name}" VALUES {", ".join(f"({row})" for row in cells)}')

    def _rows(self, table: Table, wanted: int, made: dict[str, list[Row]]) -> Iterator[Row]:
        seen: list[set[tuple[object, ...]]] = [set() for _ in table.keys]
        narrow = self.rng.choice((3, 6, max(6, wanted), 4 * max(6, wanted)))
        for _ in range(4 * wanted):
            row: Row = {c.name.lower(): self._value(c.type.upper(), c.not_null is None, narrow) for c in table.columns}
            for foreign in table.foreign_keys:
                parents = made.get(foreign.references.lower(), [])
                parent = self.rng.choice(parents) if parents else None
                for own, other in zip(foreign.columns, foreign.references_columns, strict=True):
                    row[own.lower()] = parent[other.lower()] if parent is not None else None
            if any(row[column.name.lower()] is None for column in table.columns if column.not_null):
                continue
            keys = [tuple(row[name.lower()] for name in key.columns) for key in table.keys]
            if any(None not in key and key in known for key, known in zip(keys, seen, strict=True)):
                continue
            for key, known in zip(keys, seen, strict=True):
                known.add(key)
            yield row
            wanted -= 1
            if wanted == 0:
                return

    def _value(self, kind: str, nullable: bool, narrow: int) -> object:
        if nullable and self.rng.random() < _NULLS:
            return None
        if "CHAR" in kind or kind.startswith("TEXT"):
            pool = ["a", "b", "B", "ab", *self.texts, *(self.texts * 2)]
            return self.rng.choice(pool)
        if kind.startswith("BOOL"):
            return self.rng.random() < 0.5
        if kind.startswith(("DATE", "TIMESTAMP")):
            start = self.rng.choice(self.dates) if self.dates else datetime.date(1995, 1, 1)
            return start + datetime.timedelta(days=self.rng.choice((-1, 0, 0, 1, 1, 20, -20, self.rng.randint(-400, 400))))
        if self.numbers and self.rng.random() < 0.5:
            number = self.rng.choice(self.numbers) + self.rng.choice((-1, 0, 0, 1))
        else:
            number = Decimal(self.rng.randint(0, narrow))
        if "INT" in kind:
            limit = 127 if kind.startswith("TINY") else 2**31 - 1
            return max(-limit, min(limit, int(number)))
        places = Decimal(self.rng.choice((0, 0, 1, 25))) / 100
        number = abs(number) + places
        inside = kind.partition("(")[2].rstrip(")").split(",")
        if len(inside) == 2:
            most = 10 ** (int(inside[0]) - int(inside[1]))
            number = number % most
        return number


def _date(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text[:10])
    except ValueError:
        return None


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, Decimal)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _answer(connection: duckdb.DuckDBPyConnection, text: str) -> Counter[tuple[str, ...]] | None:
    try:
        rows = connection.execute(text).fetchall()
    except duckdb.Error:
        return None
    return Counter(tuple(map(_plain, row)) for row in rows)


def _plain(cell: object) -> str:
    """Numbers alike whatever their type, floats to nine digits."""
    if isinstance(cell, (int, float, Decimal)) and not isinstance(cell, bool):
        return f"{float(cell):.9g}"
    return str(cell)
