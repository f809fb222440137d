"""Generators over small editions of the built-in schemas, and their tables as DDL for databases made by the tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.engines.session import Session
from querywright.factory.definitions import definition
from querywright.generation.queries import QueryGenerator
from querywright.generation.statistics import Statistics, statistics
from querywright.sql.schema import Schema

ENGINES = ("duckdb", "sqlite")
DOMAINS = ("ecommerce", "hr", "social", "content", "analytics")
FILES = ("clinic", "odd_names")
SCHEMAS = (*DOMAINS, *FILES)

_FOLDER = Path(__file__).parents[1] / "fixtures" / "workloads"


@cache
def database(schema: str, engine: str = "duckdb") -> Database:
    """A domain, or a file of tables, whose names and keys are less tame."""
    given = f"rows=1000,engine={engine}"
    return open_database(f"{schema}:{given}" if schema in DOMAINS else f"ddl:file={_FOLDER / schema}.sql,{given}")


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
    return "".join(f"{definition(tables[name])};\n" for name in ordered)
