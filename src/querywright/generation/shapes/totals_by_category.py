"""Counts and adds up rows by a category of theirs, or of a row that they lead to."""

from __future__ import annotations

from querywright.generation.scene import Entry, Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import listed, phrase

_WORDS = {"SUM": "the total", "AVG": "the average", "MAX": "the largest", "MIN": "the smallest"}


def draw(scene: Scene) -> Drawn:
    """SELECT category, aggregates … GROUP BY category [HAVING] ORDER BY …."""
    first = scene.start("category", keyed=False)
    joined = scene.joined(first, scene.random.choice((1, 2, 3, 3, 4)), left=0.2)
    groups = _groups(scene, joined.entries)
    measures = scene.columns(first.table, "measure")
    calls = [(scene.random.choice(list(_WORDS)), name) for name in scene.random.sample(measures, min(len(measures), 2))]
    keys = [f"{entry.column(name)} AS {alias}" for entry, name, alias in groups]
    figures = ["COUNT(*) AS counted", *(f"{call}({first.column(name)}) AS {call.lower()}_{name}" for call, name in calls)]
    grouped = ", ".join(entry.column(name) for entry, name, _ in groups)
    taken = [name for entry, name, _ in groups if entry is first]
    conditions = scene.conditions(first, scene.random.randint(1, 2), without=taken)
    if scene.random.random() < 0.4:  # a condition on the groups themselves
        entry, name, _ = groups[0]
        if entry is first and scene.seen(entry.table, name).values:
            conditions.append(scene.condition(entry, name))
    least = scene.random.choice((0, 0, 2, 5, 10))
    having = f"\nHAVING COUNT(*) >= {least}" if least else ""
    sql = (
        f"SELECT {', '.join([*keys, *figures])}\n{joined.clause}{filtered(conditions)}\nGROUP BY {grouped}{having}\n"
        f"ORDER BY counted DESC, {', '.join(alias for _, _, alias in groups)}"
    )
    wanted = ["how many there are", *(f"{_WORDS[call]} {phrase(first.table, name)}" for call, name in calls)]
    by = listed([_called(entry, name, first) for entry, name, _ in groups])
    fewest = f", where there are at least {least}" if least else ""
    return Drawn(sql, f"For {described(first.words, conditions)}, by {by}: {listed(wanted)}{fewest}?")


def _groups(scene: Scene, entries: tuple[Entry, ...]) -> list[tuple[Entry, str, str]]:
    """One or two categories to group by, with output names of their own."""
    options = [(entry, name) for entry in entries for name in scene.columns(entry.table, "category")]
    further = [option for option in options if option[0] is not entries[0]]
    chosen = [scene.random.choice(further if further and scene.random.random() < 0.7 else options)]
    if len(options) > 1 and scene.random.random() < 0.3:
        chosen.append(scene.random.choice([option for option in options if option != chosen[0]]))
    return [(entry, name, name if entry is entries[0] else f"{entry.alias}_{name}") for entry, name in chosen]


def _called(entry: Entry, name: str, first: Entry) -> str:
    return phrase(entry.table, name) if entry is first else f"{phrase(entry.table, name)} of the {entry.words}"
