"""Draws clean queries over any schema, each with its question: seeded, and each on its own, so that draws can be skipped.

Whatever is drawn parses, fits the schema, and has one answer: LIMIT and ROW_NUMBER stand over total orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import cast

from sqlglot import exp

from querywright.errors import ContractError, InputError
from querywright.generation.identity import skeleton
from querywright.generation.plain_names import plain_names
from querywright.generation.scene import Scene, Unsuitable
from querywright.generation.shapes.protocol import Shape
from querywright.generation.statistics import Statistics, TableStatistics
from querywright.registry import plugins
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.sql.renaming import Renaming, renamed_schema, renamed_sql
from querywright.sql.schema import Schema

_TRIES = 20


@dataclass(frozen=True)
class GeneratedQuery:
    """A clean query: its text, the qualified ``tree``, the ``question`` that it answers, and the ``shape`` it was drawn in.

    ``family`` is equal for queries that differ in constants only.
    """

    sql: str
    dialect: str
    question: str
    shape: str
    fingerprint: str
    family: str
    tree: exp.Query


def shapes() -> Mapping[str, Shape]:
    """All shapes of queries by name."""
    return cast("Mapping[str, Shape]", plugins("querywright.generation.shapes"))


@dataclass(frozen=True)
class QueryGenerator:
    """Draws queries over ``schema``, with values that `querywright.generation.statistics.statistics` found in its data."""

    schema: Schema
    statistics: Statistics
    dialect: str
    seed: int = 0
    chosen: Sequence[str] = ()

    def query(self, number: int, shape: str | None = None) -> GeneratedQuery:
        """Query ``number`` of this seed, the same whenever it is asked for; of that ``shape`` where one is named.

        Raises `InputError` for a schema over which no shape can be drawn, such as one without rows.
        """
        random = Random(f"{self.seed}:{number}")
        names = [shape] if shape is not None else list(self.chosen or shapes())
        for _ in range(_TRIES):
            name = random.choice(names)
            drawn = self._drawn(name, random)
            if drawn is not None:
                return drawn
        raise InputError(
            "No query can be drawn over this schema.", "Give it tables with rows, a primary key, and columns of few values."
        )

    def queries(self, start: int = 0) -> Iterator[GeneratedQuery]:
        """All queries of this seed from number ``start`` on that were not drawn before, without end while new ones come."""
        seen: set[str] = set()
        repeated, number = 0, start
        while repeated < 50 * _TRIES:
            query = self.query(number)
            number += 1
            repeated = repeated + 1 if query.fingerprint in seen else 0
            if query.fingerprint not in seen:
                seen.add(query.fingerprint)
                yield query

    @cached_property
    def _plain(self) -> tuple[Schema, Statistics, Renaming]:
        """Schema and statistics with names that need no quotes, and the names that those stand for."""
        names, back = plain_names(self.schema, self.dialect)
        if not names:
            return self.schema, self.statistics, back

        def new(name: str) -> str:
            return names.get(name.lower(), name)

        known = {
            new(table): TableStatistics(one.rows, {new(column): seen for column, seen in one.columns.items()})
            for table, one in self.statistics.items()
        }
        return renamed_schema(self.schema, names), known, back

    def _drawn(self, name: str, random: Random) -> GeneratedQuery | None:
        schema, known, meant = self._plain
        try:
            drawn = shapes()[name].draw(Scene(schema, known, self.dialect, random))
        except Unsuitable:
            return None
        drawn = replace(drawn, sql=renamed_sql(drawn.sql, self.dialect, meant)) if meant else drawn
        tree = qualify_text(drawn.sql, self.schema, self.dialect, source=f"the query of shape {name}")
        found = ambiguities(Facts(tree, self.schema, self.dialect))
        if found:
            raise ContractError(f"Shape {name} drew a query with more than one answer: {found[0].reason}\n{drawn.sql}")
        return GeneratedQuery(
            drawn.sql, self.dialect, drawn.question, name, fingerprint(tree, self.dialect), skeleton(tree), tree
        )
