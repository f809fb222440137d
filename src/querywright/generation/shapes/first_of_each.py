"""Finds the latest or largest row of each group, ties included."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase
from querywright.sql.schema import Column


def draw(scene: Scene) -> Drawn:
    """SELECT … FROM (SELECT …, RANK() OVER (PARTITION BY group ORDER BY x DESC) AS place …) WHERE place = 1."""
    entry = scene.start("category", keyed=False)
    filled = [name for name in scene.columns(entry.table, "measure", "moment", usable=_filled)]
    groups = scene.columns(entry.table, "category", "identifier", usable=_filled)
    keys = scene.key(entry.table)
    group = scene.one([name for name in groups if keys != (name,)])
    value = scene.one([name for name in filled if name != group])
    descending = scene.random.random() < 0.7
    shown = scene.shown(entry, 2, without=[group, value, *keys])
    names = list(dict.fromkeys([*keys, group, value, *shown]))
    conditions = scene.conditions(entry, scene.random.randint(0, 2), without=[value])
    inner = ", ".join(entry.column(name) for name in names)
    rows = indented(filtered(conditions), 4)
    sql = (
        f"SELECT {', '.join(f'ranked.{name}' for name in names)}\nFROM (\n"
        f"    SELECT {inner},\n           RANK() OVER (PARTITION BY {entry.column(group)} "
        f"ORDER BY {entry.column(value)}{' DESC' if descending else ''}) AS place\n"
        f"    FROM {entry.table.name} AS {entry.alias}{rows}\n) AS ranked\nWHERE ranked.place = 1"
    )
    which = "largest or latest" if descending else "smallest or earliest"
    asked = listed([phrase(entry.table, name) for name in shown])
    return Drawn(
        sql,
        f"Of the {described(entry.words, conditions)}, which has the {which} {phrase(entry.table, value)} "
        f"for each {phrase(entry.table, group)}?" + (f" Show {asked}." if asked else ""),
    )


def _filled(column: Column) -> bool:
    return column.not_null is not None
