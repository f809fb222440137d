"""Groups rows by what they lead to and shows what the groups are called, over two to four tables."""

from __future__ import annotations

from querywright.generation.scene import Scene, Unsuitable, described, filtered, linked
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import phrase, role


def draw(scene: Scene) -> Drawn:
    """SELECT parent.key, MAX(parent.name), COUNT(child.key) … GROUP BY parent.key."""
    child = scene.start("category", where=lambda table: bool(scene.parents(table)))
    key = scene.random.choice([key for key in scene.parents(child.table)])
    table = scene.schema.table(key.references)
    if table is None or len(key.references_columns) != 1:
        raise Unsuitable
    parent = scene.entry(table, role(child.table, key.columns, table.name))
    further = scene.joined(parent, scene.random.choice((1, 1, 2, 3)), left=0.0)
    keys = scene.key(child.table)
    owner = parent.column(key.references_columns[0])
    shown = scene.shown(parent, 2, without=key.references_columns)
    if not shown:
        raise Unsuitable
    measures = scene.columns(child.table, "measure")
    measure = scene.random.choice(measures) if measures else ""
    columns = [
        owner,
        *(f"MAX({parent.column(name)}) AS {name}" for name in shown),
        f"COUNT({child.column(keys[0])}) AS counted",
        *([f"SUM({child.column(measure)}) AS total"] if measure else []),
    ]
    outer = [entry for entry in further.entries[1:]]
    columns += [f"MIN({entry.column(name)}) AS {entry.alias}_{name}" for entry in outer for name in scene.shown(entry, 1)]
    conditions = scene.conditions(child, scene.random.randint(1, 2))
    limit = scene.random.choice((0, 10, 25))
    joins = "\n".join([f"JOIN {table.name} AS {parent.alias} ON {linked(key, child, parent)}", *further.joins])
    sql = (
        f"SELECT {', '.join(columns)}\nFROM {child.table.name} AS {child.alias}\n{joins}{filtered(conditions)}\n"
        f"GROUP BY {owner}\nORDER BY counted DESC, {owner}{f'{chr(10)}LIMIT {limit}' if limit else ''}"
    )
    figure = f" and their total {phrase(child.table, measure)}" if measure else ""
    first = f", for the {limit} with most" if limit else ""
    return Drawn(
        sql,
        f"How many {described(child.words, conditions)}{figure} belong to each {parent.words}, with its "
        f"{' and '.join(phrase(table, name) for name in shown)}{first}?",
    )
