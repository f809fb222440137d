"""Puts other constants into an example: categories are exchanged for others of the same column, everywhere at once.

Only texts that stand in the slow query and in its solution alike are exchanged; whether both still answer alike is for the
execution to say. Numbers and dates stay: a habit may have changed how they are written on one side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from querywright.factory.values import Example
from querywright.generation.statistics import Statistics


def other_constants(example: Example, known: Statistics, random: Random) -> Example:
    """The example with other categories; the example itself where it has none that can be exchanged."""
    texts = _texts(example.slow, example.engine) & _texts(example.solution.sql, example.engine)
    chosen: dict[str, str] = {}
    for text in sorted(texts):
        options = [other for other in _alternatives(known, text) if other not in texts and other not in chosen.values()]
        if options:
            chosen[text] = random.choice(options)
    if not chosen:
        return example
    question = example.question
    words = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, chosen), key=len, reverse=True))})\b")
    question = words.sub(lambda found: chosen[found[0]], question)
    solution = replace(example.solution, sql=_exchanged(example.solution.sql, example.engine, chosen))
    return replace(
        example,
        question=question,
        slow=_exchanged(example.slow, example.engine, chosen),
        clean=_exchanged(example.clean, example.engine, chosen),
        solution=solution,
        rejected=tuple(replace(one, sql=_exchanged(one.sql, example.engine, chosen)) for one in example.rejected),
    )


def _alternatives(known: Statistics, text: str) -> list[str]:
    """Other values of the categories that have this one."""
    found: dict[str, None] = {}
    for table in known.values():
        for column in table.columns.values():
            if column.kind == "category" and text in column.values:
                found.update((str(value), None) for value in column.values if value != text and isinstance(value, str))
    return list(found)


def _texts(sql: str, dialect: str) -> set[str]:
    return {token.text for token in Dialect.get_or_raise(dialect).tokenize(sql) if token.token_type is TokenType.STRING}


def _exchanged(sql: str, dialect: str, chosen: Mapping[str, str]) -> str:
    parts, position = list[str](), 0
    for token in Dialect.get_or_raise(dialect).tokenize(sql):
        if token.token_type is TokenType.STRING and token.text in chosen:
            parts += [sql[position : token.start], "'" + chosen[token.text].replace("'", "''") + "'"]
            position = token.end + 1
    return "".join([*parts, sql[position:]])
