"""Adds up a figure row by row in the order of a date or a number, within a group."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import phrase
from querywright.sql.schema import Column

_WORDS = {"SUM": "total", "COUNT": "number", "MAX": "largest", "AVG": "average"}


def draw(scene: Scene) -> Drawn:
    """SELECT …, SUM(x) OVER (PARTITION BY group ORDER BY y) …."""
    entry = scene.start("measure")
    keys = scene.key(entry.table)
    ordering = scene.one(scene.columns(entry.table, "moment", "measure", usable=_filled) or list(keys))
    groups = scene.columns(entry.table, "category", "identifier", usable=_filled)
    group = scene.one([name for name in groups if (name,) != keys and name != ordering])
    measure = scene.column(entry.table, "measure")
    call = scene.random.choice(list(_WORDS))
    conditions = scene.conditions(entry, scene.random.randint(1, 2))
    names = list(dict.fromkeys([*keys, group, ordering, measure]))
    over = f"OVER (PARTITION BY {entry.column(group)} ORDER BY {entry.column(ordering)})"
    columns = [*(entry.column(name) for name in names), f"{call}({entry.column(measure)}) {over} AS so_far"]
    sql = f"SELECT {', '.join(columns)}\nFROM {entry.table.name} AS {entry.alias}{filtered(conditions)}"
    return Drawn(
        sql,
        f"For the {described(entry.words, conditions)}: the {_WORDS[call]} of {phrase(entry.table, measure)} so far, in the "
        f"order of {phrase(entry.table, ordering)}, for each {phrase(entry.table, group)}?",
    )


def _filled(column: Column) -> bool:
    return column.not_null is not None
