"""Renames tables and columns consistently, in a schema and in the text of a query.

A renaming maps names to names that occur nowhere else, and every occurrence of a name is renamed, whether it stands for a table,
a column or an alias. Replacing all of them by as many different ones cannot change what a query means; only
the tokens that are names are replaced, never strings, keywords or functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from querywright.sql.names import identifier, is_plain, quoted
from querywright.sql.schema import Column, ForeignKey, Index, Key, Schema, Table

Renaming = Mapping[str, str]
"""New names by old ones in lower case."""


def renamed_sql(sql: str, dialect: str, names: Renaming) -> str:
    """The query with every name replaced, its layout kept; new names are in quotes where the old ones are or have to be."""
    tokens = Dialect.get_or_raise(dialect).tokenize(sql)
    parts, position = list[str](), 0
    for index, token in enumerate(tokens):
        after = tokens[index + 1].token_type if index + 1 < len(tokens) else None
        called = after is TokenType.L_PAREN and token.token_type is not TokenType.IDENTIFIER
        new = names.get(token.text.lower()) if not called and _is_name(token.token_type, token.text) else None
        if new is not None:
            written = quoted(new) if token.token_type is TokenType.IDENTIFIER else identifier(new)
            parts += [sql[position : token.start], written]
            position = token.end + 1
    return "".join([*parts, sql[position:]])


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
    """Names that are keywords somewhere, such as ``status``, are tokens of their own kinds; reserved ones are names in quotes."""
    return kind is TokenType.IDENTIFIER or (kind is not TokenType.STRING and is_plain(text))
