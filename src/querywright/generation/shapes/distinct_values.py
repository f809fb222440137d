"""Lists the different values of columns among rows that satisfy one of two conditions."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase


def draw(scene: Scene) -> Drawn:
    """SELECT DISTINCT … WHERE p AND (q OR r)."""
    entry = scene.start("category", "identifier", keyed=False)
    keys = scene.key(entry.table)
    one = scene.one([name for name in scene.columns(entry.table, "identifier") if (name,) != keys])
    names = [one, *(name for name in scene.shown(entry, 1) if name != one)]
    conditions = scene.conditions(entry, 3, without=names)
    shared, either = conditions[2:], conditions[:2]
    alternatives = [" AND ".join(condition.conjuncts) for condition in either]
    tests = [f"({' OR '.join(alternatives)})"] if len(alternatives) == 2 else alternatives
    columns = ", ".join(entry.column(name) for name in names)
    sql = f"SELECT DISTINCT {columns}\nFROM {entry.table.name} AS {entry.alias}{filtered(shared, *tests)}"
    asked = listed([phrase(entry.table, name) for name in names])
    words = listed([condition.words for condition in either], "or")
    return Drawn(sql, f"Which different {asked} occur among {described(entry.words, shared)} {words}?")
