"""Queries in files."""

from __future__ import annotations

from pathlib import Path

from querywright.errors import QueryError


def query_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark; raises `QueryError`."""
    if path.is_dir():
        raise QueryError(f"{path} is a folder.", "Name one .sql file.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise QueryError(f"{path} does not exist.", "Name a .sql file, or - to read standard input.") from error
    except UnicodeDecodeError as error:
        raise QueryError(f"{path} is not a text file in UTF-8.", "Save it as UTF-8.") from error
    except OSError as error:
        raise QueryError(f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions.") from error
