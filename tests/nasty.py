"""Small databases hostile to a query: NULLs, duplicates, ties, empty tables, skew, values at the edges of its predicates.

They obey the schema's keys, NOT NULLs and foreign keys and nothing else. This module shares no code with the product's own
witness databases on purpose: it checks the transforms from outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random

from sqlglot import exp

from querywright.sql.schema import Column, Schema, Table

Value = None | bool | int | float | str | Decimal | date | datetime
Row = tuple[Value, ...]
Database = dict[str, list[Row]]
"""Rows by table name, columns in the order of the schema; tables in an order that foreign keys accept."""


@dataclass(frozen=True)
class Profile:
    """What is nasty about one database. Shares are probabilities; ``rows`` bounds the size of a table."""

    rows: int = 12
    nulls: float = 0.0
    literals: float = 0.6
    domain: int = 5
    skew: float = 0.0
    empty: float = 0.0


PROFILES = (
    Profile(rows=16, literals=0.9),
    Profile(nulls=0.25),
    Profile(rows=20, nulls=0.1, domain=2),
    Profile(rows=6, nulls=0.2, empty=0.4),
    Profile(rows=16, nulls=0.1, skew=0.8, literals=0.8),
    Profile(rows=4, nulls=0.5, domain=2),
    Profile(rows=30, nulls=0.15, literals=0.4),
    Profile(empty=1.0),
)


def databases(schema: Schema, query: exp.Expr, seed: int = 0) -> Iterator[Database]:
    """One database for each profile, always the same ones for the same arguments."""
    used = _with_referenced({node.name.lower() for node in query.find_all(exp.Table)}, schema)
    hints = _hints(query)
    for number, profile in enumerate(PROFILES):
        yield _Filler(schema, used, hints, profile, Random(1000 * seed + number)).fill()


def insertions(database: Database) -> Iterator[str]:
    """The INSERT statements of a database, in SQL that every engine reads."""
    for table, rows in database.items():
        if rows:
            yield f'INSERT INTO "{table}" VALUES ' + ", ".join(f"({', '.join(map(spelled, row))})" for row in rows)


def spelled(value: Value) -> str:
    """A value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


