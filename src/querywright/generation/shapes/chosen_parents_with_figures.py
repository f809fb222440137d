"""Lists the rows in one set but not, or also, in another, with figures over the rows that refer to them."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered, indented
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase

_WORDS = {"SUM": "total", "AVG": "average", "MAX": "largest", "MIN": "smallest"}
_JOINING = {"INTERSECT": "and also", "EXCEPT": "but no", "UNION": "or"}


def draw(scene: Scene) -> Drawn:
    """WITH chosen AS (SELECT key … INTERSECT | EXCEPT | UNION …), figures AS (… GROUP BY key) SELECT … chosen JOIN parent …."""
    parent = scene.start(where=lambda table: len(scene.key(table)) == 1 and bool(scene.children(table)))
    options = scene.children(parent.table)
    operator = scene.random.choice(list(_JOINING))
    blocks, words = list[str](), list[str]()
    for table, key in (scene.random.choice(options) for _ in range(2)):
        child, how = scene.child(parent, (table, key))
        conditions = scene.conditions(child, scene.random.randint(1, 2))
        where = indented(filtered(conditions, f"{child.column(key.columns[0])} IS NOT NULL"), 4)
        blocks.append(f"    SELECT {child.column(key.columns[0])} AS member\n    FROM {table.name} AS {child.alias}{where}")
        words.append(described(child.words, [*how, *conditions]))
    table, key = scene.random.choice(options)
    own, theirs = key.columns[0], key.references_columns[0]
    counted, how = scene.child(parent, (table, key))
    calls = [(scene.random.choice(list(_WORDS)), name) for name in scene.columns(table, "measure")[:3]] or [("MAX", own)]
    figures = ", ".join(f"{call}({counted.column(name)}) AS {call.lower()}_{name}" for call, name in calls)
    inside = scene.conditions(counted, scene.random.randint(0, 1), without=[own])
    shown = scene.shown(parent, 1, without=[theirs])
    columns = [parent.column(name) for name in (theirs, *shown)]
    columns += [f"figures.{call.lower()}_{name}" for call, name in calls]
    sql = (
        f"WITH chosen AS (\n{f'{chr(10)}    {operator}{chr(10)}'.join(blocks)}\n)\n"
        f"SELECT {', '.join(columns)}\nFROM chosen\n"
        f"JOIN {parent.table.name} AS {parent.alias} ON {parent.column(theirs)} = chosen.member\n"
        f"LEFT JOIN (\n    SELECT {counted.column(own)} AS owner, {figures}\n"
        f"    FROM {table.name} AS {counted.alias}{indented(filtered(inside), 4)}\n"
        f"    GROUP BY {counted.column(own)}\n) AS figures ON figures.owner = {parent.column(theirs)}"
    )
    asked = listed([f"the {_WORDS[call]} {phrase(table, name)}" for call, name in calls])
    return Drawn(
        sql,
        f"For {described(parent.words, [])} that have {words[0]}, {_JOINING[operator]} {words[1]}: {asked} of their "
        f"{described(counted.words, [*how, *inside])}?",
    )
