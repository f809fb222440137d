"""Values as SQL literals, and query parameters replaced by them.

DuckDB's Python driver turns the result of a parameterized query into Python objects before it can be used as a relation, which
would be timed; with literals every query takes the same fast path, and DuckDB plans both alike.
"""

from __future__ import annotations

import datetime
import math
import re
import uuid
from collections.abc import Sequence
from decimal import Decimal

from querywright.errors import BindingError
from querywright.values import Bindings

_TOKEN = re.compile(
    r"""
      [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"   # strings and quoted names
    | --[^\n]* | /\*.*?\*/                                          # comments
    | \$(?P<tag>[^\W\d]\w*)?\$.*?\$(?P=tag)?\$                      # dollar-quoted strings
    | \$(?P<dollar>\w+) | (?<![:\w\])]):(?P<colon>[^\W\d]\w*) | \?(?P<question>\d*)
    """,
    re.VERBOSE | re.DOTALL,
)


def literal(value: object) -> str:
    """``value`` as a DuckDB literal of the same type; raises `BindingError` for a type that has none."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return f"({value})" if value < 0 else str(value)
        case float():
            return f"CAST({value!r} AS DOUBLE)" if math.isfinite(value) else f"CAST('{value}' AS DOUBLE)"
        case Decimal():
            return _decimal(value)
        case str():
            return "'" + value.replace("'", "''") + "'"
        case bytes() | bytearray() | memoryview():
            return "CAST('" + "".join(f"\\x{byte:02X}" for byte in bytes(value)) + "' AS BLOB)"
        case datetime.datetime():
            return f"CAST('{value.isoformat(' ')}' AS TIMESTAMP{'TZ' if value.tzinfo else ''})"
        case datetime.date():
            return f"CAST('{value.isoformat()}' AS DATE)"
        case datetime.time():
            return f"CAST('{value.isoformat()}' AS TIME)"
        case datetime.timedelta():
            return f"to_microseconds({value // datetime.timedelta(microseconds=1)})"
        case uuid.UUID():
            return f"CAST('{value}' AS UUID)"
        case list() | tuple():
            return "[" + ", ".join(literal(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{literal(str(name))}: {literal(item)}" for name, item in value.items()) + "}"
    raise BindingError(f"A value of type {type(value).__name__} cannot be written as SQL: {value!r}.")


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        return f"CAST('{value}' AS DOUBLE)"
    scale = max(0, -int(value.as_tuple().exponent))
    width = max(len(value.as_tuple().digits), scale + 1)
    return f"CAST('{value:f}' AS DECIMAL({min(38, width)}, {scale}))"


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
    return BindingError(
        f"The query has a parameter {name} without a value.{known}", f"Give it one, such as: --bind {name}=VALUE"
    )
