"""Lists rows with the latest of the rows that refer to them, also where there is none."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase
from querywright.sql.schema import Column, ForeignKey, Table


def draw(scene: Scene) -> Drawn:
    """SELECT … FROM parent LEFT JOIN (SELECT …, ROW_NUMBER() OVER (PARTITION BY key ORDER BY …) …) ON … AND place = 1."""
    parent = scene.start(where=lambda table: len(scene.key(table)) == 1 and bool(_children(scene, table)))
    child_table, key = scene.random.choice(_children(scene, parent.table))
    child, how = scene.child(parent, (child_table, key))
    own, theirs = key.columns[0], key.references_columns[0]
    number = scene.key(child_table)[0]
    moments = scene.columns(child_table, "moment", usable=_filled)
    latest = scene.random.choice([*moments, number])
    read = scene.shown(child, scene.random.randint(1, 3), without=[own, number])
    conditions = scene.conditions(child, scene.random.randint(0, 1), without=[own, latest])
    outside = scene.conditions(parent, scene.random.randint(0, 2))
    shown = scene.shown(parent, 2, without=[theirs])
    order = ", ".join(f"{child.column(name)} DESC" for name in dict.fromkeys((latest, number)))
    inner = ", ".join([f"{child.column(own)} AS owner", *(f"{child.column(name)} AS latest_{name}" for name in (number, *read))])
    columns = ", ".join(
        [*(parent.column(name) for name in (theirs, *shown)), *(f"latest.latest_{name}" for name in (number, *read))]
    )
    sql = (
        f"SELECT {columns}\nFROM {parent.table.name} AS {parent.alias}\nLEFT JOIN (\n    SELECT {inner},\n"
        f"           ROW_NUMBER() OVER (PARTITION BY {child.column(own)} ORDER BY {order}) AS place\n"
        f"    FROM {child_table.name} AS {child.alias}{indented(filtered(conditions), 4)}\n"
        f") AS latest ON latest.owner = {parent.column(theirs)} AND latest.place = 1{filtered(outside)}"
    )
    asked = listed([phrase(child_table, name) for name in (number, *read)])
    return Drawn(
        sql,
        f"For each of the {described(parent.words, outside)}: {asked} of the latest of their "
        f"{described(child.words, [*how, *conditions])}, by {phrase(child_table, latest)}?",
    )


def _children(scene: Scene, table: Table) -> list[tuple[Table, ForeignKey]]:
    return [(child, key) for child, key in scene.children(table) if len(scene.key(child)) == 1]


def _filled(column: Column) -> bool:
    return column.not_null is not None
