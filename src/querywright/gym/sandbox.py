"""What may run: one SELECT over the task's tables, by two readings of its text, ours and the engine's own.

SQLite shows nobody its reading: there the names that its text calls must be on a list.

The worker process that runs it is locked down besides: read-only database, no files, no settings, limited memory and time.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sqlglot import exp, tokenize
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokenizer_core import TokenType

from querywright.engines.protocol import Connection
from querywright.errors import QueryError
from querywright.gym.values import Task
from querywright.gym.wire import LONGEST_SQL
from querywright.sql.parse import parameters, parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.sql.volatility import (
    CLOCK_WORDS,
    clock_words,
    frozen_calls,
    function_name,
    moments,
    possible_values,
    random_calls,
    reads_clock,
)

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


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SQLITE_FUNCTIONS = _words("""
    abs char coalesce concat concat_ws format glob hex if ifnull iif instr length like likelihood likely lower ltrim max min
    nullif octet_length printf quote replace round rtrim sign soundex substr substring trim typeof unhex unicode unlikely upper
    acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power radians sin
    sinh sqrt tan tanh trunc
    avg count group_concat median percentile percentile_cont percentile_disc string_agg sum total
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
    json json_array json_array_length json_error_position json_extract json_group_array json_group_object json_insert json_object
    json_patch json_pretty json_quote json_remove json_replace json_set json_type json_valid
    date datetime julianday strftime time timediff unixepoch
""")
"""SQLite's functions whose value depends on nothing but their arguments; how dates may read the clock is looked at apart.

Left out are those that tell of the session or the library, and zeroblob(), which takes any amount of memory.
"""

_SQLITE_WORDS = _words("""
    all and as between by case cast distinct else escape except exists filter from glob group having in intersect is join like
    limit match materialized not offset on or over regexp select then union using values when where
""")
"""Words that may stand before a parenthesis without being called."""

_LETTER = re.compile(r"[^\W\d]|[^\x00-\x7f]")
"""Of names; SQLite takes the byte order mark before a name for a space."""

_DIGITS = re.compile("%[YmdHMSsfjJ]")
"""What makes strftime write a number."""

_DATE_LENGTH = 10
"""A stored text that is cut off after so many characters or more is still the whole text, or longer than 'now'."""

_NUMBERS = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Abs, exp.Avg, exp.Count, exp.Round, exp.Sum)

_RESERVED = ("querywright", "duckdb_", "sqlite_", "pg_", "pragma_", "information_schema")


def check(sql: str, task: Task, schema: Schema) -> exp.Query | str:
    """The qualified tree of ``sql`` where it may run as an answer to ``task``, else why it may not."""
    if len(sql) > LONGEST_SQL:
        return f"The query is longer than {LONGEST_SQL} characters."
    try:
        if refusal := _refused_parts(parse_query(sql, task.dialect), _clocks(task.sql, task.dialect), task.dialect):
            return refusal
        qualified = qualify_text(sql, schema, task.dialect, typed=False)
        if task.dialect == "sqlite" and (refusal := _refused_in_sqlite(sql, qualified)):
            return refusal
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


# ------------------------------------------------------------------ SQLite, which shows nobody how it reads a query


def _refused_in_sqlite(sql: str, qualified: exp.Query) -> str:
    """Why a query calls what SQLite must not run; "" where it does not."""
    if refused := sorted(_called(sql) - _SQLITE_FUNCTIONS - _SQLITE_WORDS):
        return f"The function {refused[0]}() is refused."
    made = _made_texts(qualified)
    for node in qualified.find_all(exp.Func):
        words = clock_words(node)
        values = [value for moment in moments(node) or () for value in possible_values(moment) if value not in words]
        if any(_made(value, made) for value in values):
            return "A date function reads a text that the query makes, which might be 'now': give it a column or a literal."
    return ""


def _called(sql: str) -> frozenset[str]:
    """The words before parentheses, as SQLite finds them in the text: in the tree, functions may have other names."""
    tokens = tokenize(sql, read="sqlite")
    words = Counter(
        token.text.lower().rpartition(" ")[2]  # of GROUP BY
        for before, token, after in zip([None, *tokens], tokens, tokens[1:], strict=False)
        if after.token_type is TokenType.L_PAREN
        and (token.token_type is TokenType.IDENTIFIER or _LETTER.search(token.text))
        and not (before is not None and before.text.lower() == "as")  # a type, such as DECIMAL (9, 2)
    )
    named = (common.alias.lower() for common in parse_query(sql, "sqlite").find_all(exp.CTE) if common.alias_column_names)
    return frozenset(words - Counter(named))


def _made_texts(tree: exp.Query) -> set[str]:
    """Names of columns that may hold a text which stands in no table, wherever the query has a column of that name."""
    defined = [(alias.alias, alias.this) for alias in tree.find_all(exp.Alias)]
    defined += [
        (name, projection)
        for union in tree.find_all(exp.SetOperation)
        for name, projection in zip(union.left.named_selects, union.right.selects, strict=False)
    ]
    defined += [
        (f"_col_{place}", value)
        for values in tree.find_all(exp.Values)
        for row in values.expressions
        for place, value in enumerate(row.expressions)
    ]
    made, before = set[str](), -1
    while len(made) > before:
        before = len(made)
        made |= {name.lower() for name, one in defined if any(_made(value, made) for value in possible_values(one))}
    return made


def _text_of(node: exp.Expr | None) -> str:
    return node.name if isinstance(node, exp.Literal) else ""


def _made(value: exp.Expr, made: set[str]) -> bool:
    """Whether a value may be a text that stands in no table, or 'now'."""
    if isinstance(value, exp.Column):
        return value.name.lower() in made
    if isinstance(value, exp.Literal):
        return value.is_string and value.name.strip().lower() in CLOCK_WORDS
    if isinstance(value, exp.DPipe):  # a part with a digit makes no 'now'
        return not any(isinstance(part, exp.Literal) and re.search(r"\d", part.name) for part in (value.left, value.right))
    if isinstance(value, exp.Substring) and _text_of(value.args.get("start")) == "1":
        length = _text_of(value.args.get("length"))
        cut = not length.isdigit() or int(length) < _DATE_LENGTH
        return cut or any(_made(part, made) for part in possible_values(value.this))
    if function_name(value) == "strftime" or isinstance(value, exp.TimeToStr):
        form = value.args.get("format") or next(iter(value.expressions), None)
        return not (isinstance(form, exp.Literal) and _DIGITS.search(form.name))
    return moments(value) is None and not reads_clock(value) and not isinstance(value, (exp.Null, exp.Boolean, *_NUMBERS))


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
