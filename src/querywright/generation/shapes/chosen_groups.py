"""Figures of chosen groups: grouped or windowed rows of some members only."""

from __future__ import annotations

from querywright.generation.scene import Scene, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import phrase, plural


def draw(scene: Scene) -> Drawn:
    """SELECT … FROM (SELECT key, aggregates … WHERE key … GROUP BY key), or windows over the key in its place."""
    entry = scene.start("category", "measure")
    keys = scene.key(entry.table)
    group, measure = scene.column(entry.table, "category"), scene.column(entry.table, "measure")
    chosen = scene.condition(entry, group)
    others = scene.conditions(entry, scene.random.choice((0, 1)), without=[group, measure])
    column, figure = entry.column(group), entry.column(measure)
    where = indented(filtered([chosen, *others]), 4)
    source = f"    FROM {entry.table.name} AS {entry.alias}{where}"
    if scene.random.random() < 0.5:
        further = scene.column(entry.table, "category", "identifier")
        second = entry.column(further) if further != group and (further,) != keys else column
        inner = f"{column}, {second} AS part, COUNT(*) AS counted, SUM({figure}) AS total, MAX({figure}) AS largest"
        sql = (
            f"WITH g AS (\n    SELECT {inner}\n{source}\n    GROUP BY {', '.join(dict.fromkeys((column, second)))}\n)\n"
            f"SELECT g.{group}, g.part, g.counted, g.total, g.largest\nFROM g\nWHERE g.counted > 1"
        )
        what = f"number, total and largest {phrase(entry.table, measure)} by {phrase(entry.table, further)}"
    else:
        names = ", ".join(entry.column(name) for name in keys)
        outer = ", ".join(f"w.{name}" for name in keys)
        order = ", ".join([f"{figure} DESC", *(entry.column(name) for name in keys)])
        sql = (
            f"WITH w AS (\n    SELECT {names}, {column}, {figure},\n"
            f"           AVG({figure}) OVER (PARTITION BY {column}) AS average,\n"
            f"           ROW_NUMBER() OVER (PARTITION BY {column} ORDER BY {order}) AS place\n{source}\n)\n"
            f"SELECT {outer}, w.{group}, w.{measure}, w.average, w.place\nFROM w\n"
            f"WHERE w.place <= {scene.random.choice((3, 5, 10, 100))}"
        )
        what = f"the largest by {phrase(entry.table, measure)}, beside the average, for each {phrase(entry.table, group)}"
    words = " ".join(condition.words for condition in [chosen, *others])
    return Drawn(sql, f"For {plural(entry.words)} {words}: {what}?")
