"""Puts several counts and totals of one table side by side, each over its own rows."""

from __future__ import annotations

from querywright.generation.scene import Scene, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase, plural


def draw(scene: Scene) -> Drawn:
    """SELECT COUNT(*) FILTER (WHERE …), SUM(x) FILTER (WHERE …), … in one row."""
    entry = scene.start("category", keyed=False)
    joined = scene.joined(entry, scene.random.choice((1, 1, 2, 3, 3, 4)), left=0.0)
    measures = scene.columns(entry.table, "measure")
    figures: list[str] = []
    asked: list[str] = []
    shared = scene.conditions(entry, scene.random.choice((0, 1)))
    for number in range(1, scene.random.randint(2, 6) + 1):
        conditions = scene.conditions(scene.random.choice(joined.entries), 1) or scene.conditions(entry, 1)
        measure = scene.random.choice(measures) if measures and scene.random.random() < 0.5 else ""
        call = f"{scene.random.choice(('SUM', 'AVG', 'MAX'))}({entry.column(measure)})" if measure else "COUNT(*)"
        tests = " AND ".join(part for condition in conditions for part in condition.conjuncts)
        figures.append(f"{call} FILTER (WHERE {tests}) AS figure_{number}")
        what = f"the {_called(call)} {phrase(entry.table, measure)} of those" if measure else "how many there are"
        asked.append(f"{what} {listed([condition.words for condition in conditions])}")
    separator = ",\n       "
    sql = f"SELECT {separator.join(figures)}\n{joined.clause}{filtered(shared)}"
    whose = f" {listed([condition.words for condition in shared])}" if shared else ""
    return Drawn(sql, f"In one row, over {plural(entry.words)}{whose}: {listed(asked)}?")


def _called(call: str) -> str:
    return {"SUM": "total", "AVG": "average"}.get(call.partition("(")[0], "largest")
