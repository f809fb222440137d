"""Shows a page deep in a sorted list."""

from __future__ import annotations

from querywright.generation.scene import Scene, Unsuitable, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import phrase

_DEEP = 1000


def draw(scene: Scene) -> Drawn:
    """SELECT … FROM (SELECT …, ROW_NUMBER() OVER (ORDER BY x, key) AS position …) WHERE a < position AND position <= b."""
    entry = scene.start("category")
    rows = scene.statistics[entry.table.name].rows
    if rows < 4 * _DEEP:
        raise Unsuitable
    keys = scene.key(entry.table)
    sorting = scene.one(scene.columns(entry.table, "measure", "moment"))
    size = scene.random.choice((20, 25, 50, 100))
    start = scene.random.randint(_DEEP // size, rows // (3 * size)) * size
    conditions = scene.conditions(entry, scene.random.choice((0, 0, 1)), without=[sorting])
    shown = scene.shown(entry, 2, without=[sorting, *keys])
    names = list(dict.fromkeys([*keys, sorting, *shown]))
    order = ", ".join([f"{entry.column(sorting)} DESC", *(entry.column(name) for name in keys)])
    where = indented(filtered(conditions), 4)
    sql = (
        f"SELECT {', '.join(f'page.{name}' for name in names)}\nFROM (\n"
        f"    SELECT {', '.join(entry.column(name) for name in names)}, ROW_NUMBER() OVER (ORDER BY {order}) AS position\n"
        f"    FROM {entry.table.name} AS {entry.alias}{where}\n) AS page\n"
        f"WHERE page.position > {start} AND page.position <= {start + size}"
    )
    return Drawn(
        sql,
        f"Which {described(entry.words, conditions)} are on page {start // size + 1} of the list by descending "
        f"{phrase(entry.table, sorting)}, {size} to a page?",
    )
