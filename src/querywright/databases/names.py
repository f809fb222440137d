"""Names and text as SQL that DuckDB and SQLite read alike."""

from __future__ import annotations

from collections.abc import Iterable

from querywright.sql.names import quoted


def table_name(name: str, dialect: str) -> str:
    """The table as it is named in a query; ``schema.table`` is two names, save in SQLite, which has no schemas."""
    return quoted(name) if dialect == "sqlite" else ".".join(quoted(part) for part in name.split(".", 1))


def listed(names: Iterable[str]) -> str:
    """The names as identifiers, separated by commas."""
    return ", ".join(quoted(name) for name in names)


def literal(text: str) -> str:
    """The text as a string literal."""
    return "'" + text.replace("'", "''") + "'"
