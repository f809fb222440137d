"""Renames tables and columns consistently: in the schema, the queries, and the words of the question.

A renaming maps names to names that occur nowhere else, and every occurrence of a name is renamed, whether it stands for a table,
a column or an alias. Replacing all of them by as many different ones cannot change what a query means; only
the tokens that are names are replaced, never strings, keywords or functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from querywright.generation.words import plural, singular
from querywright.sql.schema import Column, ForeignKey, Index, Key, Schema, Table

Renaming = Mapping[str, str]
"""New names by old ones in lower case."""

VARIANTS = 6
"""Renamings of one schema that differ in every table's name."""

_FALLBACKS = ("{}_records", "all_{}", "{}_data", "stored_{}", "{}_history", "current_{}")
_INDEX = re.compile(r'CREATE INDEX \S+ ON "?(?P<table>\w+)"? \((?P<columns>[^()]+)\)$')
_IDENTIFIERS = {TokenType.VAR, TokenType.IDENTIFIER}


def renaming(schema: Schema, variant: int) -> Renaming:
    """Renaming number ``variant`` of a schema, from 0: all tables, and the columns for which there is another word.

    No new name is that of a table or column which the schema has.
    """
    if not 0 <= variant < VARIANTS:
        raise ValueError(f"there are {VARIANTS} renamings, numbered from 0, not {variant}")
    taken = {table.name.lower() for table in schema.tables}
    taken |= {column.name.lower() for table in schema.tables for column in table.columns}
    chosen: dict[str, str] = {}
    for table in schema.tables:
        name = table.name.lower()
        chosen[name] = _free([*_turned(_synonyms()["tables"].get(name, ()), variant), *_fallbacks(name, variant)], taken)
        taken.add(chosen[name])
    for name in dict.fromkeys(column.name.lower() for table in schema.tables for column in table.columns):
        words = _synonyms()["columns"].get(name)
        if words and name not in chosen:
            chosen[name] = _free([*_turned(words, variant), *_fallbacks(name, variant)], taken)
            taken.add(chosen[name])
    return chosen


def renamed_sql(sql: str, dialect: str, names: Renaming) -> str:
    """The query with every name replaced, its layout kept."""
    tokens = Dialect.get_or_raise(dialect).tokenize(sql)
    parts, position = list[str](), 0
    for index, token in enumerate(tokens):
        after = tokens[index + 1].token_type if index + 1 < len(tokens) else None
        called = after is TokenType.L_PAREN and token.token_type is not TokenType.IDENTIFIER
        new = names.get(token.text.lower()) if not called and _is_name(token.token_type, token.text) else None
        if new is not None:
            written = f'"{new}"' if token.token_type is TokenType.IDENTIFIER else new
            parts += [sql[position : token.start], written]
            position = token.end + 1
    return "".join([*parts, sql[position:]])


def renamed_index(statement: str, names: Renaming) -> str:
    """A CREATE INDEX statement under the new names, the index named after them; others stay as they are."""
    found = _INDEX.match(statement)
    if found is None:
        return statement
    table, *columns = (names.get(name.lower(), name) for name in (found["table"], *re.findall(r'[^",\s]+', found["columns"])))
    return f"CREATE INDEX {'_'.join(['idx', table, *columns])} ON {table} ({', '.join(columns)})"


def renamed_question(question: str, names: Renaming) -> str:
    """The question in the words of the new names; what stands in quotes stays."""
    exact = {old.replace("_", " "): new.replace("_", " ") for old, new in names.items()}
    derived = {form(singular(old)): form(singular(new)) for old, new in names.items() for form in (str, plural)}
    words = {**derived, **exact}
    pattern = re.compile(rf"'[^']*'|\b({'|'.join(sorted(map(re.escape, words), key=len, reverse=True))})\b")
    return pattern.sub(lambda found: words[found[1]] if found[1] else found[0], question) if words else question


def renamed_schema(schema: Schema, names: Renaming) -> Schema:
    """The schema under its new names, without indexes: those belong to the file that has them."""

    def new(name: str) -> str:
        return names.get(name.lower(), name)

    def all_new(columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(new, columns))

    def table(old: Table) -> Table:
        return replace(
            old,
            name=new(old.name),
            columns=tuple(Column(new(column.name), column.type, column.not_null) for column in old.columns),
            keys=tuple(Key(all_new(key.columns), key.basis) for key in old.keys),
            foreign_keys=tuple(
                ForeignKey(all_new(key.columns), new(key.references), all_new(key.references_columns), key.basis)
                for key in old.foreign_keys
            ),
            indexes=tuple[Index, ...](),
            checks=(),
        )

    return Schema(tuple(map(table, schema.tables)))


def _is_name(kind: TokenType, text: str) -> bool:
    """Names that are keywords somewhere, such as ``status``, are tokens of their own kinds."""
    return kind in _IDENTIFIERS or (kind is not TokenType.STRING and text.replace("_", "a").isalnum() and not text[0].isdigit())


def _turned(words: tuple[str, ...] | list[str], variant: int) -> list[str]:
    start = variant % len(words) if words else 0
    return [*words[start:], *words[:start]]


def _fallbacks(name: str, variant: int) -> list[str]:
    return [pattern.format(name) for pattern in _turned(_FALLBACKS, variant)]


def _free(options: list[str], taken: set[str]) -> str:
    numbered = (f"{options[0]}_{number}" for number in range(2, 1000))
    return next(name for name in [*options, *numbered] if name not in taken)


@cache
def _synonyms() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("synonyms.json").read_text(encoding="utf-8"))
    return found
