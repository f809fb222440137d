"""From a witness on which two queries differ to a minimal database that the user can replay.

Works on real tables with real keys, in a scratch session of its own: a difference counts only if it shows here as well.
Rows are removed in halves, then one by one (delta debugging, Zeller and Hildebrandt 2002), then cells become NULL or plain.
"""

from __future__ import annotations

import datetime
import math
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlglot import exp

from querywright.engines.protocol import Connection
from querywright.errors import StatementError
from querywright.sql.schema import Table
from querywright.values import Bindings, Counterexample, Scalar
from querywright.verification.answers import Answer, answer, difference
from querywright.verification.compare import Difference, Terms
from querywright.verification.terms import Value, kind_of
from querywright.verification.values import plain_values

Columns = tuple[tuple[str, str], ...]
"""Names and types."""

Rows = Mapping[str, tuple[tuple[Value, ...], ...]]

_MOST_ROTATIONS = 12
_SHUFFLES = 6


@dataclass(frozen=True, slots=True)
class Trial:
    """A pair of queries over ``tables`` (created already), with parameter values, to be run on some rows.

    ``ambiguous`` originals, other than by their outermost LIMIT, must give the same rows however those of the tables are
    ordered, or the database decides nothing. So must originals whose LIMIT may cut through ties of a key outside the result.
    """

    original: str
    candidate: str
    terms: Terms
    tables: tuple[Table, ...]
    parameters: Bindings = ()
    lifted: str | None = None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A difference with the rows it shows on and both answers."""

    difference: Difference
    rows: Rows
    original: Answer
    candidate: Answer


def shrunk(connection: Connection, trial: Trial, rows: Rows, seconds: float) -> Found | None:
    """Worker side: confirm a difference on ``rows`` and make the database small; None if it does not show on real tables."""
    best = _found(connection, trial, rows)
    if best is None:
        return None
    deadline = time.monotonic() + seconds
    for proposals in (_fewer_rows, _plainer_cells):
        changed = True
        while changed and time.monotonic() < deadline:
            changed = False
            for smaller in proposals(trial, best.rows):
                if time.monotonic() > deadline:
                    break
                found = _found(connection, trial, smaller)
                if found is not None:
                    best, changed = found, True
                    break
    return best


def counterexample(trial: Trial, found: Found, create_table: Callable[[object], str], dialect: str) -> Counterexample:
    """The replayable script of a difference."""
    lines = [f"-- {found.difference.reason}"]
    for table in trial.tables:
        lines.append(f"{create_table(table)};")
        names = ", ".join(_quoted(column.name) for column in table.columns)
        target = ".".join(map(_quoted, table.name.split(".", 1)))
        lines += [
            f"INSERT INTO {target} ({names}) VALUES ({', '.join(literal(cell, dialect) for cell in row)});"
            for row in found.rows[table.name.lower()]
        ]
    for label, text, result in (("original", trial.original, found.original), ("candidate", trial.candidate, found.candidate)):
        lines += ["", f"-- the {label}", f"{_inlined(text, trial.parameters, dialect)};"]
        lines += [f"-- {shown}" for shown in _result_lines(result)]
    return Counterexample("\n".join(lines) + "\n", _scalars(found.original), _scalars(found.candidate))


def columns_counterexample(
    reason: str,
    tables: Iterable[Table],
    queries: Sequence[tuple[str, Columns]],
    create_table: Callable[[object], str],
    dialect: str,
) -> Counterexample:
    """The replayable script of two queries whose columns differ, whatever the rows: each is described on empty tables."""
    lines = [f"-- {reason}", *(f"{create_table(table)};" for table in tables)]
    for label, (text, columns) in zip(("original", "candidate"), queries, strict=True):
        described = f"DESCRIBE {text.rstrip().rstrip(';')};" if dialect == "duckdb" else f"{text.rstrip().rstrip(';')};"
        lines += ["", f"-- the {label}", described, "-- " + " | ".join(f"{name} {kind}".rstrip() for name, kind in columns)]
    return Counterexample("\n".join(lines) + "\n", (), ())


def literal(value: Value, dialect: str) -> str:
    """A value as SQL text."""
    if isinstance(value, (datetime.date, datetime.time)):
        text = value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
        return f"'{text}'"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float) and not math.isfinite(value):
        return _not_finite(value, dialect)
    return exp.convert(value).sql(dialect)


def _found(connection: Connection, trial: Trial, rows: Rows) -> Found | None:
    if not _references_hold(trial.tables, rows) or not fill(connection, trial.tables, rows):
        return None
    original = answer(connection, trial.original, trial.parameters)
    candidate = answer(connection, trial.candidate, trial.parameters)
    found = difference(original, candidate, trial.terms, _lifted(connection, trial))
    if found is None or ((trial.ambiguous or trial.terms.hidden_key) and not _stable(connection, trial, rows)):
        return None
    return Found(found, rows, original, candidate)


def _stable(connection: Connection, trial: Trial, rows: Rows) -> bool:
    """Whether the original returns the same bag however the rows are ordered, LIMIT aside where its choice can be checked."""
    text = trial.original if trial.terms.hidden_key else trial.lifted or trial.original
    terms = replace(trial.terms, keys=(), total=False, lifted=None)
    first = answer(connection, text, trial.parameters)
    for mixed in _orders(rows):
        if not fill(connection, trial.tables, mixed):
            return False
        again = answer(connection, text, trial.parameters)
        if again.error is not None or difference(first, again, terms) is not None:
            return False
    return fill(connection, trial.tables, rows)


def _orders(rows: Rows) -> Iterator[Rows]:
    """The same rows in other orders: each row once first and once last among those of its table, then by chance."""
    for turn in range(min(max(map(len, rows.values()), default=0), _MOST_ROTATIONS)):
        rotated = {
            name: present[turn % len(present) :] + present[: turn % len(present)] if present else ()
            for name, present in rows.items()
        }
        yield rotated
        yield {name: present[::-1] for name, present in rotated.items()}
    rng = random.Random(0)
    for _ in range(_SHUFFLES):
        yield {name: tuple(rng.sample(present, len(present))) for name, present in rows.items()}


def _lifted(connection: Connection, trial: Trial) -> Callable[[], Answer] | None:
    text = trial.lifted
    return None if text is None else lambda: answer(connection, text, trial.parameters)


def fill(connection: Connection, tables: tuple[Table, ...], rows: Rows) -> bool:
    """Worker side: replace the contents of the tables; False where the rows break a constraint or a CHECK."""
    try:
        for table in tables:
            connection.execute(f"DELETE FROM {'.'.join(map(_quoted, table.name.split('.', 1)))}")
        for table in tables:
            connection.insert(table.name, [column.name for column in table.columns], rows[table.name.lower()])
        return not any(connection.fetch(_refused(table)).rows for table in tables if table.checks)
    except StatementError:
        return False


def _refused(table: Table) -> str:
    """The query for a row that breaks a CHECK of its table, which is created without them."""
    broken = " OR ".join(f"NOT ({check})" for check in table.checks)
    return f"SELECT 1 FROM {'.'.join(map(_quoted, table.name.split('.', 1)))} WHERE {broken} LIMIT 1"


def _references_hold(tables: tuple[Table, ...], rows: Rows) -> bool:
    positions = {t.name.lower(): {column.name.lower(): i for i, column in enumerate(t.columns)} for t in tables}
    for table in tables:
        own = positions[table.name.lower()]
        for foreign in table.foreign_keys:
            target = foreign.references.lower()
            if target not in positions:
                continue
            wanted = [positions[target][name.lower()] for name in foreign.references_columns]
            known = {tuple(row[i] for i in wanted) for row in rows[target]}
            for row in rows[table.name.lower()]:
                values = tuple(row[own[name.lower()]] for name in foreign.columns)
                if None not in values and values not in known:
                    return False
    return True


def _fewer_rows(trial: Trial, rows: Rows) -> Iterator[Rows]:
    everything = [(name, index) for name, present in rows.items() for index in range(len(present))]
    size = len(everything)
    if everything:
        yield {name: () for name in rows}
    for name, present in rows.items():
        if present:
            yield {**rows, name: ()}
    while size > 1:
        size = (size + 1) // 2
        for start in range(0, len(everything), size):
            gone = set(everything[start : start + size])
            yield {
                name: tuple(row for index, row in enumerate(present) if (name, index) not in gone)
                for name, present in rows.items()
            }
    if len(everything) == 1:
        return


def _plainer_cells(trial: Trial, rows: Rows) -> Iterator[Rows]:
    for table in trial.tables:
        name = table.name.lower()
        for index, row in enumerate(rows[name]):
            for position, column in enumerate(table.columns):
                simple = [None, *plain_values(kind_of(column.type))[:2]]
                rank = simple.index(row[position]) if row[position] in simple else len(simple)
                for value in simple[:rank]:
                    changed = (*row[:position], value, *row[position + 1 :])
                    yield {**rows, name: (*rows[name][:index], changed, *rows[name][index + 1 :])}


def _inlined(text: str, parameters: Bindings, dialect: str) -> str:
    for name, value in parameters:
        replacement = literal(value, dialect)
        text = re.sub(rf"[$:@]{re.escape(name)}\b", lambda _, shown=replacement: shown, text)  # type: ignore[misc]
    return text.rstrip().rstrip(";")


def _result_lines(result: Answer) -> list[str]:
    if result.error is not None:
        return ["error: " + result.error.replace("\n", " ")]
    lines = [" | ".join("NULL" if cell is None else str(cell) for cell in row) for row in result.rows[:20]]
    return [*lines, f"({len(result.rows)} rows)"]


def _scalars(result: Answer) -> tuple[tuple[Scalar, ...], ...]:
    return tuple(tuple(map(_scalar, row)) for row in result.rows[:20])


def _scalar(cell: object) -> Scalar:
    if cell is None or isinstance(cell, (int, str)) or (isinstance(cell, float) and math.isfinite(cell)):
        return cell
    return str(cell)


def _not_finite(value: float, dialect: str) -> str:
    if dialect == "duckdb":
        return f"CAST('{value!r}' AS DOUBLE)"
    return "NULL" if math.isnan(value) else "9e999" if value > 0 else "-9e999"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
