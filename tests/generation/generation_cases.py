"""Generators over small editions of the built-in schemas, and their tables as DDL for databases made by the tests."""

from __future__ import annotations

from functools import cache

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.engines.session import Session
from querywright.generation.queries import QueryGenerator
from querywright.generation.statistics import Statistics, statistics
from querywright.sql.schema import Schema

ENGINES = ("duckdb", "sqlite")
SCHEMAS = ("ecommerce", "hr", "social", "content", "analytics")


@cache
def database(schema: str, engine: str = "duckdb") -> Database:
    return open_database(f"{schema}:rows=1000,engine={engine}")


@cache
def seen(schema: str, engine: str = "duckdb") -> Statistics:
    with Session(database(schema, engine).location) as session:
        return statistics(database(schema, engine).schema, session)


def generator(schema: str, engine: str = "duckdb", seed: int = 0) -> QueryGenerator:
    return QueryGenerator(database(schema, engine).schema, seen(schema, engine), engine, seed)


def ddl(schema: Schema) -> str:
    """CREATE TABLE statements, referenced tables first, with keys and foreign keys."""
    tables = {table.name: table for table in schema.tables}
    ordered: list[str] = []
    while len(ordered) < len(tables):
        ordered += [
            name
            for name, table in tables.items()
            if name not in ordered and all(key.references in {*ordered, name} for key in table.foreign_keys)
        ]
    statements = []
    for table in map(tables.__getitem__, ordered):
        lines = [f"{column.name} {column.type}{' NOT NULL' if column.not_null else ''}" for column in table.columns]
        lines += [f"PRIMARY KEY ({', '.join(key.columns)})" for key in table.keys[:1]]
        lines += [
            f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.references} ({', '.join(key.references_columns)})"
            for key in table.foreign_keys
        ]
        statements.append(f"CREATE TABLE {table.name} ({', '.join(lines)})")
    return ";\n".join(statements) + ";"
