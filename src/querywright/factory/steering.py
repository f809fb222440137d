"""The maximization step of a run without a model: what yielded examples is ordered more often.

The yield of a shape of query, and of a habit in queries of a shape, is the share of its latest tries that ended as an example.
What a quota refuses counts as a failure, so that the orders move on to kinds of which there are too few. Shapes that bring wanted
features get more weight as long as these fall short.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from querywright.antipatterns.driver import antipatterns
from querywright.antipatterns.protocol import Severity
from querywright.factory.quotas import Quotas
from querywright.factory.values import CURRICULUM, Order, Plan, Product
from querywright.generation.identity import HELD_OUT
from querywright.generation.inject import NEVER
from querywright.generation.queries import shapes

EXPLORING = 0.08
"""The share of orders that try anything: what never worked may work once the quotas have changed."""

HOPELESS = 0.1
"""A habit that yields less in queries of a shape is put into them by exploring orders only."""

_MEMORY = 0.97
"""What a try counts after each further one of its kind: the latest thirty or so decide."""

_FAMILIAR = 12
"""After so many tries of a shape, a habit that never went into it is taken not to fit."""

_PRIOR_TRIES = 3.0
_SHAPE_PRIOR = 0.3
_PRIORS: dict[Severity, float] = {"critical": 0.5, "high": 0.4, "medium": 0.2, "low": 0.06}
"""The yield that is expected of a habit before it was tried, by its severity."""

_LIFT = 15.0
_ALL = "all"
_START = 2
_TIERS = len(CURRICULUM) - 1
"""The largest size is only moved to, never started with."""


@dataclass
class _Yield:
    tries: float = 0.0
    kept: float = 0.0

    def note(self, kept: bool) -> None:
        self.tries = self.tries * _MEMORY + 1
        self.kept = self.kept * _MEMORY + kept

    def rate(self, expected: float) -> float:
        return (self.kept + _PRIOR_TRIES * expected) / (self.tries + _PRIOR_TRIES)


@dataclass
class Steering:
    """What is known of the yields of one engine: by habit, by habit in a shape, by shape; and which sizes of data worked."""

    habits: dict[str, _Yield] = field(default_factory=lambda: defaultdict(_Yield))
    pairs: dict[tuple[str, str], _Yield] = field(default_factory=lambda: defaultdict(_Yield))
    shapes: dict[str, _Yield] = field(default_factory=lambda: defaultdict(_Yield))
    tiers: Counter[int] = field(default_factory=Counter)
    drafted: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def note(self, product: Product, kept: bool) -> None:
        """Learn from what came of an order; the habit that went in first is the one that was to make the query slow."""
        for habit in product.injected[:1]:
            self.habits[habit].note(kept)
            self.pairs[product.shape, habit].note(kept)
        if product.shape:
            self.shapes[product.shape].note(kept)
        for example in product.examples if kept else ():
            self.tiers[example.tier] += 1
        if product.injected:
            self.drafted[product.shape].update((*product.features, _ALL))

    def order(self, plan: Plan, engine: str, number: int, schemas: Iterable[str], quotas: Quotas) -> Order:
        """The next order, which depends on nothing but the arguments and what was learned."""
        dice = Random(f"order {plan.seed}:{engine}:{number}")
        weighted = quotas.schema_weights(schemas, HELD_OUT)
        schema = dice.choices(list(weighted), list(weighted.values()))[0]
        tier = _START
        if self.tiers.total() >= 2 * _TIERS:
            tier = dice.choices(range(_TIERS), [0.3 + self.tiers[tier] for tier in range(_TIERS)])[0]
        exploring = dice.random() < EXPLORING
        names = sorted(shapes())
        lacking = quotas.lacking()
        wanted = [1.0 if exploring else self.shapes[name].rate(_SHAPE_PRIOR) ** 2 * self._lift(name, lacking) for name in names]
        shape = dice.choices(names, wanted)[0]
        return Order(engine, number, schema, tier, shape, tuple(self._weights(shape, exploring)), quotas.closed())

    def _weights(self, shape: str, exploring: bool) -> Iterable[tuple[str, float]]:
        for habit in antipatterns():
            rate = self._rate(shape, habit)
            fits = self.pairs[shape, habit].tries > 0 or self.shapes[shape].tries < _FAMILIAR
            if habit in NEVER:
                yield habit, 0.0
            elif exploring:
                yield habit, 1.0
            else:
                yield habit, round(rate**2, 5) if fits and rate >= HOPELESS else 0.0

    def _rate(self, shape: str, habit: str) -> float:
        """The yield of a habit in a shape, which is expected to be that of the habit in general."""
        return self.pairs[shape, habit].rate(self.habits[habit].rate(_PRIORS[antipatterns()[habit].SEVERITY]))

    def _lift(self, shape: str, lacking: Mapping[str, float]) -> float:
        """How much more a shape is ordered because the queries drafted in it have features that are lacking."""
        seen = self.drafted[shape]
        return 1.0 + _LIFT * max(short * seen[name] / max(1, seen[_ALL]) for name, short in lacking.items())
