"""Lists rows of one table that satisfy several conditions, one of them with alternatives."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase


def draw(scene: Scene) -> Drawn:
    """SELECT … WHERE a AND b AND (c OR d)."""
    entry = scene.start("category")
    key = scene.key(entry.table)
    conditions = scene.conditions(entry, scene.random.randint(2, 4))
    shown = scene.shown(entry, 4, without=key)
    columns = ", ".join(entry.column(name) for name in (*key, *shown))
    either: list[str] = []
    words = ""
    if len(conditions) > 3:
        one, other = conditions[-2:]
        conditions = conditions[:-2]
        either = [f"({' AND '.join(one.conjuncts)} OR {' AND '.join(other.conjuncts)})"]
        words = f", and either {one.words} or {other.words}"
    sql = f"SELECT {columns}\nFROM {entry.table.name} AS {entry.alias}{filtered(conditions, *either)}"
    names = listed([phrase(entry.table, name) for name in shown]) or "number"
    return Drawn(sql, f"Which are the {described(entry.words, conditions)}{words}? Show their {names}.")
