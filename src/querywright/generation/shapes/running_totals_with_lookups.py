"""Adds up a figure row by row within a group, and shows the result beside what the rows lead to."""

from __future__ import annotations

from querywright.generation.scene import Scene, Unsuitable, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import phrase
from querywright.sql.schema import Column

_WORDS = {"SUM": "total", "COUNT": "number", "MAX": "largest", "AVG": "average"}


def draw(scene: Scene) -> Drawn:
    """WITH running AS (SELECT …, SUM(x) OVER (PARTITION BY group ORDER BY y) …) SELECT … FROM running LEFT JOIN … LEFT JOIN …."""
    entry = scene.start("measure", where=lambda table: bool(scene.parents(table)))
    keys = scene.key(entry.table)
    beside = scene.beside(entry, scene.random.choice((1, 2, 2, 3)))
    if not beside.columns:
        raise Unsuitable
    ordering = scene.one(scene.columns(entry.table, "moment", "measure", usable=_filled) or list(keys))
    groups = scene.columns(entry.table, "category", "identifier", usable=_filled)
    group = scene.one([name for name in groups if (name,) != keys and name != ordering])
    measure = scene.column(entry.table, "measure")
    call = scene.random.choice(list(_WORDS))
    conditions = scene.conditions(entry, scene.random.randint(1, 2))
    links = [name for key in scene.parents(entry.table) for name in key.columns]
    names = list(dict.fromkeys([*keys, group, ordering, measure, *links]))
    inner = scene.entry(entry.table)
    over = f"OVER (PARTITION BY {inner.column(group)} ORDER BY {inner.column(ordering)})"
    chosen = indented(filtered(conditions), 4).replace(f"{entry.alias}.", f"{inner.alias}.")
    shown = ", ".join([*(entry.column(name) for name in dict.fromkeys([*keys, group, ordering])), *beside.columns])
    sql = (
        f"WITH running AS (\n    SELECT {', '.join(inner.column(name) for name in names)},\n"
        f"           {call}({inner.column(measure)}) {over} AS so_far\n"
        f"    FROM {entry.table.name} AS {inner.alias}{chosen}\n)\n"
        f"SELECT {shown}, {entry.alias}.so_far\nFROM running AS {entry.alias}{beside.joins}"
    )
    return Drawn(
        sql,
        f"For the {described(entry.words, conditions)}: the {_WORDS[call]} of {phrase(entry.table, measure)} so far, in the "
        f"order of {phrase(entry.table, ordering)}, for each {phrase(entry.table, group)}{beside.words}?",
    )


def _filled(column: Column) -> bool:
    return column.not_null is not None
