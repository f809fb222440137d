"""Unites rows that satisfy one of two conditions on different tables or columns."""

from __future__ import annotations

from querywright.generation.scene import Scene, Unsuitable, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import article, listed, phrase


def draw(scene: Scene) -> Drawn:
    """One block for each alternative, united by UNION."""
    first = scene.start("category", where=lambda table: bool(scene.parents(table)))
    joined = scene.joined(first, scene.random.choice((2, 2, 3)), left=0.0)
    other = joined.entries[-1]
    one, two = scene.conditions(first, 1), scene.conditions(other, 1)
    if not (one and two):
        raise Unsuitable
    shared = scene.conditions(first, scene.random.choice((0, 1)))
    shared = [condition for condition in shared if condition not in one]
    keys = scene.key(first.table)
    shown = scene.shown(first, 2, without=keys)
    columns = ", ".join(first.column(name) for name in (*keys, *shown))
    block = f"SELECT {columns}\n{joined.clause}"
    sql = f"{block}{filtered([*shared, *one])}\nUNION\n{block}{filtered([*shared, *two])}"
    asked = listed([phrase(first.table, name) for name in shown]) or "number"
    return Drawn(
        sql,
        f"Which {described(first.words, shared)} are there {one[0].words}, or with {article(other.words)} {two[0].words}? "
        f"Show their {asked}.",
    )
