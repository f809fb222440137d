"""What a workload plug-in provides: a database generated at a size, its keys by specification, and its queries.

A workload is one module of this package; its file name is its name. `querywright.workloads.driver` checks
parameters, builds each database once, and keeps it in the cache.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from querywright.errors import DatabaseError
from querywright.sql.schema import Column, ForeignKey, Key, Table

Progress = Callable[[str, float | None], None]
"""Receives what is being done and the fraction done so far (None: unknown)."""

References = Mapping[tuple[str, ...], str]
"""Foreign keys of a table: their columns, and the table whose primary key they refer to."""

Parameters = Mapping[str, str]
"""Values of all parameters of a workload by name, checked and in canonical spelling."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a workload: a ``file``, one of ``choices``, or where there are none a positive number, ``least`` or more.

    ``engines`` names the engines it applies to (empty: all). A file has no default: it has to be named.
    """

    default: str
    meaning: str
    choices: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    least: float = 0
    file: bool = False

    def canonical(self, name: str, value: str) -> str:
        """The one spelling of ``value``; raises `DatabaseError` where it is not a value of this parameter."""
        if self.file:
            return _existing(name, value)
        if self.choices:
            if value not in self.choices:
                raise DatabaseError(f"{name}={value} is not known.", f"Give {name} one of: {', '.join(self.choices)}.")
            return value
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            raise DatabaseError(f"{name}={value} is not a positive number.", f"Write for example {name}={self.default}.")
        if number < self.least:
            raise DatabaseError(f"{name}={value} is too small.", f"Write {name}={self.least:.15g} or more.")
        return f"{number:.15g}"

    def identity(self, value: str) -> str:
        """What tells data made with this value from other data: of a file, its content."""
        return hashlib.sha256(Path(value).read_bytes()).hexdigest()[:16] if self.file else value


def _existing(name: str, value: str) -> str:
    """The absolute path of a file that can be read, and written into a specification."""
    path = Path(value).expanduser().absolute()
    example = f"Write for example {name}=schema.sql."
    if not value:
        raise DatabaseError(f"No {name} was named.", example)
    if "," in str(path):
        raise DatabaseError(f"{path} has a comma in its path, which separates parameters.", "Move it, or link to it.")
    if not path.is_file():
        raise DatabaseError(f"{path} is not a file.", example)
    if not os.access(path, os.R_OK):
        raise DatabaseError(f"{path} cannot be read.", f"Check its permissions: ls -l {path}")
    return str(path)


class Workload(Protocol):
    """The module-level interface of a workload plug-in."""

    ENGINES: tuple[str, ...]
    """Engines it can be generated for; the first is the default."""
    PARAMETERS: Mapping[str, Parameter]
    QUERY_NAMES: tuple[str, ...]
    """Names of the queries, known without reading them; none where it comes without any."""
    GENERATOR: int
    """Raised whenever `build` gives other data, so that cached files of an older generator are not used."""

    def tables(self, parameters: Parameters) -> tuple[Table, ...]:
        """Keys, foreign keys and NOT NULLs of the specification, for `Schema.with_keys`; no column types."""
        ...

    def queries(self, engine: str) -> Mapping[str, str]:
        """The queries in the dialect of ``engine`` by name, in the order of the specification."""
        ...

    def build(self, path: Path, engine: str, parameters: Parameters, progress: Progress) -> None:
        """Generate the database into the file ``path``, which does not exist yet."""
        ...


def declared_tables(
    primary_keys: Mapping[str, tuple[str, ...]],
    references: Mapping[str, References],
    not_null: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[Table, ...]:
    """Tables from the keys of a specification, all with basis "declared".

    Columns of primary keys are NOT NULL, and so are the further columns in ``not_null``.
    """
    return tuple(
        Table(
            name=table,
            columns=tuple(Column(column, "", "declared") for column in dict.fromkeys((*key, *(not_null or {}).get(table, ())))),
            keys=(Key(key, "declared"),),
            foreign_keys=tuple(
                ForeignKey(columns, target, primary_keys[target], "declared")
                for columns, target in references.get(table, {}).items()
            ),
        )
        for table, key in primary_keys.items()
    )
