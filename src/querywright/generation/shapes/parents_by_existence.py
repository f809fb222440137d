"""Lists rows that some row refers to, or that none refers to."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase


def draw(scene: Scene) -> Drawn:
    """SELECT … WHERE [NOT] EXISTS (SELECT … WHERE link AND conditions)."""
    parent = scene.start(where=lambda table: bool(scene.children(table)))
    child_table, key = scene.random.choice(scene.children(parent.table))
    child, how = scene.child(parent, (child_table, key))
    link = f"{child.column(key.columns[0])} = {parent.column(key.references_columns[0])}"
    conditions = scene.conditions(child, scene.random.randint(1, 2))
    outside = scene.conditions(parent, scene.random.randint(0, 2))
    keys = scene.key(parent.table)
    shown = scene.shown(parent, 3, without=keys)
    columns = ", ".join(parent.column(name) for name in (*keys, *shown))
    negated = scene.random.random() < 0.5
    inner = indented(filtered(conditions, link), 6)
    test = f"{'NOT ' if negated else ''}EXISTS (\n      SELECT 1\n      FROM {child_table.name} AS {child.alias}{inner}\n  )"
    sql = f"SELECT {columns}\nFROM {parent.table.name} AS {parent.alias}{filtered(outside, test)}"
    have = "have no" if negated else "have"
    asked = listed([phrase(parent.table, name) for name in shown]) or "number"
    return Drawn(
        sql, f"Which {described(parent.words, outside)} {have} {described(child.words, [*how, *conditions])}? Show their {asked}."
    )
