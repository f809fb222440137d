"""Tables, columns and keys as plain data: what an engine reads from its catalog and what facts are derived from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from querywright.values import Basis


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``type`` in the engine's own spelling; ``not_null`` names why NULLs cannot occur (None: they can).

    The type of a text that is compared by another collation than the engine's own ends in COLLATE and its name.
    """

    name: str
    type: str
    not_null: Basis | None = None

    @property
    def collated(self) -> bool:
        """Whether equal values of the column may differ."""
        return " COLLATE " in self.type


@dataclass(frozen=True, slots=True)
class Key:
    """Columns whose values are unique among rows where all of them are non-NULL.

    A primary key is a key whose columns are NOT NULL as well.
    """

    columns: tuple[str, ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns whose values, where none is NULL, occur in ``references_columns`` of ``references``."""

    columns: tuple[str, ...]
    references: str
    references_columns: tuple[str, ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Index:
    """An access path; decides profitability, never equality."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view. ``rows`` is the engine's estimate of the row count, None where it has none."""

    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rows: int | None = None
    indexes: tuple[Index, ...] = ()
    checks: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name, ignoring case."""
        wanted = name.lower()
        return next((column for column in self.columns if column.name.lower() == wanted), None)

    def indexed(self, name: str) -> bool:
        """Whether rows can be looked up by the column: an index or a key begins with it."""
        paths = [*(index.columns for index in self.indexes), *(key.columns for key in self.keys)]
        return any(path and path[0].lower() == name.lower() for path in paths)


@dataclass(frozen=True)
class Schema:
    """All tables of a database; names are matched ignoring case."""

    tables: tuple[Table, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Table]:
        """Tables by lower-case name."""
        return {table.name.lower(): table for table in self.tables}

    @cached_property
    def column_names(self) -> Mapping[str, frozenset[str]]:
        """The columns of each table, all names in lower case."""
        return {name: frozenset(column.name.lower() for column in table.columns) for name, table in self.by_name.items()}

    def table(self, name: str) -> Table | None:
        """The table of that name, ignoring case."""
        return self.by_name.get(name.lower())

    def with_keys(self, declared: Iterable[Table]) -> Schema:
        """This schema with the keys, foreign keys and NOT NULLs of ``declared`` tables added to its own.

        What the engine already states keeps its basis; columns and tables that do not exist here are ignored.
        """
        additions = {table.name.lower(): table for table in declared}
        return Schema(tuple(_merged(table, additions.get(table.name.lower())) for table in self.tables))


def _merged(table: Table, addition: Table | None) -> Table:
    if addition is None:
        return table
    columns = tuple(
        replace(column, not_null=column.not_null or declared.not_null) if (declared := addition.column(column.name)) else column
        for column in table.columns
    )
    known_keys = {frozenset(name.lower() for name in key.columns) for key in table.keys}
    known_foreign = {(tuple(n.lower() for n in key.columns), key.references.lower()) for key in table.foreign_keys}
    keys = [key for key in addition.keys if frozenset(name.lower() for name in key.columns) not in known_keys]
    foreign = [
        key
        for key in addition.foreign_keys
        if (tuple(n.lower() for n in key.columns), key.references.lower()) not in known_foreign
    ]
    return replace(table, columns=columns, keys=(*table.keys, *keys), foreign_keys=(*table.foreign_keys, *foreign))
