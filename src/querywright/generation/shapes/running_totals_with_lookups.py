"""Adds up a figure row by row within a group, and shows the result beside what the rows lead to."""

from __future__ import annotations

from querywright.generation.scene import Scene, Unsuitable, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.shapes.running_totals import running


def draw(scene: Scene) -> Drawn:
    """WITH running AS (SELECT …, SUM(x) OVER (PARTITION BY group ORDER BY y) …) SELECT … FROM running LEFT JOIN … LEFT JOIN …."""
    entry = scene.start("measure", where=lambda table: bool(scene.parents(table)))
    beside = scene.beside(entry, scene.random.choice((1, 2, 2, 3)))
    if not beside.columns:
        raise Unsuitable
    total = running(scene, entry)
    conditions = scene.conditions(entry, scene.random.randint(1, 2))
    listed = list(dict.fromkeys([*scene.key(entry.table), total.group, total.ordering]))
    links = [name for key in scene.parents(entry.table) for name in key.columns]
    inner = scene.entry(entry.table)
    kept = ", ".join(inner.column(name) for name in dict.fromkeys([*listed, total.measure, *links]))
    chosen = indented(filtered(conditions), 4).replace(f"{entry.alias}.", f"{inner.alias}.")
    shown = ", ".join([*(entry.column(name) for name in listed), *beside.columns])
    sql = (
        f"WITH running AS (\n    SELECT {kept},\n           {total.sql(inner)}\n"
        f"    FROM {entry.table.name} AS {inner.alias}{chosen}\n)\n"
        f"SELECT {shown}, {entry.alias}.so_far\nFROM running AS {entry.alias}{beside.joins}"
    )
    return Drawn(sql, f"{total.words(entry, conditions)}{beside.words}?")
