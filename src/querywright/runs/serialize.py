"""Values to JSON and back, the one place that knows how.

Infinite bounds become the strings "Infinity" and "-Infinity", so that the files are strict JSON for every reader.
They come back as numbers wherever a number is declared; only an infinite or NaN value among a query's parameters or in
a counterexample's rows stays a string.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from querywright.errors import RunError

T = TypeVar("T")


def _build(kind: Any) -> TypeAdapter[Any]:
    # A bare dataclass takes no configuration from the adapter; as a member of a union it inherits it.
    return TypeAdapter(kind | None, config=ConfigDict(ser_json_inf_nan="strings"))


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(_build)


def to_json(value: object) -> str:
    """One line of JSON for a dataclass of `querywright.values`."""
    return _adapter(type(value)).dump_json(value).decode()


def from_json(kind: type[T], text: str | bytes) -> T:
    """The value of dataclass ``kind`` that `to_json` wrote; raises `RunError` where the text is not one."""
    try:
        value = _adapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the text"
        raise RunError(f"Not a stored {kind.__name__}: {where}: {first['msg']}") from error
    if not isinstance(value, kind):
        raise RunError(f"Not a stored {kind.__name__}: the text is null.")
    return value
