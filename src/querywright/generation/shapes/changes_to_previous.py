"""Sets a figure of each row against that of the row before it, within a group."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import phrase
from querywright.sql.schema import Column


def draw(scene: Scene) -> Drawn:
    """SELECT …, x - LAG(x) OVER (PARTITION BY group ORDER BY key) …."""
    entry = scene.start("measure")
    key = scene.one([name for name in scene.key(entry.table) if len(scene.key(entry.table)) == 1])
    group = scene.one([name for name in scene.columns(entry.table, "category", "identifier", usable=_filled) if name != key])
    measure = scene.column(entry.table, "measure")
    later = scene.random.random() < 0.3
    conditions = scene.conditions(entry, scene.random.randint(0, 1), without=[group])
    order = f"OVER (PARTITION BY {entry.column(group)} ORDER BY {entry.column(key)})"
    neighbor = f"{'LEAD' if later else 'LAG'}({entry.column(measure)}) {order}"
    names = ", ".join(entry.column(name) for name in dict.fromkeys((key, group, measure)))
    change = f"{neighbor} - {entry.column(measure)}" if later else f"{entry.column(measure)} - {neighbor}"
    sql = f"SELECT {names}, {change} AS change\nFROM {entry.table.name} AS {entry.alias}{filtered(conditions)}"
    figure, within = phrase(entry.table, measure), phrase(entry.table, group)
    return Drawn(
        sql,
        f"For the {described(entry.words, conditions)}: how does {figure} change "
        f"{'up to the next one' if later else 'from the one before'}, in the order of their numbers, for each {within}?",
    )


def _filled(column: Column) -> bool:
    return column.not_null is not None
