"""The text of a query: parameters replaced by literals, comments and the final semicolon removed, names quoted.

DuckDB's Python driver turns the result of a parameterized query into Python objects before it can be used as a relation, which
would be timed; with literals every query takes the same fast path, and DuckDB plans both alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from querywright.engines._literals import literal
from querywright.errors import BindingError
from querywright.values import Bindings

_TOKEN = re.compile(
    r"""
      [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"   # strings and quoted names
    | (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?<!\w)\$(?P<tag>[^\W\d]\w*)?\$.*?\$(?P=tag)?\$               # dollar-quoted strings; names may hold $ as well
    | (?<!\w)\$(?P<dollar>\w+) | (?<![:\w\])]):(?P<colon>[^\W\d]\w*) | \?(?P<question>\d*)
    """,
    re.VERBOSE | re.DOTALL,
)


def bare(sql: str) -> str:
    """``sql`` without comments and without the semicolon at its end, ready to stand inside another statement."""
    return _TOKEN.sub(lambda token: " " if token["comment"] else token[0], sql).strip().rstrip("; \n\t\r")


def quoted(name: str) -> str:
    """A name in double quotes, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def with_literals(sql: str, parameters: Bindings) -> str:
    """``sql`` with ``?``, ``$1``, ``?1``, ``$name`` and ``:name`` replaced by literals.

    A colon starts a parameter only if a value of that name is given: ``list[1:n]`` is a slice. Values that the text does not
    mention are ignored, since a rewrite may have no more use for one. Raises `BindingError` where a value is missing.
    """
    values = dict(parameters)
    anonymous = 0

    def replaced(token: re.Match[str]) -> str:
        nonlocal anonymous
        name = token["dollar"] or token["colon"] or token["question"]
        if token["colon"] and name not in values:
            return token[0]
        if token["question"] == "":
            anonymous += 1
            name = str(anonymous)
        if not name:
            return token[0]
        if name not in values:
            raise missing_value(name, tuple(values))
        return literal(values[name])

    return _TOKEN.sub(replaced, sql)


def missing_value(name: str, given: Sequence[str]) -> BindingError:
    """The error for a parameter without a value."""
    known = f" Values were given for: {', '.join(given)}." if given else ""
    return BindingError(f"The query has a parameter {name} without a value.{known}", f"Give it one, such as: --bind {name}=VALUE")
