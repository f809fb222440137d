"""An opened database as a value: where it lives and what is known about its tables."""

from __future__ import annotations

from dataclasses import dataclass

from querywright.engines.protocol import Location
from querywright.sql.schema import Schema
from querywright.values import DatabaseRole


@dataclass(frozen=True, slots=True)
class Database:
    """A database that queries run on. ``name`` is short and for people; ``fraction`` is the share of rows in a sample.

    ``specification`` opens the same database again from any folder; empty for samples.
    """

    name: str
    location: Location
    role: DatabaseRole
    schema: Schema
    fraction: float = 1.0
    specification: str = ""
