"""Drafts slow queries: a clean one with its question, and the same with a junior developer's habits put in, in several ways."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from random import Random

from querywright.engines.session import Session
from querywright.errors import InputError
from querywright.factory.curing import pattern_for, usual_pattern
from querywright.factory.values import Order
from querywright.generation.identity import Split, split_of
from querywright.generation.inject import Injected, accompanied, injections
from querywright.generation.queries import GeneratedQuery, QueryGenerator, shapes
from querywright.generation.statistics import Statistics, statistics
from querywright.sql.facts import Facts
from querywright.sql.schema import Schema
from querywright.values import Query

VARIANTS = 4
"""The most slow queries that are made of one clean query; each is to be slow for another reason."""

COMPANIONS = 2
"""How many more slow queries are made of one that is worth a judgment, by putting in further habits."""

_FURTHER = (0, 1, 1, 2)
"""How many habits go in beside the one that is expected to make the query slow: one of these numbers, drawn by chance."""

_MORE = (1, 2, 2)
"""The same where there are enough queries with that one habit alone."""


@dataclass(frozen=True)
class Draft:
    """A slow query in the making: ``clean`` is what it should have been, and answers the question; ``pattern`` is what kind of
    optimization that one is."""

    clean: GeneratedQuery
    slow: Injected
    split: Split
    pattern: str

    @property
    def query(self) -> Query:
        """The slow query."""
        return Query(self.slow.sql, self.clean.dialect, self.slow.fingerprint)

    @property
    def solution(self) -> Query:
        """The clean query."""
        return Query(self.clean.sql, self.clean.dialect, self.clean.fingerprint)

    @property
    def habits(self) -> tuple[str, ...]:
        """What can be seen in the slow query; what was put in comes first."""
        return tuple(dict.fromkeys((*self.slow.confirmed, *self.slow.labels)))


class Drafter:
    """Drafts queries over one schema; which ones follows from the seed and the order alone, as long as the data is the same."""

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

    def drafts(self, order: Order) -> Iterator[Draft]:
        """The slow queries of an order, all with one clean query; none where its split is closed, or no habit could be put in."""
        dice = Random(f"{self._seed}:{order.engine}:{order.number}")
        shape = order.shape or dice.choice(list(shapes()))
        clean = self._drawn(order.number, shape) or self._drawn(order.number, None)
        if clean is None:
            return
        split = split_of(self._name, clean.family)
        if split in order.closed:
            return
        made: set[str] = {clean.fingerprint}

        def further(first: str) -> int:
            return dice.choice(_MORE if usual_pattern((first,)) in order.closed else _FURTHER)

        drawn = injections(clean.tree, self.schema, clean.dialect, dice, dict(order.weights), order.beside, further)
        for slow in drawn:
            if slow.fingerprint in made:
                continue
            pattern = pattern_for(slow.injected, Facts(slow.tree, self.schema, clean.dialect))
            if pattern not in order.closed:
                made.add(slow.fingerprint)
                yield Draft(clean, slow, split, pattern)
            if len(made) > VARIANTS:
                return

    def companions(self, order: Order, draft: Draft, seen: Collection[str]) -> Iterator[Draft]:
        """Further slow queries like one that is worth a judgment, each with one habit more than the one before.

        What made that one slow makes these slow as well. ``seen`` are fingerprints of slow queries that there are already.
        """
        beside, dialect = order.beside, draft.clean.dialect
        for _ in range(COMPANIONS):
            slow = accompanied(draft.slow, self.schema, dialect, beside)
            if slow is None:
                return
            beside = beside[1 + beside.index(slow.injected[-1]) :]
            pattern = pattern_for(slow.injected, Facts(slow.tree, self.schema, dialect))
            draft = Draft(draft.clean, slow, draft.split, pattern)
            if pattern not in order.closed and slow.fingerprint not in seen:
                yield draft

    def _drawn(self, number: int, shape: str | None) -> GeneratedQuery | None:
        """A query of a shape, or of any; None where the schema does not suit it."""
        try:
            return self._generator.query(number, shape)
        except InputError:
            return None
