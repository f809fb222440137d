"""From text to a query that is understood: parameters named, names resolved, keys known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.premises import discover_keys
from querywright.engines.session import Session, engine_of
from querywright.errors import BindingError, ExecutionError, QueryError
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import normalize_parameters, parameters, parse_query
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema
from querywright.values import Bindings, Query


@dataclass(frozen=True)
class Prepared:
    """A query understood: its text with named parameters, its tree, and the database with the keys found for its tables."""

    query: Query
    tree: exp.Query
    database: Database


def prepare(
    sql: str, database: str | Database, bindings: tuple[Bindings, ...] = (), name: str | None = None, source: str = "the query"
) -> Prepared:
    """Parse and bind the query, and look for keys in those of its tables that declare none."""
    opened = open_database(database) if isinstance(database, str) else database
    dialect = engine_of(opened.location).CAPABILITIES.dialect
    text = normalize_parameters(sql, dialect).strip().removesuffix(";").rstrip()
    parsed = parse_query(text, dialect, source)
    needed = parameters(parsed)
    if needed and not bindings:
        raise BindingError(f"{source} has parameters {', '.join(needed)}.", f"Give values: --bind {needed[0]}=…")
    read = {table.name.lower() for table in parsed.find_all(exp.Table)}
    tables = tuple(t for t in opened.schema.tables if t.name.lower() in read or t.name.lower().rpartition(".")[2] in read)
    qualify(parsed, opened.schema, dialect, source=source)
    with Session(opened.location) as session:
        try:
            outputs = [column for column, _ in session.describe(text, bindings[0] if bindings else ())]
        except ExecutionError as error:
            raise QueryError(f"{source} is refused by {opened.name}: {error.message}", "Correct the query.") from error
    known = discover_keys(replace(opened, schema=Schema(tables)))
    tree = qualify(parsed, known.schema, dialect, outputs, source)
    return Prepared(Query(text, dialect, fingerprint(tree, dialect), bindings, name), tree, known)
