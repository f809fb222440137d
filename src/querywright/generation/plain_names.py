"""Other names for those that need quotes, or that shapes of queries use themselves, so that shapes need not think of them."""

from __future__ import annotations

import re
import unicodedata

from querywright.sql.names import is_plain
from querywright.sql.renaming import Renaming
from querywright.sql.schema import Schema

OWN_WORDS = frozenset(
    {"ahead", "average", "change", "counted", "largest", "member", "owner", "part", "percentage", "place", "position", "so_far"}
    | {"total", "total_ahead", "figure", *(f"figure_{number}" for number in range(1, 10))}
)
"""What shapes call that which they compute beside any columns."""


def plain_names(schema: Schema, dialect: str) -> tuple[Renaming, Renaming]:
    """Names to draw with, in place of those that need quotes or are a shape's own words, and back: the names that these stand
    for, and other words for the shapes' own.

    Outside SQLite, ``schema.table`` is two names.
    """
    tables = {table.name: [table.name] if dialect == "sqlite" else table.name.split(".", 1) for table in schema.tables}
    columns = [column.name for table in schema.tables for column in table.columns]
    names = dict.fromkeys([*(part for parts in tables.values() for part in parts), *columns])
    taken = {name.lower() for name in names}
    plain: dict[str, str] = {}
    for name in names:
        if (not is_plain(name) or name.lower() in OWN_WORDS) and name.lower() not in plain:
            letters = unicodedata.normalize("NFKD", name).casefold().encode("ascii", "ignore").decode()
            stem = re.sub(r"\W+", "_", letters).strip("_")
            stem = f"t_{stem or 'unnamed'}" if not stem or stem[0].isdigit() else stem
            plain[name.lower()] = _free(stem, taken)
            taken.add(plain[name.lower()])
    back = {plain[name.lower()]: name for name in reversed(names) if name.lower() in plain}
    for word in OWN_WORDS & taken:
        back[word] = _free(f"computed_{word}", taken)
    whole = {name.lower(): ".".join(plain.get(part.lower(), part) for part in parts) for name, parts in tables.items()}
    return {**plain, **{name: new for name, new in whole.items() if new != name}}, back


def _free(stem: str, taken: set[str]) -> str:
    numbered = (f"{stem}_{number}" for number in range(2, 10_000))
    return next(name for name in [stem, f"{stem}_", *numbered] if name not in taken and is_plain(name))
