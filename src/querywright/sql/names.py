"""Names as identifiers, and which of them must be quoted."""

from __future__ import annotations

import re
from functools import lru_cache

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

_BARE = re.compile(r"[a-z_][a-z0-9_]*\Z")


def needs_quotes(name: str, dialect: str) -> bool:
    """Whether some parser of ``dialect`` could read ``name`` without quotes as something else."""
    return not _BARE.match(name) or name in _reserved(dialect) or name in _keywords(dialect)


def quoted(name: str) -> str:
    """The name as an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def identifier(name: str) -> str:
    """The name as an identifier that DuckDB and SQLite read alike, in quotes only where it may have to be."""
    return name if is_plain(name) else quoted(name)


@lru_cache(maxsize=65_536)
def is_plain(name: str) -> bool:
    """Whether neither DuckDB nor SQLite could read ``name`` without quotes as something else."""
    return not needs_quotes(name, "duckdb") and not needs_quotes(name, "sqlite")


def quote_names(tree: exp.Expr, dialect: str) -> None:
    """Quote the names in ``tree`` that cannot be printed and read again without: easily forgotten where names are made."""
    for name in tree.find_all(exp.Identifier):
        if not name.quoted and unreadable(name.this, dialect):
            name.set("quoted", True)


@lru_cache(maxsize=65_536)
def unreadable(name: str, dialect: str) -> bool:
    """Whether ``name`` cannot be printed without quotes and read again."""
    return name in _reserved(dialect) or not exp.SAFE_IDENTIFIER_RE.match(name)


@lru_cache(maxsize=8)
def _reserved(dialect: str) -> frozenset[str]:
    """Reserved words; DuckDB's list is PostgreSQL's and stands in where none is known."""
    known = {dialect, "duckdb"}
    return frozenset(word.lower() for name in known for word in Dialect.get_or_raise(name).generator_class.RESERVED_KEYWORDS)


@lru_cache(maxsize=8)
def _keywords(dialect: str) -> frozenset[str]:
    return frozenset(word.lower() for word in Dialect.get_or_raise(dialect).tokenizer_class.KEYWORDS)
