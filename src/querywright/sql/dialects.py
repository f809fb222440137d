"""Queries and schemas written in another dialect, put into the words of the engine that runs them.

    schema = read_schema(ddl, "mysql", "duckdb")
    translated(text, schema, "mysql", "duckdb")      # the query as DuckDB takes it

The names and types of the schema are the engine's, so that a query is translated after every column got its type: whether
``/`` drops the remainder depends on them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import UnsupportedError

from querywright.errors import InputError, QueryError
from querywright.sql.ddl import schema_of
from querywright.sql.parse import normalize_parameters, parameters, parse_query
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema

AUTO = "auto"
"""The engine's own dialect or, where a query cannot be read in it, the first other one in which it can."""

CALCITE = "calcite"
"""Apache Calcite: like PostgreSQL, but names may hold $, a number in GROUP BY is a constant, and VALUES names its columns."""

_LIKELY = (CALCITE, "postgres", "spark", "mysql", "snowflake", "tsql", "bigquery", "oracle")
_SCHEMAS = ("mysql", "postgres", "spark", "tsql", "oracle", "snowflake", "bigquery")

_SKIPPED = r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*"
_NAME_WITH_DOLLAR = re.compile(rf"({_SKIPPED})|((?<![\w$])\w*\$\w[\w$]*)")


def known_dialects() -> tuple[str, ...]:
    """The dialects that queries may be written in."""
    return (AUTO, CALCITE, *sorted(name for name in Dialect.classes if name))


def check_dialect(dialect: str) -> None:
    """Raise `InputError` for a dialect that nobody knows."""
    if dialect not in known_dialects():
        raise InputError(f"--dialect {dialect} is not known.", f"Dialects: {', '.join(known_dialects())}.")


def likely(dialect: str, engine: str) -> tuple[str, ...]:
    """The dialects to read a query in, one after the other."""
    return (dialect,) if dialect != AUTO else tuple(dict.fromkeys((engine, *_LIKELY)))


def readable(texts: Sequence[str], dialect: str, engine: str, sources: Sequence[str]) -> Iterator[str]:
    """The likely dialects in which all ``texts`` parse; raises `QueryError`, with what the first had against them, after none."""
    failure: QueryError | None = None
    found = False
    for one in likely(dialect, engine):
        try:
            for text, source in zip(texts, sources, strict=True):
                _parsed(text, one, engine, source)
        except QueryError as error:
            failure = failure or error
            continue
        found = True
        yield one
    if failure is not None and not found:
        raise failure


@lru_cache(maxsize=32)
def read_schema(ddl: str, dialect: str, engine: str, source: str = "the schema") -> Schema:
    """The tables of ``ddl``, with types of ``engine``, read in the first likely dialect in which that works.

    Raises `QueryError` where there is none, with what the first one had against it.
    """
    own = engine if dialect == AUTO else _base(dialect)
    failure: QueryError | None = None
    odd: Schema | None = None
    for one in dict.fromkeys((own, engine, *_SCHEMAS)):
        try:
            schema = _schema(ddl, one, engine, source)
        except QueryError as error:
            failure = failure or error
            continue
        if not _has_unknown_types(schema, engine):
            return schema
        odd = odd or schema
    if odd is not None:
        return odd  # the engine knows the types, or says that it does not
    assert failure is not None
    raise failure


def parameters_of(text: str, dialect: str, engine: str, source: str = "the query") -> tuple[str, ...]:
    """Names of the parameters of a query, in the first likely dialect in which it parses; raises `QueryError` where none is."""
    one = next(readable([text], dialect, engine, [source]))
    return parameters(_parsed(text, one, engine, source))


def translated(text: str, schema: Schema, dialect: str, engine: str, source: str = "the query") -> str:
    """The query ``text`` of ``dialect`` in the dialect of ``engine``; parameters are named (see `normalize_parameters`).

    Raises `QueryError` where it does not parse, does not fit the schema, or says what the engine cannot.
    """
    if dialect == engine:
        return normalize_parameters(text, engine).strip().removesuffix(";").rstrip()
    tree = _parsed(text, dialect, engine, source)
    for node in list(
        tree.find_all(exp.Count, exp.Order, exp.Anonymous, *((exp.Group, exp.Values) if dialect == CALCITE else ()))
    ):
        _respell(node)
    qualified = qualify(tree, schema, engine, source=source)
    try:
        return qualified.sql(engine, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise QueryError(f"{source} cannot be said to {engine}: {str(error).splitlines()[0]}", "Rephrase that part.") from error


def _base(dialect: str) -> str:
    return "postgres" if dialect == CALCITE else dialect


def _has_unknown_types(schema: Schema, engine: str) -> bool:
    types = {column.type.partition(" COLLATE ")[0] for table in schema.tables for column in table.columns if column.type}
    return any(exp.DataType.build(name, dialect=engine, udt=True).this == exp.DType.USERDEFINED for name in types)


def _parsed(text: str, dialect: str, engine: str, source: str) -> exp.Query:
    if dialect == engine:
        return parse_query(normalize_parameters(text, engine), engine, source)
    spelled = _NAME_WITH_DOLLAR.sub(_quoted, text) if dialect == CALCITE else text
    tree = parse_query(spelled, _base(dialect), source)
    unnamed = [node for node in tree.find_all(exp.Placeholder, bfs=False) if not node.args.get("this")]
    for number, node in enumerate(unnamed, 1):
        node.set("this", f"p{number}")
    return tree


def _schema(ddl: str, dialect: str, engine: str, source: str) -> Schema:
    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.ERROR)  # what is not understood raises an error of ours
    try:
        schema = schema_of(ddl, dialect, source, engine)
    finally:
        logger.setLevel(level)
    if ddl.strip() and not schema.tables:
        raise QueryError(f"{source} creates no table.", "Give CREATE TABLE statements.")
    return schema


def _quoted(found: re.Match[str]) -> str:
    return found[1] if found[1] is not None else f'"{found[2]}"'


def _respell(node: exp.Expr) -> None:
    """Say in other words what few engines understand."""
    if isinstance(node, exp.Count) and node.expressions:
        given = exp.and_(
            *(exp.Not(this=exp.Is(this=one.copy(), expression=exp.null())) for one in (node.this, *node.expressions))
        )
        node.set("this", exp.Case(ifs=[exp.If(this=given, true=exp.Literal.number(1))]))
        node.set("expressions", None)
    elif isinstance(node, exp.Order) and isinstance(node.parent, exp.Query):
        sorting = [key for key in node.expressions if not (isinstance(key.this, exp.Literal) and key.this.is_string)]
        if sorting:
            node.set("expressions", sorting)
        else:
            node.pop()
    elif isinstance(node, exp.Anonymous):
        if node.name.upper() == "POSITIVE" and len(node.expressions) == 1:  # of Spark, the sign that changes nothing
            node.replace(exp.Paren(this=node.expressions[0].copy()))
    elif isinstance(node, exp.Group):
        keys = [exp.cast(key.copy(), "INT") if isinstance(key, exp.Literal) else key for key in node.expressions]
        node.set("expressions", keys)
    elif isinstance(node, exp.Values) and node.alias and not node.alias_column_names:
        width = len(node.expressions[0].expressions)
        node.args["alias"].set("columns", [exp.to_identifier(f"EXPR${place}", quoted=True) for place in range(width)])
