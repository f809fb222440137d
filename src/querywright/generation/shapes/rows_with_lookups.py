"""Lists rows of a table with columns of the rows that they lead to, over two to five tables."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase


def draw(scene: Scene) -> Drawn:
    """SELECT … FROM a LEFT JOIN b … WHERE … ORDER BY … [LIMIT]."""
    first = scene.start("category", where=lambda table: bool(scene.parents(table)))
    joined = scene.joined(first, scene.random.choice((2, 2, 3, 3, 4, 5)))
    own = scene.shown(first, scene.random.randint(1, 3))
    key = list(scene.key(first.table))
    columns = [first.column(name) for name in (*key, *(name for name in own if name not in key))]
    asked: list[str] = []
    for entry in joined.entries[1:]:
        for name in scene.shown(entry, scene.random.choice((1, 1, 2))):
            columns.append(f"{entry.column(name)} AS {entry.words.replace(' ', '_').replace(chr(39), '')}_{name}")
            asked.append(f"the {phrase(entry.table, name)} of the {entry.words}")
    conditions = scene.conditions(first, scene.random.randint(1, 2))
    sorting = scene.random.choice(scene.columns(first.table, "moment", "measure") or key)
    order = ", ".join([f"{first.column(sorting)} DESC", *(first.column(name) for name in key if name != sorting)])
    limit = scene.random.choice((0, 0, 10, 20, 50, 100))
    sql = (
        f"SELECT {', '.join(columns)}\n{joined.clause}{filtered(conditions)}\nORDER BY {order}"
        f"{f'{chr(10)}LIMIT {limit}' if limit else ''}"
    )
    what = f"the {listed([phrase(first.table, name) for name in own])}" if own else "the number"
    which = f"the first {limit} {described(first.words, conditions)}" if limit else f"all {described(first.words, conditions)}"
    further = f", with {listed(asked)}" if asked else ""
    return Drawn(sql, f"What is {what} of {which}{further}, by descending {phrase(first.table, sorting)}?")
