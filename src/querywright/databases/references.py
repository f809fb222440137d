"""Which tables refer to which: by foreign keys, or by the names of columns where no key is known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from querywright.sql.schema import ForeignKey, Schema, Table

DETAIL_RATIO = 20
"""A table is a detail of the table its key refers to where it has at most this many times its rows, as order lines have of orders."""


def joined_tables(schema: Schema, rows: Mapping[str, int]) -> list[Table]:
    """The tables with their foreign keys, guessed where a schema has none, those that refer before those referred to.

    Tables that refer to each other in a circle come in some order. ``rows`` maps each table name to its row count.
    """
    tables = list(schema.tables)
    if not any(table.foreign_keys for table in tables):
        tables = [replace(table, foreign_keys=tuple(_guessed(table, schema, rows))) for table in tables]
    ...