class _Filler:
    """Fills the tables of one database."""

    def __init__(self, schema: Schema, used: set[str], hints: dict[str, list[str]], profile: Profile, random: Random) -> None:
        self.schema, self.used, self.hints, self.profile, self.random = schema, used, hints, profile, random
        self.database: Database = {}

    def fill(self) -> Database:
        for table in _parents_first(self.schema):
            empty = table.name.lower() not in self.used or self.random.random() < self.profile.empty
            self.database[table.name] = [] if empty else list(self._rows(table))
        return self.database

    def _rows(self, table: Table) -> Iterator[Row]:
        if table.checks:
            raise NotImplementedError(f"table {table.name}: nasty databases do not know CHECK constraints")
        wanted = self.random.randint(max(1, self.profile.rows // 2), self.profile.rows)
        draws = [self._source(table, column, wanted) for column in table.columns]
        seen: list[set[Row]] = [set() for _ in table.keys]
        own: list[Row] = []
        for _ in range(wanted * 4):
            row = self._with_parents(table, [draw() for draw in draws], own)
            if row is None or not self._new(table, row, seen):
                continue
            own.append(row)
            yield row
            if len(own) == wanted:
                return

    def _source(self, table: Table, column: Column, wanted: int) -> Callable[[], Value]:
        """Draws values of one column."""
        keyed = any(column.name in key.columns for key in table.keys)
        plain = _plain_values(column.type, wanted + 2 if keyed else self.profile.domain)
        literals = self.hints.get(column.name.lower(), [])
        exact = [value for text in literals for value in _converted(text, column.type)]
        near = [neighbor for value in exact for neighbor in _neighbors(value)]
        other = [value for text in self.hints.get("", []) for value in _converted(text, column.type)]
        if not keyed:
            self.random.shuffle(plain)
        return partial(self._draw, column, plain, exact, near, other if not keyed else [], keyed)

    def _draw(
        self, column: Column, plain: list[Value], exact: list[Value], near: list[Value], other: list[Value], keyed: bool
    ) -> Value:
        random = self.random.random
        if column.not_null is None and random() < self.profile.nulls:
            return None
        if exact and not keyed and random() < self.profile.skew:
            return exact[0]
        if exact and random() < (self.profile.literals if not keyed else 0.3):
            return self.random.choice(exact if random() < 0.7 else near)
        if other and random() < 0.15:
            return self.random.choice(other)
        return plain[0] if not keyed and random() < self.profile.skew else self.random.choice(plain)

    def _with_parents(self, table: Table, values: list[Value], own: list[Row]) -> Row | None:
        """The row with its foreign keys pointing at rows that exist; None where that is impossible."""
        names = [column.name.lower() for column in table.columns]
        for key in table.foreign_keys:
            positions = [names.index(name.lower()) for name in key.columns]
            if any(values[position] is None for position in positions):
                continue
            targets = self._referenced(key.references, key.references_columns, own if key.references == table.name else None)
            if targets:
                chosen = targets[0] if self.random.random() < self.profile.skew else self.random.choice(targets)
            elif any(table.columns[position].not_null for position in positions):
                return None
            else:
                chosen = (None,) * len(positions)
            for position, value in zip(positions, chosen, strict=True):
                values[position] = value
        row = tuple(values)
        return row if self._refers(table, row, own) else None

    def _refers(self, table: Table, row: Row, own: list[Row]) -> bool:
        names = [column.name.lower() for column in table.columns]
        for key in table.foreign_keys:
            part = tuple(row[names.index(name.lower())] for name in key.columns)
            targets = self._referenced(key.references, key.references_columns, own if key.references == table.name else None)
            if None not in part and part not in targets:
                return False
        return True

    def _referenced(self, name: str, columns: tuple[str, ...], own: list[Row] | None) -> list[Row]:
        table = self.schema.table(name)
        assert table is not None, f"a foreign key refers to the unknown table {name}"
        names = [column.name.lower() for column in table.columns]
        positions = [names.index(column.lower()) for column in columns]
        parts = [tuple(row[p] for p in positions) for row in (self.database[table.name] if own is None else own)]
        return [part for part in parts if None not in part]

    def _new(self, table: Table, row: Row, seen: list[set[Row]]) -> bool:
        """Whether the row repeats no key; NULLs repeat nothing."""
        names = [column.name.lower() for column in table.columns]
        parts = [tuple(row[names.index(name.lower())] for name in key.columns) for key in table.keys]
        if any(None not in part and part in known for part, known in zip(parts, seen, strict=True)):
            return False
        for part, known in zip(parts, seen, strict=True):
            known.add(part)
        return True


def _parents_first(schema: Schema) -> list[Table]:
    """Tables such that each comes after the tables that it references."""
    done: dict[str, Table] = {}
    waiting = list(schema.tables)
    while waiting:
        ready = [t for t in waiting if all(k.references.lower() in {*done, t.name.lower()} for k in t.foreign_keys)]
        if not ready:
            raise NotImplementedError("nasty databases do not know cycles of foreign keys")
        done |= {table.name.lower(): table for table in ready}
        waiting = [table for table in waiting if table not in ready]
    return list(done.values())


def _with_referenced(names: set[str], schema: Schema) -> set[str]:
    """The tables named and all that their foreign keys lead to."""
    further = {key.references.lower() for name in names if (table := schema.table(name)) for key in table.foreign_keys}
    return names if further <= names else _with_referenced(names | further, schema)


def _hints(query: exp.Expr) -> dict[str, list[str]]:
    """Texts of the literals that the query compares with each column (by lower-case name), and under "" all of them."""
    hints: dict[str, list[str]] = {"": [node.name for node in query.find_all(exp.Literal)]}
    for node in query.find_all(exp.Predicate):
        if isinstance(node, (exp.Exists, exp.Connector)):
            continue
        literals = [part.name for part in node.find_all(exp.Literal)]
        for column in node.find_all(exp.Column):
            hints.setdefault(column.name.lower(), []).extend(literals)
    for _ in range(3):  # a name given in an inner query to a column, or to an expression over columns
        for alias in query.find_all(exp.Alias):
            for column in alias.this.find_all(exp.Column):
                known = hints.setdefault(column.name.lower(), [])
                known += [text for text in hints.get(alias.alias.lower(), []) if text not in known]
    return hints


def _kind(type_name: str) -> str:
    name = type_name.upper()
    if re.search(r"INT|SERIAL", name):
        return "integer"
    for kind, pattern in (
        ("decimal", "DEC|NUMERIC"),
        ("float", "DOUBLE|FLOAT|REAL"),
        ("boolean", "BOOL"),
        ("timestamp", "TIMESTAMP|DATETIME"),
    ):
        if re.search(pattern, name):
            return kind
    return "date" if name == "DATE" else "text"


def _plain_values(type_name: str, count: int) -> list[Value]:
    """Values that do not come from the query; integers overlap between columns so that joins meet."""
    days = [date(2020, 1, 1), date(2019, 12, 31), date(2020, 2, 29), *(date(2020, 3, 1) + timedelta(n) for n in range(count))]
    plain: dict[str, list[Value]] = {
        "boolean": [True, False],
        "integer": [*range(1, count), 0],
        "decimal": [Decimal(number).scaleb(-2) for number in (100, 250, 0, -75, *range(300, 300 + 25 * count, 25))],
        "float": [0.5, 1.25, 0.0, -2.0, *(3.0 + 0.25 * number for number in range(count))],
        "date": [*days],
        "timestamp": [datetime(day.year, day.month, day.day, 12 * (number % 2)) for number, day in enumerate(days)],
        "text": ["a", "b", "", "A", *(f"c{number}" for number in range(count))],
    }
    return plain[_kind(type_name)][:count]


def _converted(text: str, type_name: str) -> list[Value]:
    """A literal as values of a column's type; [] where it is none. A year gives days in and next to that year."""
    kind = _kind(type_name)
    number = re.fullmatch(r"-?\d+(\.\d+)?", text)
    if kind == "text":
        return [text, text.replace("%", "").replace("_", "a")] if "%" in text or "_" in text else [text]
    if kind in ("integer", "decimal", "float"):
        if not number or len(text) > 9:
            return []
        if kind == "integer":
            return [int(float(text))]
        return [round(Decimal(text), 2) if kind == "decimal" else float(text)]
    if kind in ("date", "timestamp"):
        days: list[date] = []
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", text):
            days = [date.fromisoformat(text[:10])]
        elif number and re.fullmatch(r"(19|20)\d\d", text):
            year = int(text)
            days = [date(year, 6, 15), date(year, 1, 1), date(year, 12, 31), date(year + 1, 1, 1)]
        return [datetime(day.year, day.month, day.day) for day in days] if kind == "timestamp" else list(days)
    return []


def _neighbors(value: Value) -> list[Value]:
    if isinstance(value, bool) or value is None:
        return [value]
    if isinstance(value, (int, float, Decimal)):
        return [value - 1, value, value + 1]
    if isinstance(value, datetime):
        return [value - timedelta(seconds=1), value + timedelta(hours=12), value + timedelta(days=1)]
    if isinstance(value, date):
        return [value - timedelta(days=1), value, value + timedelta(days=1)]
    return [value, f"{value}x", value[:-1], value.swapcase()]
