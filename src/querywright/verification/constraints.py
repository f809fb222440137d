"""Rows that obey the keys and references of their table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from querywright.sql.schema import Table
from querywright.verification.planting import Cells


def keyed(table: Table, rows: Sequence[Cells]) -> Iterator[Cells]:
    """The rows without those whose key an earlier row has."""
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        values = [(position, *(row.get(column.lower()) for column in key.columns)) for position, key in enumerate(table.keys)]
        taken = [value for value in values if None not in value]
        if not any(value in seen for value in taken):
            seen.update(taken)
            yield row


def remove_orphans(table: Table, rows: Mapping[str, list[Cells]]) -> None:
    """Remove the table's rows that refer to one that is not there; ``rows`` are by lower-case table name."""
    name = table.name.lower()
    for foreign in table.foreign_keys:
        target = foreign.references.lower()
        if target in rows:
            columns, wanted = ([one.lower() for one in side] for side in (foreign.columns, foreign.references_columns))
            known = {tuple(other.get(column) for column in wanted) for other in rows[target]}
            referring = [(row, tuple(row.get(column) for column in columns)) for row in rows[name]]
            rows[name][:] = [row for row, values in referring if None in values or values in known]
