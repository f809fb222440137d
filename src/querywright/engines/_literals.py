"""Python values as DuckDB literals."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

from querywright.errors import BindingError


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
            return f"CAST('{value!r}' AS DOUBLE)"
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
