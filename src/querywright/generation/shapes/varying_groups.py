"""Lists the rows of groups in which a column has more than one value."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import article, listed, phrase


def draw(scene: Scene) -> Drawn:
    """SELECT … WHERE key IN (SELECT key … GROUP BY key HAVING COUNT(DISTINCT x) > 1)."""
    entry = scene.start("category", "identifier")
    keys = scene.key(entry.table)
    groups = [name for name in scene.columns(entry.table, "identifier") if (name,) != keys]
    group = scene.one(groups)
    value = scene.one([name for name in scene.columns(entry.table, "category") if name != group])
    inner = scene.entry(entry.table)
    conditions = scene.conditions(entry, scene.random.randint(1, 2), without=[group])
    shown = scene.shown(entry, 2, without=[group, *keys])
    columns = ", ".join(entry.column(name) for name in dict.fromkeys([*keys, group, *shown]))
    test = (
        f"{entry.column(group)} IN (\n      SELECT {inner.column(group)}\n      FROM {inner.table.name} AS {inner.alias}\n"
        f"      GROUP BY {inner.column(group)}\n      HAVING COUNT(DISTINCT {inner.column(value)}) > 1\n  )"
    )
    sql = f"SELECT {columns}\nFROM {entry.table.name} AS {entry.alias}{filtered(conditions, test)}"
    asked = listed([phrase(entry.table, name) for name in shown]) or "number"
    return Drawn(
        sql,
        f"Which {described(entry.words, conditions)} have {article(phrase(entry.table, group))} with more than one "
        f"{phrase(entry.table, value)}? Show their {asked}.",
    )
