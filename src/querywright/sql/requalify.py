"""Reads back what was printed from a rewritten tree: most of what qualifying does has been done to it before.

The steps of sqlglot's ``qualify`` that cannot change such a text are left out, as soon as one walk has seen that they cannot.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, SchemaError, TokenError
from sqlglot.optimizer.qualify_columns import qualify_columns, validate_qualify_columns

from querywright.sql.names import quote_names
from querywright.sql.qualify import mapping_schema, name_outputs, qualify_text, table_of
from querywright.sql.schema import Schema

_UNUSUAL = (exp.UDTF, exp.Dot, exp.Pivot, exp.Values)


def requalify_text(text: str, schema: Schema, dialect: str, output_names: Sequence[str], source: str) -> exp.Query:
    """Like `querywright.sql.qualify.qualify_text` without types, for SQL that a rewritten qualified tree was printed as.

    The nodes of the result do not know where they stand in ``text``. Raises `QueryError` for what does not fit the database.
    """
    try:
        tree = sqlglot.parse_one(text, read=dialect)
        if isinstance(tree, exp.Query) and not isinstance(tree, exp.Subquery) and _settled(tree, schema):
            qualify_columns(tree, mapping_schema(schema, dialect))
            validate_qualify_columns(tree)
            name_outputs(tree, output_names)
            quote_names(tree, dialect)
            return tree
    except (ParseError, TokenError, OptimizeError, SchemaError):
        pass  # qualify_text reports it
    return qualify_text(text, schema, dialect, output_names, source, typed=False)


def _settled(tree: exp.Query, schema: Schema) -> bool:
    """Whether names are in their normal form, tables known, and sources have aliases; forgets the places in the text."""
    defined: set[str] = set()
    read: list[exp.Table] = []
    for node in tree.walk():
        node._meta = None
        if isinstance(node, exp.Identifier):
            if node.this != node.this.lower():
                return False
        elif isinstance(node, exp.Column):
            if node.args.get("db") is not None:
                return False
        elif isinstance(node, exp.Table):
            args = node.args
            if not isinstance(node.this, exp.Identifier) or args.get("joins") or args.get("pivots"):
                return False
            if not node.alias:
                node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name)))
            read.append(node)
        elif isinstance(node, exp.Subquery):
            unnamed = isinstance(node.parent, (exp.From, exp.Join)) and not node.alias
            if unnamed or isinstance(node.this, (exp.Subquery, exp.Table)):
                return False
        elif isinstance(node, exp.CTE):
            defined.add(node.alias)
        elif isinstance(node, _UNUSUAL):
            return False
    return all(node.name in defined or table_of(node, schema) is not None for node in read)
