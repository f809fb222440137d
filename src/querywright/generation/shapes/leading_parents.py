"""Ranks rows by a total over the rows that refer to them: the top ten customers."""

from __future__ import annotations

from querywright.generation.scene import Scene, Unsuitable, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase

FLOATING = ("DOUBLE", "FLOAT", "REAL")


def draw(scene: Scene) -> Drawn:
    """WITH totals AS (… GROUP BY key) SELECT … JOIN totals … ORDER BY total DESC, key LIMIT n."""
    parent = scene.start(where=lambda table: len(scene.key(table)) == 1 and bool(scene.children(table)))
    child_table, key = scene.random.choice(scene.children(parent.table))
    child, how = scene.child(parent, (child_table, key))
    own, theirs = key.columns[0], key.references_columns[0]
    # Sums of floating-point numbers depend on the order of the rows, and with them who comes first.
    measures = scene.columns(child_table, "measure", usable=lambda column: column.type.upper() not in FLOATING)
    measure = scene.random.choice(measures) if measures else ""
    call = scene.random.choice(("SUM", "MAX", "AVG")) if measure else "COUNT"
    figure = f"{call}({child.column(measure)})" if measure else "COUNT(*)"
    conditions = scene.conditions(child, scene.random.randint(0, 2), without=[own])
    outside = scene.conditions(parent, scene.random.choice((0, 1)))
    shown = scene.shown(parent, 2, without=[theirs])
    columns = [parent.column(theirs), *(parent.column(name) for name in shown)]
    limit = scene.random.choice((3, 5, 10, 20, 25, 50))
    if not shown:
        raise Unsuitable
    sql = (
        f"WITH figures AS (\n    SELECT {child.column(own)} AS owner, {figure} AS figure, COUNT(*) AS counted\n"
        f"    FROM {child_table.name} AS {child.alias}{indented(filtered(conditions, f'{child.column(own)} IS NOT NULL'), 4)}\n"
        f"    GROUP BY {child.column(own)}\n)\n"
        f"SELECT {', '.join(columns)}, f.figure, f.counted\nFROM figures AS f\n"
        f"JOIN {parent.table.name} AS {parent.alias} ON {parent.column(theirs)} = f.owner{filtered(outside)}\n"
        f"ORDER BY f.figure DESC, {parent.column(theirs)}\nLIMIT {limit}"
    )
    adjective = {"SUM": "total", "MAX": "largest", "AVG": "average"}.get(call, "")
    by = f"{adjective} {phrase(child_table, measure)}" if measure else "number"
    asked = listed([phrase(parent.table, name) for name in shown])
    return Drawn(
        sql,
        f"Which {limit} {described(parent.words, outside)} lead by the {by} of their "
        f"{described(child.words, [*how, *conditions])}? Show {asked}.",
    )
