"""Reads SQLite's catalog into a `querywright.sql.schema.Schema`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from querywright.engines._text import quoted
from querywright.sql.schema import Column, ForeignKey, Index, Key, Schema, Table

Rows = Callable[..., list[tuple[Any, ...]]]
_EXPRESSION = -2
_SAMPLED_RANGES, _RANGE = 32, 64


def read_schema(rows: Rows) -> Schema:
    """Tables and views of the main database that SQLite can read; ``rows`` runs a query with values for its ``?``.

    SQLite enforces PRIMARY KEY, UNIQUE and NOT NULL. Foreign keys are only declared: they are enforced for a writer that turned
    ``PRAGMA foreign_keys`` on, which the file does not tell. CHECKs are not in the catalog.
    """
    names = rows(
        "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "AND type IN ('table', 'view', 'virtual') ORDER BY name"
    )
    collations = bool(rows("SELECT 1 FROM sqlite_master WHERE lower(sql) LIKE '%collate%' LIMIT 1"))
    analyzed = bool(rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'"))
    counts: dict[str, int | None] = (
        dict(rows("SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl")) if analyzed else {}
    )
    tables = []
    for name, kind, without_rowid in names:
        try:
            count = _row_count(rows, name, kind, bool(without_rowid), counts)
            tables.append(_table(rows, name, bool(without_rowid), count, collations))
        except sqlite3.OperationalError:
            if kind == "table":
                raise  # a view of a table that is gone, or a virtual table of an extension, no query can read either
    return Schema(tuple(tables))


def _table(rows: Rows, name: str, without_rowid: bool, count: int | None, collations: bool) -> Table:
    described = rows('SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1', name)
    indexes = rows('SELECT name, "unique", origin, partial FROM pragma_index_list(?) ORDER BY name', name)
    primary = tuple(row[0] for row in sorted((row for row in described if row[3]), key=lambda row: row[3]))
    # Only the alias of the rowid is a primary key without an index, and only it and keys of
    # tables WITHOUT ROWID refuse NULLs.
    rowid_alias = bool(primary) and not any(origin == "pk" for _, _, origin, _ in indexes)
    never_null = {row[0] for row in described if row[2]}
    if rowid_alias or without_rowid:
        never_null.update(primary)
    keys = [Key(primary, "enforced")] if rowid_alias else []
    collated = "collate" in str(rows("SELECT lower(sql) FROM sqlite_master WHERE name = ?", name))
    listed = []
    for index, unique, origin, partial in indexes:
        parts = rows("SELECT cid, name, coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno", index)
        columns = tuple(str(column) for cid, column, _ in parts if cid != _EXPRESSION)
        listed.append(Index(index, columns, bool(unique)))
        whole = not partial and len(columns) == len(parts)
        # An index of its own collation may be finer than what `=` means for its columns.
        as_compared = origin != "c" or not collated or all(coll != "BINARY" for _, _, coll in parts)
        if unique and whole and as_compared and columns not in [key.columns for key in keys]:
            keys.append(Key(columns, "enforced"))
    return Table(
        name=name,
        columns=tuple(
            Column(
                column,
                kind + (_collation(rows, name, column) if collations else ""),
                "enforced" if column in never_null else None,
            )
            for column, kind, _, _ in described
        ),
        keys=tuple(keys),
        foreign_keys=_foreign_keys(rows, name),
        rows=count,
        indexes=tuple(listed),
    )


def _collation(rows: Rows, table: str, column: str) -> str:
    """COLLATE and the collation by which ``=`` compares a column, "" for BINARY; the catalog tells it of indexes only.

    The program of a comparison names it, also for the columns of views: ``NOCASE-8`` where texts are stored in UTF-8.
    """
    try:
        program = rows(f"EXPLAIN SELECT {quoted(column)} = '' FROM {quoted(table)}")
    except sqlite3.OperationalError as error:
        missing = str(error).partition("no such collation sequence: ")[2]  # one that only its program has
        if not missing:
            raise
        return f" COLLATE {quoted(missing)}"
    before = takewhile(lambda step: step[1] != "ResultRow", program)
    name = next((str(step[5]).rpartition("-")[0] for step in reversed([*before]) if step[1] == "Eq"), "BINARY")
    return "" if name in ("", "BINARY") else f" COLLATE {quoted(name)}"


def _foreign_keys(rows: Rows, name: str) -> tuple[ForeignKey, ...]:
    grouped: dict[int, list[Sequence[Any]]] = {}
    for row in rows('SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq', name):
        grouped.setdefault(row[0], []).append(row)
    found = []
    for pairs in grouped.values():
        parent = str(pairs[0][1])
        referenced = tuple(row[3] for row in pairs)
        if None in referenced:  # refers to the primary key without naming it
            key = rows("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", parent)
            referenced = tuple(row[0] for row in key)
        if len(referenced) == len(pairs):
            found.append(ForeignKey(tuple(row[2] for row in pairs), parent, referenced, "declared"))
    return tuple(found)


def _row_count(rows: Rows, name: str, kind: str, without_rowid: bool, counts: dict[str, int | None]) -> int | None:
    """From ANALYZE; else the largest rowid, times the share of rowids in use where it is large.

    An INTEGER PRIMARY KEY is the rowid, and keys may be sparse: TPC-H uses 8 of every 32 order numbers.
    """
    if (counted := counts.get(name)) is not None:
        return counted
    if kind != "table" or without_rowid:
        return None
    largest = int(rows(f"SELECT max(_rowid_) FROM {quoted(name)}")[0][0] or 0)
    if largest <= 0:
        return 0
    step = largest // _SAMPLED_RANGES
    if step < _RANGE:
        return largest
    starts = range(1, step * _SAMPLED_RANGES, step)
    counting = f"SELECT count(*) FROM {quoted(name)} WHERE _rowid_ BETWEEN ? AND ?"
    used = sum(int(rows(counting, start, start + _RANGE - 1)[0][0]) for start in starts)
    return max(1, round(largest * used / (_RANGE * _SAMPLED_RANGES)))
