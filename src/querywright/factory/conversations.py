"""The words in which a slow query is put to a model, in training data and when one is asked."""

from __future__ import annotations

from sqlglot import exp

from querywright.factory.definitions import definitions
from querywright.sql.parse import parse_query
from querywright.sql.schema import Schema

REWRITING = (
    "You make SQL queries faster. You get a {engine} schema and a slow query. Answer with one query that returns exactly the "
    "same rows and columns and is faster, and with nothing else."
)
SYSTEM = REWRITING + " Where an index is needed, put its CREATE INDEX statement first."
"""What training data begins with, and what an expert hears where indexes can be tried out; elsewhere it hears the first part."""

_ENGINES = {"duckdb": "DuckDB", "sqlite": "SQLite"}


def engine_name(engine: str) -> str:
    """The engine as people write it."""
    return _ENGINES.get(engine, engine)


def question(schema: Schema, sql: str, dialect: str, asked: str, shown: str) -> str:
    """The user's message: the tables that ``sql`` reads, the question ``asked``, and the query that is ``shown``."""
    read = {table.name.lower() for table in parse_query(sql, dialect).find_all(exp.Table)}
    return f"{definitions(schema, read)}\n\n-- {asked}\n{shown}".rstrip()
