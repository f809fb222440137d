"""Adds up a figure row by row in the order of a date or a number, within a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from querywright.generation.scene import Condition, Entry, Scene, described, filtered
from querywright.generation.shapes.protocol import Drawn
from querywright.generation.words import phrase
from querywright.sql.schema import Column

_WORDS = {"SUM": "total", "COUNT": "number", "MAX": "largest", "AVG": "average"}


@dataclass(frozen=True)
class Running:
    """An aggregate of ``measure`` over the rows of a group up to the row itself: names of columns of one table."""

    call: str
    measure: str
    group: str
    ordering: str

    def sql(self, rows: Entry) -> str:
        """The aggregate with its window, as a column of ``rows``."""
        window = f"OVER (PARTITION BY {rows.column(self.group)} ORDER BY {rows.column(self.ordering)})"
        return f"{self.call}({rows.column(self.measure)}) {window} AS so_far"

    def words(self, rows: Entry, conditions: Sequence[Condition]) -> str:
        """The question without its mark, for the rows that meet ``conditions``."""
        of, by, within = (phrase(rows.table, name) for name in (self.measure, self.ordering, self.group))
        figure = f"the {_WORDS[self.call]} of {of} so far"
        return f"For the {described(rows.words, conditions)}: {figure}, in the order of {by}, for each {within}"


def running(scene: Scene, rows: Entry) -> Running:
    """An aggregate for ``rows``; raises ``Unsuitable`` where their table has no column to add up or to group by."""
    keys = scene.key(rows.table)
    ordering = scene.one(scene.columns(rows.table, "moment", "measure", usable=_filled) or list(keys))
    groups = scene.columns(rows.table, "category", "identifier", usable=_filled)
    group = scene.one([name for name in groups if (name,) != keys and name != ordering])
    measure = scene.column(rows.table, "measure")
    return Running(scene.random.choice(list(_WORDS)), measure, group, ordering)


def draw(scene: Scene) -> Drawn:
    """SELECT …, SUM(x) OVER (PARTITION BY group ORDER BY y) …."""
    entry = scene.start("measure")
    total = running(scene, entry)
    conditions = scene.conditions(entry, scene.random.randint(1, 2))
    names = dict.fromkeys([*scene.key(entry.table), total.group, total.ordering, total.measure])
    columns = [*(entry.column(name) for name in names), total.sql(entry)]
    sql = f"SELECT {', '.join(columns)}\nFROM {entry.table.name} AS {entry.alias}{filtered(conditions)}"
    return Drawn(sql, f"{total.words(entry, conditions)}?")


def _filled(column: Column) -> bool:
    return column.not_null is not None
