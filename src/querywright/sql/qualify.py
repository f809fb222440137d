"""Resolves every name of a query against a schema and types every expression."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from sqlglot import MappingSchema, exp
from sqlglot.dialects.dialect import DialectType
from sqlglot.errors import OptimizeError, SchemaError
from sqlglot.optimizer.annotate_types import TypeAnnotator, annotate_types
from sqlglot.optimizer.qualify import qualify as sqlglot_qualify
from sqlglot.optimizer.scope import Scope

from querywright.errors import QueryError
from querywright.sql.names import quote_names
from querywright.sql.parse import parse_query
from querywright.sql.schema import Schema, Table
from querywright.sql.trees import copied

DEFAULT_NAMESPACES = frozenset({"main", "public"})

_HIDDEN = frozenset({"rowid", "_rowid_", "oid"})
_MOST_MAPPINGS = 32


def qualify_text(
    text: str,
    schema: Schema,
    dialect: str,
    output_names: Sequence[str] = (),
    source: str = "the query",
    *,
    typed: bool = True,
) -> exp.Query:
    """Parse and qualify; see `parse_query` and `qualify`.

    Without ``typed`` expressions get no types, which saves time; `complete_types` adds them. Fields of nested values need types
    to be resolved, so that queries with dots get them anyway.
    """
    return _qualified(parse_query(text, dialect, source), schema, dialect, output_names, source, typed)


def qualify(
    tree: exp.Query, schema: Schema, dialect: str, output_names: Sequence[str] = (), source: str = "the query"
) -> exp.Query:
    """A typed copy of ``tree`` in which every table has an alias, every column its table, and no star or USING is left.

    ``output_names`` are the result's column names as the engine reports them: qualifying invents names for unnamed
    expressions, and a rewrite must not change what the caller sees. Raises `QueryError` for unknown tables and columns.
    """
    return _qualified(copied(tree), schema, dialect, output_names, source, True)


def _qualified(tree: exp.Query, schema: Schema, dialect: str, output_names: Sequence[str], source: str, typed: bool) -> exp.Query:
    """Like `qualify`, but changes ``tree`` itself."""
    _check_tables(tree, schema, source)
    mapping = mapping_schema(schema, dialect)
    try:
        qualified = sqlglot_qualify(tree, schema=mapping, dialect=dialect, quote_identifiers=False, identify=False)
        assert isinstance(qualified, exp.Query)
        name_outputs(qualified, output_names)
        quote_names(qualified, dialect)
        return annotate_types(qualified, schema=mapping, dialect=dialect) if typed or qualified.find(exp.Dot) else qualified
    except (OptimizeError, SchemaError) as error:
        message = str(error).splitlines()[0].rstrip(".")
        raise QueryError(f"{source} does not fit the database: {message}.", _column_remedy(message, schema)) from error


def complete_types(
    qualified: exp.Query, scopes: Iterable[Scope], schema: Schema, dialect: str, typed: Mapping[int, exp.Expr]
) -> None:
    """Give the expressions of a qualified tree with these ``scopes`` types; ``typed`` ones keep theirs, see `typed_nodes`."""
    annotator = TypeAnnotator(mapping_schema(schema, dialect))
    annotator._visited.update(typed)  # its option not to overwrite types leaves new casts and all below them without
    for scope in scopes:
        annotator.annotate_scope(scope)
    annotator.annotate(qualified, annotate_scope=False)


def typed_nodes(nodes: Collection[exp.Expr]) -> dict[int, exp.Expr]:
    """Those ``nodes`` of a typed tree, by ``id``, that keep their types after a rewrite; what holds a new node loses its type.

    So does what holds a NULL, since typing replaces the type of a NULL by another one in the end.
    """
    for node in nodes:
        if node._type is None or node.__class__ is exp.Null:
            node._type = None
            above = node.parent
            while above is not None and above._type is not None:
                above._type = None
                above = above.parent
    return {id(node): node for node in nodes if node._type is not None and not isinstance(node, exp.Query)}


def table_of(node: exp.Table, schema: Schema) -> Table | None:
    """The schema's table that ``node`` names, None for a CTE's name or an unknown table."""
    if node.db and node.db.lower() not in DEFAULT_NAMESPACES:
        return schema.table(f"{node.db}.{node.name}") or schema.table(node.name)
    return schema.table(node.name)


class _Mapping(MappingSchema):
    """Looks the type of each column up once: sqlglot copies and normalizes the table's name each time."""

    def __init__(self, dialect: str) -> None:
        super().__init__(dialect=dialect)
        self._types: dict[tuple[str, str, str, str], exp.DataType] = {}

    def get_column_type(
        self,
        table: exp.Table | str,
        column: exp.Column | str,
        dialect: DialectType = None,
        normalize: bool | None = None,
    ) -> exp.DataType:
        if isinstance(table, str) or isinstance(column, str) or dialect is not None or normalize is not None:
            return super().get_column_type(table, column, dialect, normalize)
        key = table.catalog, table.db, table.name, column.name
        known = self._types.get(key)
        if known is None:
            known = self._types[key] = super().get_column_type(table, column)
        return known


