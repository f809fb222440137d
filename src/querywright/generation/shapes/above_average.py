"""Lists rows whose figure is above the average, of all rows or of their group."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import article, listed, phrase


def draw(scene: Scene) -> Drawn:
    """Compares with an uncorrelated subquery, or with averages by group that are joined."""
    entry = scene.start("measure", "category")
    keys = scene.key(entry.table)
    measure = scene.column(entry.table, "measure")
    inner = scene.entry(entry.table)
    group = scene.one([name for name in scene.columns(entry.table, "category", "identifier") if (name,) != keys])
    conditions = scene.conditions(entry, scene.random.randint(1, 2), without=[measure, group])
    typical = scene.conditions(inner, scene.random.choice((0, 1)), without=[measure, group])
    shown = scene.shown(entry, 2, without=[measure, group, *keys])
    names = list(dict.fromkeys([*keys, group, measure, *shown]))
    columns = ", ".join(entry.column(name) for name in names)
    asked = listed([phrase(entry.table, name) for name in names[len(keys) :]])
    whose = described(entry.words, typical)
    turn = scene.random.random()
    if turn < 0.3:
        average = (
            f"SELECT AVG({inner.column(measure)})\n      FROM {inner.table.name} AS {inner.alias}{indented(filtered(typical), 6)}"
        )
        sql = (
            f"SELECT {columns}\nFROM {entry.table.name} AS {entry.alias}"
            f"{filtered(conditions, f'{entry.column(measure)} > ({average})')}"
        )
        than = f"the average of all {whose}"
    elif turn < 0.6:
        over = f"AVG({entry.column(measure)}) OVER (PARTITION BY {entry.column(group)})"
        sql = (
            f"SELECT {', '.join(f'w.{name}' for name in names)}, w.average\nFROM (\n"
            f"    SELECT {columns}, {over} AS average\n"
            f"    FROM {entry.table.name} AS {entry.alias}{indented(filtered(conditions), 4)}\n) AS w\n"
            f"WHERE w.{measure} > w.average"
        )
        than = f"the average of those with the same {phrase(entry.table, group)}"
    else:
        sql = (
            f"SELECT {columns}, typical.average\nFROM {entry.table.name} AS {entry.alias}\nLEFT JOIN (\n"
            f"    SELECT {inner.column(group)} AS member, AVG({inner.column(measure)}) AS average\n"
            f"    FROM {inner.table.name} AS {inner.alias}{indented(filtered(typical), 4)}\n    GROUP BY {inner.column(group)}\n"
            f") AS typical ON typical.member = {entry.column(group)}"
            f"{filtered(conditions, f'{entry.column(measure)} > typical.average')}"
        )
        than = f"the average of {whose} with the same {phrase(entry.table, group)}"
    return Drawn(
        sql,
        f"Which {described(entry.words, conditions)} have {article(phrase(entry.table, measure))} above {than}? Show {asked}.",
    )
