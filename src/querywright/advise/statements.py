"""Reads the CREATE INDEX statements that somebody put before a query, such as a model.

None of that text is ever executed: what names a table and columns that are there becomes an `IndexCandidate`, which prints a
statement of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import TokenType

from querywright.advise.candidates import MOST_COLUMNS, IndexCandidate, served
from querywright.sql.schema import Schema

MOST_INDEXES = 3
"""Further indexes of a script are left out: each takes its time to build, and its space."""

_NAME = r'(?:[^\W\d]\w*|"[^"]+"|`[^`]+`|\[[^\]]+\])'
_COLUMN = rf"{_NAME}(?:\s+(?:ASC|DESC))?"
_CREATING = re.compile(r"CREATE\s+(?:UNIQUE\s+)?INDEX\b", re.IGNORECASE)
_PLAIN = re.compile(
    rf"CREATE\s+INDEX\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}\s+ON\s+(?P<table>{_NAME})\s*"
    rf"\(\s*(?P<columns>{_COLUMN}(?:\s*,\s*{_COLUMN})*)\s*\)",
    re.IGNORECASE,
)
_LISTED = re.compile(rf"({_NAME})(?:\s+(?:ASC|DESC))?\s*(?:,\s*|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Script:
    """The CREATE INDEX statements at the beginning of a text, as they are written there, and all that follows them."""

    statements: tuple[str, ...]
    query: str


def script_of(text: str, dialect: str) -> Script:
    """``text`` in its parts; whatever stands after the first other statement stays with that one."""
    rest, statements, began, begin = text.strip(), list[str](), -1, 0
    try:
        tokens = sqlglot.tokenize(rest, read=dialect)
    except TokenError:
        return Script((), rest)  # whoever parses the query says what is wrong with it
    for number, token in enumerate(tokens):
        began = token.start if began < 0 else began  # comments before it are no part of a statement
        last = number + 1 == len(tokens)
        if token.token_type is TokenType.SEMICOLON or last:
            statement = rest[began : token.end + 1].removesuffix(";").strip()
            if not _CREATING.match(statement):
                break
            statements.append(statement)
            began, begin = -1, token.end + 1
    return Script(tuple(statements), rest[begin:].strip().removesuffix(";").rstrip())


def read_indexes(statements: Sequence[str], schema: Schema, tables: Sequence[str]) -> tuple[IndexCandidate, ...]:
    """The indexes on some of the ``tables`` that the statements ask for, at most `MOST_INDEXES`.

    Passed over are UNIQUE and partial indexes, those on expressions or on what is not there, and those that an index or a key
    that is there makes useless. Directions are left out, for an index is read both ways.
    """
    known = {name.lower() for name in tables}
    found = dict[str, IndexCandidate]()
    for statement in statements:
        index = _read(statement, schema)
        if index is not None and index.table.lower() in known:
            found.setdefault(index.statement, index)
    return tuple(found.values())[:MOST_INDEXES]


def _read(statement: str, schema: Schema) -> IndexCandidate | None:
    plain = _PLAIN.fullmatch(statement)
    table = schema.table(_bare(plain["table"])) if plain else None
    if plain is None or table is None:
        return None
    columns = [table.column(_bare(name)) for name in _LISTED.findall(plain["columns"])]
    names = tuple(dict.fromkeys(column.name for column in columns if column is not None))
    if len(names) < len(columns) or len(names) > MOST_COLUMNS or served(table, tuple(name.lower() for name in names)):
        return None
    return IndexCandidate(table.name, names, f"is asked for on {', '.join(names)}")


def _bare(name: str) -> str:
    return name[1:-1] if name[0] in '"`[' else name
