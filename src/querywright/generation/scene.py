"""What a query is drawn from: tables along foreign keys, conditions on what the data holds, and the words for both.

All choices are made by one seeded generator, so that the same scene draws the same query.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random

from querywright.generation.statistics import ColumnStatistics, Kind, Statistics
from querywright.generation.words import article, listed, phrase, plural, role, singular
from querywright.sql.schema import Column, ForeignKey, Schema, Table

_RESERVED = frozenset({"as", "at", "by", "do", "if", "in", "is", "no", "of", "on", "or", "to"})


class Unsuitable(Exception):
    """A shape of query that this schema has no tables or columns for; another one is drawn instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A table in a FROM clause; ``words`` is what one of its rows is called."""

    alias: str
    table: Table
    words: str

    def column(self, name: str) -> str:
        """The column with its table."""
        return f"{self.alias}.{name}"


@dataclass(frozen=True, slots=True)
class Condition:
    """Conjuncts of a WHERE, and the words that go behind the noun."""

    conjuncts: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A FROM clause: the first entry, and others of which each finds at most one row."""

    entries: tuple[Entry, ...]
    joins: tuple[str, ...]

    @property
    def clause(self) -> str:
        """The lines from FROM on."""
        first = self.entries[0]
        return "\n".join([f"FROM {first.table.name} AS {first.alias}", *self.joins])


@dataclass(frozen=True, slots=True)
class Beside:
    """Outer joins with rows that another one leads to: their lines, the columns that are shown of them, and words for these."""

    joins: str
    columns: tuple[str, ...]
    words: str


