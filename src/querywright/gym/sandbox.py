"""What may run: one SELECT over the task's tables, by two readings of its text, ours and the engine's own.

The worker process that runs it is locked down besides: read-only database, no files, no settings, limited memory and time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from querywright.engines.protocol import Connection
from querywright.errors import QueryError
from querywright.gym.values import Task
from querywright.gym.wire import LONGEST_SQL
from querywright.sql.parse import parameters, parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.sql.volatility import frozen_calls, random_calls

TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range"})
"""Functions that may stand in FROM: they read neither files nor the engine's own tables."""

_WINDOW_FUNCTIONS = frozenset(
    [
        "row_number",
        "rank",
        "dense_rank",
        "rank_dense",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "nth_value",
        "fill",
    ]
)
_TELLING = frozenset(
    [
        "current_setting",
        "getvariable",
        "version",
        "current_localtime",
        "current_localtimestamp",
        "vector_type",
        "stats",
        "ago",
        "json_deserialize_sql",
        "json_serialize_sql",
        "json_serialize_plan",
        "cast_to_type",
    ]
)
"""Functions that tell the databases or the moments of a test apart, or that run text as SQL."""

_ENVIRONMENT = frozenset(
    [
        "current_catalog",
        "current_database",
        "current_schema",
        "current_user",
        "current_role",
        "session_user",
        "user",
        "localtime",
        "localtimestamp",
    ]
)
"""Names that stand for the session where no column has that name."""

_RESERVED = ("querywright", "duckdb_", "sqlite_", "pg_", "pragma_", "information_schema")


def check(sql: str, task: Task, schema: Schema) -> exp.Query | str:
    """The qualified tree of ``sql`` where it may run as an answer to ``task``, else why it may not."""
    if len(sql) > LONGEST_SQL:
        return f"The query is longer than {LONGEST_SQL} characters."
    try:
        if refusal := _refused_parts(parse_query(sql, task.dialect), _clocks(task.sql, task.dialect), task.dialect):
            return refusal
        qualified = qualify_text(sql, schema, task.dialect, typed=False)
    except QueryError as error:
        return f"{error.message[:1].upper()}{error.message[1:]}"
    sources = (source for scope in traverse_scope(qualified) for source in scope.sources.values())
    if not any(isinstance(source, exp.Table) and schema.table(source.name) is not None for source in sources):
        return "The query reads no table of the database."
    return qualified


@lru_cache(maxsize=64)
def _clocks(sql: str, dialect: str) -> frozenset[str]:
    """Names by which a query reads the clock."""
    return frozenset(frozen_calls(parse_query(sql, dialect)))


def _refused_parts(tree: exp.Query, clocks: frozenset[str], dialect: str) -> str:
    if given := parameters(tree):
        return f"The query has a parameter, {given[0]}."
    if chance := random_calls(tree):
        return f"The query calls {min(chance)}(), which is random."
    if any(tree.find_all(exp.TableSample)):
        return "The query reads a random sample of a table."
    if clock := frozen_calls(tree) - clocks:
        return f"The query reads the clock with {min(clock)}."
    for common in tree.find_all(exp.CTE):
        if common.alias.lower().startswith(_RESERVED):
            return f"The name {common.alias} is reserved."
    for table in tree.find_all(exp.Table):
        if table.catalog:
            return f"The query names another database, {table.catalog}."
        # Which functions DuckDB's own reading finds is checked later; other engines have no such reading.
        if not isinstance(table.this, (exp.Identifier, exp.Func) if dialect == "duckdb" else exp.Identifier):
            return "Something else than a table stands in FROM."
        if table.name.lower().startswith(_RESERVED):
            return f"The query reads {table.name}, which is no table of the database."
    return ""


# ------------------------------------------------------------------ the engine's own reading


def serialized(connection: Connection, sql: str) -> str:
    """Worker side: the engine's syntax tree of a query as JSON."""
    return str(connection.fetch(f"SELECT json_serialize_sql('{_escaped(sql)}')").rows[0][0])


def pure_functions(connection: Connection) -> frozenset[str]:
    """Worker side: names of the engine's functions whose value depends on nothing but their arguments."""
    rows = connection.fetch(
        "SELECT function_name FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'macro') "
        "GROUP BY function_name HAVING bool_and(COALESCE(stability, 'CONSISTENT') = 'CONSISTENT')"
    ).rows
    names = frozenset(str(name) for (name,) in rows) | _WINDOW_FUNCTIONS
    return frozenset(name for name in names - _TELLING - _ENVIRONMENT if not name.startswith(("pg_", "has_", "inet_")))


def check_reading(tree: str, schema: Schema, pure: frozenset[str]) -> str:
    """Why a query may not run whose syntax tree by `serialized` is ``tree``; "" where it may."""
    read: dict[str, Any] = json.loads(tree)
    if read.get("error"):
        return "The engine cannot read this as one SELECT."
    if len(read["statements"]) != 1:
        return "Give one statement."
    nodes = list(_nodes(read))
    common = {entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
    if reserved := next((name for name in common if name.startswith(_RESERVED)), ""):
        return f"The name {reserved} is reserved."
    return next((refusal for node in nodes if (refusal := _refused_node(node, schema, common, pure))), "")


def _refused_node(node: dict[str, Any], schema: Schema, common: set[str], pure: frozenset[str]) -> str:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        names = [node.get("catalog_name", ""), node.get("schema_name", ""), node.get("table_name", "")]
        full = ".".join(name for name in names if name)
        if schema.table(full.removeprefix("main.")) is None and full.lower() not in common:
            return f"The query reads {full}, which is no table of the database."
    elif kind == "SHOW_REF":
        return "DESCRIBE, SHOW and SUMMARIZE are refused."
    elif kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        return "" if name in TABLE_FUNCTIONS else f"The table function {name}() is refused."
    elif kind == "COLUMN_REF":
        name = str(node["column_names"][-1]).lower()
        if name in _ENVIRONMENT and not any(table.column(name) for table in schema.tables):
            return f"The query reads {name}, which is not in the data."
    name = str(node.get("function_name", "")).lower()
    if name and name not in pure and name not in TABLE_FUNCTIONS:
        return f"The function {name}() is refused."
    return ""


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _nodes(part)


def _escaped(text: str) -> str:
    return text.replace("'", "''")
