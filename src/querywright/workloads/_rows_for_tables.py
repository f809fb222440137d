"""Rows for any tables: what keys, foreign keys, NOT NULL and CHECK say of them holds, everything else is made up.

A table that others refer to is smaller than those; foreign keys are skewed, so that a few rows are referred to by many. Columns
without a key have few values by their names' look, or many; one in ten of those that may be NULL is. What a CHECK compares with
constants is drawn from what it allows; rows that a CHECK or a key refuses all the same are left out.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one

from querywright.errors import DatabaseError
from querywright.sql.names import quoted
from querywright.sql.predicates import conjuncts
from querywright.sql.schema import Column, ForeignKey, Table
from querywright.workloads.protocol import Progress

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FANOUT = 8
"""How many times as many rows a table has as one that it refers to."""

_FEWEST = 20
_RANGE = 1000
_FEW = 8
_MISSING = "CASE WHEN noise({row}, {purpose}) < 0.1 THEN NULL ELSE {value} END"
_ROW = "series.number"
_WORDS = ("amber", "birch", "cobalt", "delta", "ember", "fjord", "garnet", "harbor", "indigo", "juniper", "krypton", "lagoon")
_MANY_VALUED = re.compile(r"name|title|mail|address|description|comment|note|url|body|text|message|phone", re.IGNORECASE)
_WHOLE_LIMITS = {exp.DType.TINYINT: 127, exp.DType.UTINYINT: 127, exp.DType.SMALLINT: 32_767, exp.DType.USMALLINT: 32_767}


def fill(connection: DuckDBPyConnection, tables: Sequence[Table], rows: float, progress: Progress) -> None:
    """Create the tables, the largest with about so many rows. The macros of the domain schemas must be there.

    Raises `DatabaseError` where no rows can be made for a table.
    """
    import duckdb

    heights = _heights(tables)
    by_name = {table.name.lower(): table for table in tables}
    filled: dict[str, int] = {}
    for done, (name, height) in enumerate(heights.items()):
        table = by_name[name]
        progress(f"Generating {table.name}", done / len(tables))
        size = max(_FEWEST, round(rows / _FANOUT**height))
        maker = _Maker(table, size, filled, heights)
        try:
            connection.execute(maker.definition())
            connection.execute(maker.insertion())
            for key in table.foreign_keys:
                if key.references.lower() == table.name.lower():
                    while _left_out(connection, table, key):
                        pass
            (count,) = connection.execute(f"SELECT COUNT(*) FROM {quoted(table.name)}").fetchone() or (0,)
        except (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError, duckdb.NotSupportedError) as error:
            reason = str(error).partition("\n")[0]
            raise DatabaseError(f"No rows can be made for table {table.name}: {reason}", _REMEDY) from error
        if not count:
            raise DatabaseError(f"No row that was made for table {table.name} passes its CHECKs.", _REMEDY)
        filled[table.name.lower()] = count


_REMEDY = "Simplify its types and CHECKs in the file, or leave the table out."


def _heights(tables: Sequence[Table]) -> Mapping[str, int]:
    """Tables by lower-case name, each after those that it refers to, with the longest chain of tables that refer to it.

    Cycles are cut where a reference may be NULL.
    """
    known = {table.name.lower() for table in tables}
    references = {table.name.lower(): _required(table, known) for table in tables}
    while True:
        try:
            order = list(TopologicalSorter(references).static_order())
            break
        except CycleError as error:
            cycle = list(pairwise(error.args[1]))
            cut = next(((target, name) for target, name in cycle if not references[name][target]), None)
            if cut is None:
                named = " and ".join(sorted({name for pair in cycle for name in pair}))
                raise DatabaseError(f"{named} refer to each other by columns that are NOT NULL.", _REMEDY) from error
            del references[cut[1]][cut[0]]
    heights = dict.fromkeys(order, 0)
    for name in reversed(order):
        for target in references[name]:
            heights[target] = max(heights[target], 1 + heights[name])
    return heights


def _required(table: Table, known: Container[str]) -> dict[str, bool]:
    """The other tables that a table refers to, and whether it has to."""
    found = dict[str, bool]()
    for key in table.foreign_keys:
        target = key.references.lower()
        if target in known and target != table.name.lower():
            columns = (table.column(name) for name in key.columns)
            found[target] = found.get(target, False) or any(column is not None and column.not_null for column in columns)
    return found


def _left_out(connection: DuckDBPyConnection, table: Table, key: ForeignKey) -> int:
    """Delete the rows that refer to rows of their own table which a CHECK or a key refused; their number."""
    pairs = list(zip(key.columns, key.references_columns, strict=True))
    known = " AND ".join(f"referring.{quoted(one)} IS NOT NULL" for one, _ in pairs)
    same = " AND ".join(f"other.{quoted(theirs)} = referring.{quoted(own)}" for own, theirs in pairs)
    (count,) = connection.execute(
        f"DELETE FROM {quoted(table.name)} AS referring WHERE {known} "
        f"AND NOT EXISTS (SELECT 1 FROM {quoted(table.name)} AS other WHERE {same})"
    ).fetchone() or (0,)
    return int(count)


@dataclass(frozen=True)
class _Allowed:
    """What CHECKs say of one column: literals to choose from, or bounds of numbers."""

    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


class _Maker:
    """The statements for one table of ``size`` rows; ``filled`` are the rows of the tables before it, ``known`` all tables."""

    def __init__(self, table: Table, size: int, filled: Mapping[str, int], known: Container[str]) -> None:
        self._table = table
        self._filled = filled
        self._known = known
        self._numbered = {name.lower() for name in self._numbered_columns()}
        self._size = min([size, *map(self._most, self._numbered)])
        self._joins: list[str] = []

    def definition(self) -> str:
        """CREATE TABLE with keys and CHECKs; foreign keys are declared by the workload alone."""
        required = {column.name for column in self._table.columns if column.not_null}
        lines = [
            f"{quoted(column.name)} {column.type or 'VARCHAR'}{' NOT NULL' if column.name in required else ''}"
            for column in self._table.columns
        ]
        lines += [f"UNIQUE ({', '.join(map(quoted, key.columns))})" for key in self._table.keys]
        lines += [f"CHECK ({check})" for check in self._table.checks]
        return f"CREATE TABLE {quoted(self._table.name)} ({', '.join(lines)})"

    def insertion(self) -> str:
        """INSERT of the rows that pass all CHECKs and repeat no key."""
        values = dict[str, str]()
        for place, key in enumerate(self._table.foreign_keys):
            values |= {name: value for name, value in self._referring(place, key).items() if name not in values}
        for column in self._table.columns:
            values.setdefault(column.name.lower(), self._optional(column, self._value(column, _ROW)))
        cells = ", ".join(
            f"CAST({values[column.name.lower()]} AS {_plain_type(column)}) AS {quoted(column.name)}"
            for column in self._table.columns
        )
        names = ", ".join(quoted(column.name) for column in self._table.columns)
        passed = [f"({check}) IS NOT FALSE" for check in self._table.checks]
        single = [self._single(key.columns) for key in self._table.keys]
        return (
            f"INSERT INTO {quoted(self._table.name)} SELECT {names} FROM (SELECT {_ROW} AS querywright_number, {cells} "
            f"FROM generate_series(1, {self._size}) AS series(number) {' '.join(self._joins)}) AS made"
            + (f" WHERE {' AND '.join(passed)}" if passed else "")
            + (f" QUALIFY {' AND '.join(single)}" if single else "")
            + " ORDER BY querywright_number"
        )

    def _single(self, names: Sequence[str]) -> str:
        """The condition that keeps the first row of each value of a key."""
        listed = ", ".join(map(quoted, names))
        missing = " OR ".join(f"{quoted(name)} IS NULL" for name in names)
        return f"(row_number() OVER (PARTITION BY {listed} ORDER BY querywright_number) = 1 OR {missing})"

    # ------------------------------------------------------------------ keys

    def _numbered_columns(self) -> Iterator[str]:
        """Columns that take another value in each row, so that keys are unique: of each key without a foreign key, one."""
        foreign = {name.lower() for key in self._table.foreign_keys for name in key.columns}
        for key in self._table.keys:
            own = [name for name in key.columns if name.lower() not in foreign]
            if len(own) == len(key.columns):
                whole = [name for name in own if self._kind(name).is_type(*exp.DataType.INTEGER_TYPES)]
                yield (whole or own)[-1]

    def _most(self, name: str) -> int:
        """How many different values a numbered column has."""
        kind = self._kind(name)
        if kind.is_type(exp.DType.DECIMAL):
            return max(1, int(_decimal_limit(kind)))
        return _WHOLE_LIMITS.get(kind.this, 1 << 40)

    def _referring(self, place: int, key: ForeignKey) -> Mapping[str, str]:
        """The values of a foreign key's columns by lower-case name; none where the file does not have what it refers to."""
        target, names = key.references.lower(), [name.lower() for name in key.columns]
        columns = [column for name in key.columns if (column := self._table.column(name)) is not None]
        if target == self._table.name.lower():
            return self._referring_back(key, columns)
        if target not in self._filled:
            return self._unknown(columns) if target in self._known else {}
        count, alias = self._filled[target], f"parent_{place}"
        one_to_one = any({name.lower() for name in other.columns} == set(names) for other in self._table.keys)
        purpose = _text(f"{' '.join(names)} referred")
        number = f"1 + ({_ROW} - 1) % {count}" if one_to_one else f"reference(noise({_ROW}, {purpose}), {count})"
        if not any(column.not_null for column in columns):
            number = _MISSING.format(row=_ROW, purpose=_text(f"{' '.join(names)} missing"), value=number)
        listed = ", ".join(map(quoted, key.references_columns))
        self._joins.append(
            f"LEFT JOIN (SELECT {listed}, row_number() OVER (ORDER BY {listed}) AS querywright_number "
            f"FROM {quoted(key.references)}) AS {alias} ON {alias}.querywright_number = {number}"
        )
        return {name: f"{alias}.{quoted(theirs)}" for name, theirs in zip(names, key.references_columns, strict=True)}

    def _referring_back(self, key: ForeignKey, columns: Sequence[Column]) -> Mapping[str, str]:
        """Earlier rows of the same table; the first refer to themselves where they have to refer to something."""
        referred = self._table.column(key.references_columns[0])
        if len(columns) != 1 or referred is None or referred.name.lower() not in self._numbered:
            return self._unknown(columns)
        (column,) = columns
        purpose = _text(f"{column.name} earlier")
        earlier = f"(1 + CAST(floor(noise({_ROW}, {purpose}) * ({_ROW} - 1) / {_FANOUT}) AS BIGINT))"
        return {column.name.lower(): self._optional(column, self._value(referred, earlier))}

    def _unknown(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """NULLs in place of what cannot be referred to: rows that are made later, or by a number that they do not have."""
        required = [column.name for column in columns if column.not_null]
        if required:
            raise DatabaseError(
                f"{self._table.name}.{required[0]} is NOT NULL and refers to rows of its own table by more than a number.",
                "Let it be NULL in the file, or leave out the foreign key.",
            )
        return {column.name.lower(): "NULL" for column in columns}

    # ------------------------------------------------------------------ values

    def _optional(self, column: Column, value: str) -> str:
        """The value, or NULL in some rows where that is allowed."""
        if column.not_null or value == "NULL":
            return value
        return _MISSING.format(row=_ROW, purpose=_text(f"{column.name} missing"), value=value)

    def _value(self, column: Column, row: str) -> str:
        """A column's value in the row with that number."""
        kind, allowed = self._kind(column.name), self._allowed(column)
        noise = f"noise({row}, {_text(column.name)})"
        numbered = column.name.lower() in self._numbered
        if allowed.choices:
            options = f"[{', '.join(allowed.choices)}]"
            if numbered:
                return f"{options}[1 + ({row} - 1) % {len(allowed.choices)}]"
            return f"pick_skewed({options}, {noise})"
        if kind.is_type(*exp.DataType.NUMERIC_TYPES):
            return self._number(kind, allowed, row if numbered else "", noise)
        if kind.is_type(exp.DType.BOOLEAN):
            return f"{row} % 2 = 0" if numbered else f"{noise} < 0.3"
        if kind.is_type(exp.DType.UUID):
            return f"CAST(md5({_text(column.name)} || {row}) AS UUID)"
        if kind.is_type(exp.DType.DATE):
            return f"DATE '1950-01-01' + CAST({row} AS INTEGER)" if numbered else f"CAST(moment({noise}) AS DATE)"
        if kind.is_type(*exp.DataType.TEMPORAL_TYPES, exp.DType.TIME):
            return f"TIMESTAMP '2022-01-01' + to_seconds({row})" if numbered else f"moment({noise})"
        if kind.is_type(*exp.DataType.TEXT_TYPES, exp.DType.BLOB, exp.DType.VARBINARY, exp.DType.JSON):
            text = self._text(column, row if numbered else "", noise)
            if kind.is_type(exp.DType.JSON):
                return f"to_json({text})"
            return f"encode({text})" if kind.is_type(exp.DType.BLOB, exp.DType.VARBINARY) else text
        if column.not_null:
            raise DatabaseError(f"No values can be made for {self._table.name}.{column.name}, a {column.type}.", _REMEDY)
        return "NULL"

    def _number(self, kind: exp.DataType, allowed: _Allowed, row: str, noise: str) -> str:
        """A number; the ``row``'s own if one is given, else small ones more often than large ones."""
        decimal = kind.is_type(exp.DType.DECIMAL)
        most = _decimal_limit(kind) if decimal else float(_WHOLE_LIMITS.get(kind.this, 1 << 40))
        high = allowed.high if allowed.high is not None else min(most, (allowed.low or 0) + _RANGE)
        low = allowed.low if allowed.low is not None else 0.0 if high > 0 else high - _RANGE
        if row:
            return f"{max(low, 0):.15g} + {row}"
        if kind.is_type(*exp.DataType.INTEGER_TYPES):
            return f"least({high:.15g}, {low:.15g} + floor(power({noise}, 2) * {high - low + 1:.15g}))"
        return f"round({low:.15g} + power({noise}, 2) * {high - low:.15g}, {min(2, _scale(kind)) if decimal else 2})"

    def _text(self, column: Column, row: str, noise: str) -> str:
        """A text; the ``row``'s own if one is given."""
        if row:
            return f"{_text(f'{column.name}-')} || {row}"
        turn = sum(map(ord, column.name)) % len(_WORDS)
        words = (_WORDS[turn:] + _WORDS[:turn])[:_FEW]
        drawn = f"pick_skewed([{', '.join(map(_text, words))}], {noise})"
        if not _MANY_VALUED.search(column.name):
            return drawn
        return f"{drawn} || ' ' || zipf(noise({_ROW}, {_text(f'{column.name} number')}), {self._size})"

    def _allowed(self, column: Column) -> _Allowed:
        """What is known of a column's values."""
        kind, found = self._kind(column.name), _Allowed()
        if kind.is_type(exp.DType.ENUM):
            return _Allowed(tuple(value.sql("duckdb") for value in kind.expressions))
        for check in self._table.checks:
            for condition in conjuncts(parse_one(check, dialect="duckdb")):
                found = _narrowed(found, condition, column.name.lower())
        return found

    def _kind(self, name: str) -> exp.DataType:
        column = self._table.column(name)
        return exp.DataType.build(_plain_type(column) if column is not None else "VARCHAR", dialect="duckdb", udt=True)


def _narrowed(known: _Allowed, condition: exp.Expr, name: str) -> _Allowed:
    """What is allowed by one condition more, if it compares the column with constants."""
    own = condition.this
    if isinstance(condition, exp.In) and _is(own, name) and all(isinstance(one, exp.Literal) for one in condition.expressions):
        listed = tuple(one.sql("duckdb") for one in condition.expressions)
        return _Allowed(listed, known.low, known.high) if listed else known
    if isinstance(condition, exp.Between) and _is(own, name):
        low, high = _constant(condition.args["low"]), _constant(condition.args["high"])
        return known if low is None or high is None else _Allowed(known.choices, low, high)
    if isinstance(condition, exp.GT | exp.GTE | exp.LT | exp.LTE):
        greater = isinstance(condition, exp.GT | exp.GTE)
        if _is(own, name) and (value := _constant(condition.expression)) is not None:
            return _Allowed(known.choices, value, known.high) if greater else _Allowed(known.choices, known.low, value)
        if _is(condition.expression, name) and (value := _constant(own)) is not None:
            return _Allowed(known.choices, known.low, value) if greater else _Allowed(known.choices, value, known.high)
    return known


def _is(node: exp.Expr | None, name: str) -> bool:
    return isinstance(node, exp.Column) and node.name.lower() == name


def _constant(node: exp.Expr) -> float | None:
    negative = isinstance(node, exp.Neg)
    literal = node.this if negative else node
    if not isinstance(literal, exp.Literal) or literal.is_string:
        return None
    return -float(literal.this) if negative else float(literal.this)


def _decimal_limit(kind: exp.DataType) -> float:
    precision = int(kind.expressions[0].name) if kind.expressions else 18
    return float(10 ** (precision - _scale(kind)) - 1)


def _scale(kind: exp.DataType) -> int:
    if not kind.expressions:
        return 3
    return int(kind.expressions[1].name) if len(kind.expressions) > 1 else 0


def _plain_type(column: Column) -> str:
    """The type without its collation."""
    return column.type.partition(" COLLATE ")[0] or "VARCHAR"


def _text(text: str) -> str:
    return exp.Literal.string(text).sql("duckdb")