@dataclass
class Scene:
    """The schema, its data, and the dice; ``taken`` are the aliases that are in use."""

    schema: Schema
    statistics: Statistics
    dialect: str
    random: Random
    taken: set[str] = field(default_factory=set)

    # ------------------------------------------------------------------ tables

    def start(self, *kinds: Kind, keyed: bool = True, where: Callable[[Table], bool] = lambda table: True) -> Entry:
        """A table with columns of all ``kinds``, and with a key if ``keyed``; large tables come more often."""
        fitting = [
            table
            for table in self.schema.tables
            if table.name in self.statistics
            and (not keyed or self.key(table))
            and all(self.columns(table, kind) for kind in kinds)
            and where(table)
        ]
        if not fitting:
            raise Unsuitable
        weights = [1 + math.log10(1 + self.statistics[table.name].rows) ** 2 for table in fitting]
        return self.entry(self.random.choices(fitting, weights)[0])

    def entry(self, table: Table, words: str = "") -> Entry:
        """A new entry for a table, with an alias of its own."""
        bare = table.name.rpartition(".")[2]
        stem = "".join(part[0] for part in bare.lower().split("_") if part) or "t"
        stem = f"{stem}_row" if stem in _RESERVED else stem
        alias = next(name for number in range(1, 100) if (name := stem + (str(number) if number > 1 else "")) not in self.taken)
        self.taken.add(alias)
        return Entry(alias, table, words or singular(bare))

    def key(self, table: Table) -> tuple[str, ...]:
        """The columns of the shortest key without NULLs, () where there is none."""
        columns = {column.name.lower(): column for column in table.columns}
        keys = [key.columns for key in table.keys if all(columns[name.lower()].not_null for name in key.columns)]
        return min(keys, key=len, default=())

    def parents(self, table: Table) -> list[ForeignKey]:
        """Foreign keys that lead to another row: to a key of a table that has rows."""
        return [key for key in table.foreign_keys if self._leads(key)]

    def children(self, table: Table, single: bool = True) -> list[tuple[Table, ForeignKey]]:
        """Tables whose rows refer to rows of ``table``, by a ``single`` column."""
        return [
            (child, key)
            for child in self.schema.tables
            if child.name in self.statistics
            for key in self.parents(child)
            if key.references.lower() == table.name.lower() and (len(key.columns) == 1 or not single)
        ]

    def _leads(self, key: ForeignKey) -> bool:
        parent = self.schema.table(key.references)
        wanted = {name.lower() for name in key.references_columns}
        keyed = parent is not None and any({name.lower() for name in own.columns} == wanted for own in parent.keys)
        return keyed and parent is not None and parent.name in self.statistics

    def joined(self, first: Entry, tables: int, left: float = 0.6) -> Joined:
        """``first`` with up to ``tables`` - 1 rows that it leads to; ``left`` is how often an outer join is written."""
        entries, joins, used = [first], list[str](), set[tuple[str, tuple[str, ...]]]()
        optional: set[str] = set()
        while len(entries) < tables:
            links = [
                (entry, key) for entry in entries for key in self.parents(entry.table) if (entry.alias, key.columns) not in used
            ]
            if not links:
                break
            entry, key = self.random.choice(links)
            used.add((entry.alias, key.columns))
            parent = self.schema.table(key.references)
            assert parent is not None
            called = role(entry.table, key.columns, parent.name)
            new = self.entry(parent, called if entry is first else f"{entry.words}'s {called}")
            outer = entry.alias in optional or self.random.random() < left
            if outer:
                optional.add(new.alias)
            entries.append(new)
            joins.append(f"{'LEFT JOIN' if outer else 'JOIN'} {parent.name} AS {new.alias} ON {linked(key, entry, new)}")
        return Joined(tuple(entries), tuple(joins))

    def beside(self, first: Entry, count: int) -> Beside:
        """A column of each of up to ``count`` rows that ``first`` leads to, directly or by another one of them."""
        joined = self.joined(first, 1 + count, left=1.0)
        columns, asked = list[str](), list[str]()
        for number, entry in enumerate(joined.entries[1:], 1):
            for name in self.shown(entry, 1):
                columns.append(f"{entry.column(name)} AS {entry.words.replace(chr(39), '').split()[-1]}_{number}_{name}")
                asked.append(f"the {phrase(entry.table, name)} of the {entry.words}")
        words = f", with {listed(asked)}" if asked else ""
        return Beside("".join(f"\n{join}" for join in joined.joins), tuple(columns), words)

    def child(self, parent: Entry, referring: tuple[Table, ForeignKey]) -> tuple[Entry, list[Condition]]:
        """A table whose rows refer to ``parent``, and words for how they do where that is not plain."""
        table, key = referring
        noun, called = singular(table.name.rpartition(".")[2]), role(table, key.columns, parent.table.name)
        plain = called == singular(parent.table.name.rpartition(".")[2])
        new = self.entry(table, f"dependent {noun}" if table is parent.table else noun)
        return new, [] if plain else [Condition((), f"by their {called}")]

    # ------------------------------------------------------------------ columns

    def columns(self, table: Table, *kinds: Kind, usable: Callable[[Column], bool] = lambda column: True) -> list[str]:
        """Columns of any of the kinds that hold different values."""
        known = self.statistics[table.name].columns if table.name in self.statistics else {}
        return [
            column.name
            for column in table.columns
            if (seen := known.get(column.name)) is not None and seen.kind in kinds and seen.distinct > 1 and usable(column)
        ]

    def column(self, table: Table, *kinds: Kind, usable: Callable[[Column], bool] = lambda column: True) -> str:
        """One such column; raises `Unsuitable` where there is none."""
        return self.one(self.columns(table, *kinds, usable=usable))

    def one(self, options: Sequence[str]) -> str:
        """One of the options; raises `Unsuitable` where there are none."""
        if not options:
            raise Unsuitable
        return self.random.choice(options)

    def seen(self, table: Table, column: str) -> ColumnStatistics:
        """What the data of a column looks like."""
        return self.statistics[table.name].columns[column]

    def shown(self, entry: Entry, count: int, without: Collection[str] = ()) -> list[str]:
        """Up to ``count`` columns worth showing, in the order of the table."""
        telling = [name for name in self.columns(entry.table, "text", "category", "measure", "moment") if name not in without]
        chosen = set(self.random.sample(telling, min(count, len(telling))))
        return [name for name in telling if name in chosen]

    # ------------------------------------------------------------------ conditions

    def conditions(self, entry: Entry, count: int, without: Collection[str] = ()) -> list[Condition]:
        """Up to ``count`` conditions on different columns."""
        names = [
            name
            for name in self.columns(entry.table, "category", "measure", "moment", "text")
            if name not in without and self.seen(entry.table, name).values
        ]
        return [self.condition(entry, name) for name in self.random.sample(names, min(count, len(names)))]

    def condition(self, entry: Entry, name: str) -> Condition:
        """A condition on one column that holds for some of its rows."""
        seen = self.seen(entry.table, name)
        column, words = entry.column(name), phrase(entry.table, name)
        if seen.nulls > 0.05 and self.random.random() < 0.15:
            return Condition((f"{column} IS NOT NULL",), f"that have {article(words)}")
        if seen.kind == "category":
            return self._category(column, words, seen)
        if seen.kind == "measure":
            return self._measure(column, words, seen)
        if seen.kind == "moment":
            return self._moment(column, words, entry.table, name, seen)
        word = str(self.random.choice(seen.values))
        search = f"instr({column}, {quoted(word)}) > 0" if self.dialect == "sqlite" else f"contains({column}, {quoted(word)})"
        return Condition((search,), f"whose {words} contains '{word}'")

    def _category(self, column: str, words: str, seen: ColumnStatistics) -> Condition:
        values = list(seen.values)
        if len(values) > 3 and self.random.random() < 0.35:
            chosen = self.random.sample(values, self.random.randint(2, min(4, len(values) - 1)))
            written = ", ".join(literal(value) for value in chosen)
            return Condition((f"{column} IN ({written})",), f"whose {words} is {listed([str(value) for value in chosen], 'or')}")
        value = self.random.choice(values)
        if self.random.random() < 0.15:
            return Condition((f"{column} <> {literal(value)}",), f"whose {words} is not {value}")
        return Condition((f"{column} = {literal(value)}",), f"whose {words} is {value}")

    def _measure(self, column: str, words: str, seen: ColumnStatistics) -> Condition:
        low, high = sorted(self.random.sample(range(len(seen.values)), 2))
        if self.random.random() < 0.3 and seen.values[low] != seen.values[high]:
            least, most = seen.values[low], seen.values[high]
            return Condition((f"{column} BETWEEN {least} AND {most}",), f"with {article(words)} from {least} to {most}")
        if self.random.random() < 0.7:
            return Condition((f"{column} > {seen.values[high]}",), f"with {article(words)} above {seen.values[high]}")
        return Condition((f"{column} <= {seen.values[high]}",), f"with {article(words)} of at most {seen.values[high]}")

    def _moment(self, column: str, words: str, table: Table, name: str, seen: ColumnStatistics) -> Condition:
        day = date.fromisoformat(str(self.random.choice(seen.values)))
        stamp = self.moment(table, name)
        said = words if words.split()[0].endswith("ed") or words.endswith("login") else f"with a {words}"
        turn = self.random.random()
        if turn < 0.35:
            later = day.replace(year=day.year + 1, month=1, day=1).isoformat()
            return Condition((f"{column} >= {stamp(f'{day.year}-01-01')}", f"{column} < {stamp(later)}"), f"{said} in {day.year}")
        if turn < 0.7:
            month = day.replace(day=1)
            return Condition((f"{column} >= {stamp(month.isoformat())}",), f"{said} since {month:%B %Y}")
        month = day.replace(day=1)
        return Condition((f"{column} < {stamp(month.isoformat())}",), f"{said} before {month:%B %Y}")

    def moment(self, table: Table, name: str) -> Callable[[str], str]:
        """Writes a day as a value of the column."""
        column = table.column(name)
        spelled = "TIMESTAMP" if column is not None and column.type.upper().startswith("TIMESTAMP") else "DATE"
        return quoted if self.dialect == "sqlite" else lambda day: f"{spelled} '{day}'"

    def month(self, column: str) -> str:
        """The month of a moment, as text like 2024-05."""
        return f"substr(CAST({column} AS TEXT), 1, 7)"


def linked(key: ForeignKey, child: Entry, parent: Entry) -> str:
    """The condition that finds the row that a foreign key leads to."""
    pairs = zip(key.columns, key.references_columns, strict=True)
    return " AND ".join(f"{parent.column(theirs)} = {child.column(own)}" for own, theirs in pairs)


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def literal(value: object) -> str:
    """A value as an SQL literal."""
    if isinstance(value, bool):
        return str(value).upper()
    return str(value) if isinstance(value, (int, float)) else quoted(str(value))


def filtered(conditions: Sequence[Condition], *further: str) -> str:
    """The WHERE clause of all conjuncts, with its line break; empty where there are none."""
    parts = [*(part for condition in conditions for part in condition.conjuncts), *further]
    return "\nWHERE " + "\n  AND ".join(parts) if parts else ""


def indented(text: str, spaces: int) -> str:
    """The text with all lines but the first moved to the right."""
    return text.replace("\n", "\n" + " " * spaces)


def described(noun: str, conditions: Sequence[Condition]) -> str:
    """The noun in the plural with what is asked of it."""
    words = [condition.words for condition in conditions]
    return f"{plural(noun)} {listed(words)}" if words else plural(noun)
