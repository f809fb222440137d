"""Other words for the tables and columns of a schema, and for them in the text of a question and in the statement of an index."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from querywright.generation.words import plural, singular
from querywright.sql.renaming import Renaming
from querywright.sql.schema import Schema

VARIANTS = 6
"""Renamings of one schema that differ in every table's name."""

_FALLBACKS = ("{}_records", "all_{}", "{}_data", "stored_{}", "{}_history", "current_{}")
_INDEX = re.compile(r'CREATE INDEX \S+ ON "?(?P<table>\w+)"? \((?P<columns>[^()]+)\)$')


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
