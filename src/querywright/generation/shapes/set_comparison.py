"""Compares two sets of references: those in both, or in the first but not in the second."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase, plural


def draw(scene: Scene) -> Drawn:
    """SELECT … FROM parent WHERE key IN (SELECT … INTERSECT | EXCEPT | UNION SELECT …)."""
    parent = scene.start("category", where=lambda table: len(scene.key(table)) == 1 and bool(scene.children(table)))
    options = scene.children(parent.table)
    sides = [scene.random.choice(options) for _ in range(2)]
    operator = scene.random.choice(("INTERSECT", "EXCEPT", "UNION"))
    blocks: list[str] = []
    words: list[str] = []
    for table, key in sides:
        child, how = scene.child(parent, (table, key))
        conditions = scene.conditions(child, scene.random.randint(1, 2))
        where = indented(filtered(conditions, f"{child.column(key.columns[0])} IS NOT NULL"), 6)
        blocks.append(f"      SELECT {child.column(key.columns[0])}\n      FROM {table.name} AS {child.alias}{where}")
        words.append(described(child.words, [*how, *conditions]))
    key_column = sides[0][1].references_columns[0]
    conditions = scene.conditions(parent, scene.random.choice((0, 1)))
    shown = scene.shown(parent, 2, without=[key_column])
    columns = ", ".join(parent.column(name) for name in (key_column, *shown))
    inside = f"\n      {operator}\n".join(blocks)
    sql = (
        f"SELECT {columns}\nFROM {parent.table.name} AS {parent.alias}"
        f"{filtered(conditions, f'{parent.column(key_column)} IN ({chr(10)}{inside}{chr(10)}  )')}"
    )
    joining = {"INTERSECT": "and also", "EXCEPT": "but no", "UNION": "or"}[operator]
    asked = listed([phrase(parent.table, name) for name in shown]) or plural("number")
    return Drawn(sql, f"Which {described(parent.words, conditions)} have {words[0]}, {joining} {words[1]}? Show their {asked}.")
