"""Computes figures by group once and uses them twice: each group's part of the whole, or its difference to another."""

from __future__ import annotations

from querywright.generation.scene import Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import phrase


def draw(scene: Scene) -> Drawn:
    """WITH figures AS (… GROUP BY …) SELECT … FROM figures JOIN or compared with (SELECT … FROM figures)."""
    first = scene.start("category", "measure", keyed=False)
    joined = scene.joined(first, scene.random.choice((1, 2, 3)), left=0.2)
    measure = scene.column(first.table, "measure")
    options = [(entry, name) for entry in joined.entries for name in scene.columns(entry.table, "category")]
    further = [option for option in options if option[0] is not first] or options
    entry, group = scene.random.choice(further)
    conditions = scene.conditions(first, scene.random.randint(1, 2), without=[measure, group])
    months = scene.columns(first.table, "moment", usable=lambda column: column.not_null is not None)
    by_month = bool(months) and scene.random.random() < 0.5
    moment = scene.random.choice(months) if by_month else ""
    key = scene.month(first.column(moment)) if by_month else entry.column(group)
    inner = "\n".join(f"    {line}" for line in f"{joined.clause}{filtered(conditions)}".split("\n"))
    cte = (
        f"WITH figures AS (\n    SELECT {key} AS member, SUM({first.column(measure)}) AS total, COUNT(*) AS counted\n"
        f"{inner}\n    GROUP BY {key}\n)\n"
    )
    called = f"month {phrase(first.table, moment)}" if by_month else phrase(entry.table, group)
    if scene.random.random() < 0.5:
        sql = (
            f"{cte}SELECT f.member, f.total, f.counted, f.total * 100.0 / (SELECT SUM(w.total) FROM figures AS w) AS percentage\n"
            "FROM figures AS f\nORDER BY f.member"
        )
        what = f"what part of the whole {phrase(first.table, measure)} does each {called} bring"
    else:
        sql = (
            f"{cte}SELECT f.member, f.total, b.member AS ahead, b.total AS total_ahead\nFROM figures AS f\n"
            "JOIN figures AS b ON b.total > f.total AND b.counted < f.counted\nORDER BY f.member, b.member"
        )
        what = f"which {called} has a larger total {phrase(first.table, measure)} than another from fewer rows"
    return Drawn(sql, f"Among {described(first.words, conditions)}, {what}?")
