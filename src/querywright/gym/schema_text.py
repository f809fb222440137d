"""The ``schema_info`` of an observation: tables as a text for people and models, which agents can read back.

Table: orders (500,000 rows)
  id BIGINT NOT NULL, customer_id BIGINT, total DECIMAL(23,2)
  unique: (id)
  foreign key: (customer_id) references users (id)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from querywright.errors import InputError
from querywright.sql.schema import Column, ForeignKey, Key, Schema, Table
from querywright.values import SETTLED

_PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?", re.ASCII)
_NAME = r'(?:"(?:[^"]|"")*"|[^\s,()"]+)'
_TABLE = re.compile(rf"Table: ({_NAME})(?: \(([\d,]+) rows\))?")
_COLUMN = re.compile(rf"({_NAME})(?: (.*?))?( NOT NULL)?")
_UNIQUE = re.compile(r"unique: \((.*)\)")
_FOREIGN = re.compile(rf"foreign key: \((.*)\) references ({_NAME}) \((.*)\)")
_NAMES = re.compile(_NAME)


def schema_text(tables: Iterable[Table]) -> str:
    """The tables with their columns and the keys that are enforced or declared; keys merely found in today's data stay out."""
    return "\n\n".join("\n".join(_lines(table)) for table in tables)


def read_schema_text(text: str) -> Schema:
    """The tables of a text that `schema_text` wrote, keys with basis ``declared``; raises `InputError` for another text."""
    tables: list[Table] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        first, *rest = block.strip().splitlines() or [""]
        heading = _TABLE.fullmatch(first.strip())
        if heading is None or not rest:
            raise InputError(f"schema_info cannot be read at: {first[:60]}", "It begins with: Table: NAME (N rows)")
        tables.append(_table(heading, rest[0].strip(), [line.strip() for line in rest[1:]]))
    return Schema(tuple(tables))


def _lines(table: Table) -> Iterator[str]:
    yield f"Table: {_quoted(table.name)}" + (f" ({table.rows:,} rows)" if table.rows is not None else "")
    columns = (
        f"{_quoted(column.name)} {column.type}" + (" NOT NULL" if column.not_null in SETTLED else "") for column in table.columns
    )
    yield "  " + ", ".join(columns)
    yield from (f"  unique: ({_listed(key.columns)})" for key in table.keys if key.basis in SETTLED)
    for key in table.foreign_keys:
        if key.basis in SETTLED:
            referenced = f"{_quoted(key.references)} ({_listed(key.references_columns)})"
            yield f"  foreign key: ({_listed(key.columns)}) references {referenced}"


def _table(heading: re.Match[str], columns: str, constraints: Iterable[str]) -> Table:
    keys: list[Key] = []
    foreign_keys: list[ForeignKey] = []
    for line in constraints:
        if unique := _UNIQUE.fullmatch(line):
            keys.append(Key(_names(unique[1]), "declared"))
        elif foreign := _FOREIGN.fullmatch(line):
            foreign_keys.append(ForeignKey(_names(foreign[1]), _bare(foreign[2]), _names(foreign[3]), "declared"))
    rows = int(heading[2].replace(",", "")) if heading[2] else None
    return Table(_bare(heading[1]), tuple(map(_column, _parts(columns))), tuple(keys), tuple(foreign_keys), rows)


def _column(written: str) -> Column:
    found = _COLUMN.fullmatch(written)
    if found is None:
        raise InputError(
            f"schema_info has a column that cannot be read: {written[:60]}", "Write: NAME TYPE, or NAME TYPE NOT NULL"
        )
    return Column(_bare(found[1]), found[2] or "", "declared" if found[3] else None)


def _parts(text: str) -> Iterator[str]:
    """The text between commas outside parentheses and quotes."""
    depth, quote, start = 0, "", 0
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    yield text[start:].strip()


def _names(text: str) -> tuple[str, ...]:
    return tuple(_bare(name) for name in _NAMES.findall(text))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    return '"' + name.replace('"', '""') + '"'


def _bare(written: str) -> str:
    return written[1:-1].replace('""', '"') if written.startswith('"') else written
