"""Lists rows with several figures over the rows that refer to them, also where there are none."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase

_WORDS = {"SUM": "total", "AVG": "average", "MAX": "largest", "MIN": "smallest"}


def draw(scene: Scene) -> Drawn:
    """SELECT … FROM parent LEFT JOIN (SELECT key, aggregates … GROUP BY key) ON …, or a CTE, and rows that it leads to."""
    parent = scene.start(where=lambda table: len(scene.key(table)) == 1 and bool(scene.children(table)))
    able = [(table, key) for table, key in scene.children(parent.table) if scene.columns(table, "measure", "moment")]
    child_table, key = scene.random.choice(able or scene.children(parent.table))
    child, how = scene.child(parent, (child_table, key))
    own, theirs = key.columns[0], key.references_columns[0]
    measures = scene.columns(child_table, "measure", "moment") or [own]
    calls: dict[tuple[str, str], None] = {}
    for _ in range(scene.random.randint(1, 4)):
        name = scene.random.choice(measures)
        summed = scene.seen(child_table, name).kind == "measure"
        calls[scene.random.choice(list(_WORDS) if summed else ["MAX", "MIN"]), name] = None
    conditions = scene.conditions(child, scene.random.randint(0, 2), without=[own])
    outside = scene.conditions(parent, scene.random.randint(1, 2))
    shown = scene.shown(parent, 2, without=[theirs])
    figures = ", ".join(f"{call}({child.column(name)}) AS {call.lower()}_{name}" for call, name in calls)
    grouped = (
        f"(\n    SELECT {child.column(own)} AS owner, {figures}\n"
        f"    FROM {child_table.name} AS {child.alias}{indented(filtered(conditions), 4)}\n"
        f"    GROUP BY {child.column(own)}\n)"
    )
    named = scene.random.random() < 0.6
    beside = scene.beside(parent, scene.random.choice((0, 0, 1, 2)))
    columns = [
        *(parent.column(name) for name in (theirs, *shown)),
        *beside.columns,
        *(f"figures.{call.lower()}_{name}" for call, name in calls),
    ]
    sql = (
        f"{f'WITH figures AS {grouped}{chr(10)}' if named else ''}SELECT {', '.join(columns)}\n"
        f"FROM {parent.table.name} AS {parent.alias}\n"
        f"LEFT JOIN {'figures' if named else f'{grouped} AS figures'} ON figures.owner = {parent.column(theirs)}"
        f"{beside.joins}{filtered(outside)}"
    )
    asked = listed([f"the {_WORDS[call]} {phrase(child_table, name)}" for call, name in calls])
    return Drawn(
        sql,
        f"For each of the {described(parent.words, outside)}: {asked} of their {described(child.words, [*how, *conditions])}"
        f"{beside.words}?",
    )