_MAPPINGS: dict[tuple[int, str], tuple[Schema, MappingSchema]] = {}
"""By the ``id`` of a schema, which is kept so that no other one can have it: hashing a large schema takes long."""


def mapping_schema(schema: Schema, dialect: str) -> MappingSchema:
    """``schema`` as sqlglot's optimizer takes it."""
    known = _MAPPINGS.get((id(schema), dialect))
    if known is None:
        while len(_MAPPINGS) >= _MOST_MAPPINGS:
            _MAPPINGS.pop(next(iter(_MAPPINGS)), None)
        known = _MAPPINGS[id(schema), dialect] = schema, _mapping(schema, dialect)
    return known[1]


@lru_cache(maxsize=_MOST_MAPPINGS)
def _mapping(schema: Schema, dialect: str) -> MappingSchema:
    mapping = _Mapping(dialect)
    for table in sorted(schema.tables, key=lambda table: "." not in table.name):
        # A collated text is of no known type: equal values of it may differ, so that no rule may rely on their equality.
        columns = {column.name: "UNKNOWN" if column.collated else column.type or "UNKNOWN" for column in table.columns}
        mapping.add_table(exp.to_identifier(table.name.rpartition(".")[2], quoted=True).sql(dialect), columns)
    return mapping


def name_outputs(query: exp.Query, names: Sequence[str]) -> None:
    """Give the outputs of the outermost block the names that the engine gives them."""
    first = query
    while isinstance(first, (exp.SetOperation, exp.Subquery)):
        first = first.this
    projections = first.expressions
    if len(names) != len(projections):
        return
    for index, (projection, name) in enumerate(zip(projections, names, strict=True)):
        if projection.alias_or_name == name:
            continue
        bare = projection.this if isinstance(projection, exp.Alias) else projection
        alias = exp.to_identifier(name, quoted=not exp.SAFE_IDENTIFIER_RE.match(name) or name != name.lower())
        invented = projection.alias_or_name
        if isinstance(bare, exp.Subquery):
            bare.set("alias", None)
        projections[index] = exp.Alias(this=bare, alias=alias)
        for ordered in query.find_all(exp.Ordered):
            column = ordered.this
            if isinstance(column, exp.Column) and not column.table and column.name == invented:
                column.set("this", alias.copy())
    first.set("expressions", projections)


def _check_tables(tree: exp.Query, schema: Schema, source: str) -> None:
    named = list(tree.find_all(exp.CTE, exp.Table))
    defined = {node.alias.lower() for node in named if isinstance(node, exp.CTE)}
    for node in named:
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier) or node.name.lower() in defined:
            continue
        if table_of(node, schema) is None:
            names = [table.name for table in schema.tables]
            raise QueryError(
                f"{source} reads table {node.name}, which the database does not have.",
                _suggestion(node.name, names) or f"Its tables: {', '.join(sorted(names)[:20]) or 'none'}.",
            )


def _column_remedy(message: str, schema: Schema) -> str:
    quoted = message.split("'")
    name = (quoted[1] if len(quoted) > 2 else message.rpartition(" ")[2]).rpartition(".")[2]
    columns = sorted({column.name for table in schema.tables for column in table.columns})
    if name.lower() in _HIDDEN:
        return "Columns that a table does not list cannot be used: name its key instead."
    if "for table" in message:
        return "Write the alias that its FROM clause gives to the table; a derived table sees its neighbors only after LATERAL."
    if name.lower() in (column.lower() for column in columns):
        return f"Write the alias of the table that has it before it, as in t.{name}."
    return _suggestion(name, columns) or "Check the column's name and its table."


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [entry.lower() for entry in known], n=2)
    return f"Did you mean {' or '.join(close)}?" if close else ""
