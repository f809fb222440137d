"""Drafts slow queries: a clean one with its question, and the same with a junior developer's habits put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from querywright.engines.session import Session
from querywright.errors import InputError
from querywright.factory.values import Order
from querywright.generation.identity import Split, split_of
from querywright.generation.inject import NEVER, Injected, inject_habits
from querywright.generation.queries import GeneratedQuery, QueryGenerator, shapes
from querywright.generation.statistics import Statistics, statistics
from querywright.sql.schema import Schema
from querywright.values import Query

_FURTHER = (0, 1, 1, 2)
"""How many habits go in beside the one that is expected to make the query slow: one of these numbers, drawn by chance."""


@dataclass(frozen=True)
class Draft:
    """A slow query in the making: ``clean`` is what it should have been, and answers the question."""

    clean: GeneratedQuery
    slow: Injected
    split: Split

    @property
    def query(self) -> Query:
        """The slow query."""
        return Query(self.slow.sql, self.clean.dialect, self.slow.fingerprint)

    @property
    def habits(self) -> tuple[str, ...]:
        """What can be seen in the slow query; what was put in comes first."""
        return tuple(dict.fromkeys((*self.slow.confirmed, *self.slow.labels)))


class Drafter:
    """Drafts queries over one schema; which one follows from the seed and the order alone, as long as the data is the same."""

    def __init__(self, name: str, schema: Schema, known: Statistics, dialect: str, seed: int) -> None:
        self._name = name
        self.schema = schema
        self._generator = QueryGenerator(schema, known, dialect, seed)
        self._seed = seed

    @classmethod
    def over(cls, name: str, schema: Schema, session: Session, dialect: str, seed: int) -> Drafter:
        """A drafter whose constants are values of the data that ``session`` reads.

        Raises `InputError` for a schema over which no query can be drawn.
        """
        drafter = cls(name, schema, statistics(schema, session), dialect, seed)
        drafter._generator.query(0)  # raises where none can be drawn at all
        return drafter

    def draft(self, order: Order) -> Draft | None:
        """The draft of an order; None where its split is closed, or no habit could be put in."""
        dice = Random(f"{self._seed}:{order.engine}:{order.number}")
        shape = order.shape or dice.choice(list(shapes()))
        clean = self._drawn(order.number, shape) or self._drawn(order.number, None)
        if clean is None:
            return None
        split = split_of(self._name, clean.family)
        if split in order.closed:
            return None
        slow = self._injected(clean, dict(order.weights), dice)
        return Draft(clean, slow, split) if slow is not None else None

    def _injected(self, clean: GeneratedQuery, weights: Mapping[str, float], dice: Random) -> Injected | None:
        """The query with one habit by the weights, and others that people may have as well, whatever they cost."""
        schema, dialect = self.schema, clean.dialect
        slow = inject_habits(clean.tree, schema, dialect, dice, 1, weights)
        further = dice.choice(_FURTHER)
        if slow is None or not further:
            return slow
        taken = dict.fromkeys((*slow.injected, *NEVER), 0.0)
        both = inject_habits(slow.tree, schema, dialect, dice, further, taken)
        return replace(both, injected=(*slow.injected, *both.injected)) if both is not None else slow

    def _drawn(self, number: int, shape: str | None) -> GeneratedQuery | None:
        """A query of a shape, or of any; None where the schema does not suit it."""
        try:
            return self._generator.query(number, shape)
        except InputError:
            return None
