"""What the data of a database looks like, as far as a question needs it: the kinds of columns, and values to ask for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from querywright.databases.names import table_name
from querywright.engines.protocol import ResultSet
from querywright.engines.session import Session
from querywright.sql.schema import Column, Schema, Table

Kind = Literal["identifier", "category", "measure", "moment", "text", "other"]
"""What a column is good for: ``identifier`` to join by, ``category`` to group by, ``measure`` to add up, ``moment`` a date or a
time, ``text`` to search in."""

SAMPLED = 1000
"""Rows of a table that are looked at, evenly spread."""

_MOST_CATEGORIES = 40
_NUMBERS = ("INT", "DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "REAL")
_TEXTS = ("CHAR", "TEXT", "STRING", "CLOB")


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """A column in a sample: ``values`` are its most frequent ones for a category, words for a text, deciles for numbers and
    moments (as ISO text). ``nulls`` is the share of NULLs, ``distinct`` how many values the sample holds."""

    kind: Kind
    values: tuple[object, ...]
    nulls: float
    distinct: int


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """A table: its number of rows, and its columns by name."""

    rows: int
    columns: Mapping[str, ColumnStatistics]


Statistics = Mapping[str, TableStatistics]
"""By name of the table."""


def statistics(schema: Schema, session: Session) -> Statistics:
    """Look at a sample of each table that has rows; the same sample whenever the data is the same."""
    found: dict[str, TableStatistics] = {}
    for table in schema.tables:
        name = table_name(table.name, session.capabilities.dialect)
        (count,) = session.fetch(f"SELECT COUNT(*) FROM {name}").rows[0]
        rows = int(str(count))
        if rows == 0:
            continue
        step = max(1, rows // SAMPLED)
        sampled: ResultSet = session.fetch(
            f"SELECT * FROM (SELECT *, ROW_NUMBER() OVER () AS sample_position FROM {name}) AS numbered "
            f"WHERE sample_position % {step} = 0 LIMIT {SAMPLED}"
        )
        columns = {
            column.name: _looked_at(table, column, [row[position] for row in sampled.rows])
            for position, column in enumerate(table.columns)
        }
        found[table.name] = TableStatistics(rows, columns)
    return found


def _looked_at(table: Table, column: Column, sample: Sequence[object]) -> ColumnStatistics:
    present = [value for value in sample if value is not None]
    counts = Counter(present) if all(value.__hash__ for value in present) else Counter[object]()
    nulls = 1 - len(present) / len(sample) if sample else 0.0
    kind = _kind(table, column, len(present), len(counts))
    values: tuple[object, ...] = ()
    if kind == "category":
        values = tuple(value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:12])
    elif kind in ("measure", "moment"):
        values = _deciles(kind, present)
    elif kind == "text":
        words = Counter(word for value in present for word in set(str(value).split()) if word.isalpha() and len(word) > 3)
        values = tuple(word for word, count in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:12] if count > 2)
    return ColumnStatistics(kind, values, round(nulls, 3), len(counts))


def _kind(table: Table, column: Column, present: int, distinct: int) -> Kind:
    spelled = column.type.upper()
    keys = [*(key.columns for key in table.keys), *(key.columns for key in table.foreign_keys)]
    joins = {name.lower() for columns in keys for name in columns}
    name = column.name.lower()
    if name in joins or name.endswith(("_id", "_sk", "key", "_by")) or name == "id":
        return "identifier"
    if not present or column.collated:
        return "other"
    if spelled.startswith(("DATE", "TIMESTAMP")):
        return "moment"
    few = distinct <= _MOST_CATEGORIES and distinct * 8 <= present
    if any(part in spelled for part in _NUMBERS):
        return "category" if few and distinct <= 12 and "INT" in spelled else "measure"
    if any(part in spelled for part in _TEXTS):
        return "category" if few else "text"
    return "category" if few and spelled.startswith("BOOL") else "other"


def _deciles(kind: Kind, present: Sequence[object]) -> tuple[object, ...]:
    ordered: Sequence[object]
    if kind == "moment":
        ordered = sorted(_iso(value) for value in present)
    else:
        ordered = [_nice(number) for number in sorted(map(_number, present))]
    return tuple(ordered[min(len(ordered) - 1, len(ordered) * tenth // 10)] for tenth in range(1, 10))


def _iso(value: object) -> str:
    return value.isoformat()[:10] if isinstance(value, (date, datetime)) else str(value)[:10]


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float, Decimal)) else 0.0


def _nice(number: float) -> int | float:
    """Rounded to two digits, as people round."""
    if number == 0 or not math.isfinite(number):
        return 0
    rounded = round(number, 1 - math.floor(math.log10(abs(number))))
    return int(rounded) if rounded == int(rounded) else rounded
