"""What the schema promises, by table: keys, NOT NULLs and foreign keys, each as the premise that it is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from querywright.sql.schema import Schema
from querywright.values import Premise


@dataclass(frozen=True)
class UniqueColumns:
    """A key; ``not_null`` are the premises that its columns hold no NULL, None where some may."""

    columns: tuple[str, ...]
    premise: Premise
    not_null: frozenset[Premise] | None


@dataclass(frozen=True)
class Reference:
    """A foreign key."""

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]
    premise: Premise


class Catalog:
    """The promises of a schema, all names in lower case; tables that it does not have promise nothing."""

    def __init__(self, schema: Schema) -> None:
        self.not_null: dict[tuple[str, str], Premise] = {}
        self.keys: defaultdict[str, list[UniqueColumns]] = defaultdict(list)
        self.references: defaultdict[str, list[Reference]] = defaultdict(list)
        for table in schema.tables:
            name = table.name.lower()
            for column in table.columns:
                if column.not_null is not None:
                    self.not_null[name, column.name.lower()] = Premise("not_null", table.name, (column.name,), column.not_null)
            self.keys[name] = [
                self._key(
                    name, tuple(column.lower() for column in key.columns), Premise("unique", table.name, key.columns, key.basis)
                )
                for key in table.keys
            ]
            self.references[name] = [
                Reference(
                    tuple(column.lower() for column in key.columns),
                    key.references.lower(),
                    tuple(column.lower() for column in key.references_columns),
                    Premise("foreign_key", table.name, key.columns, key.basis, (key.references, key.references_columns)),
                )
                for key in table.foreign_keys
            ]

    def _key(self, table: str, columns: tuple[str, ...], premise: Premise) -> UniqueColumns:
        found = [self.not_null.get((table, column)) for column in columns]
        known = frozenset(one for one in found if one is not None)
        return UniqueColumns(columns, premise, known if all(found) else None)
