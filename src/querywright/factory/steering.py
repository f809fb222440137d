"""The maximization step of a run without a model: what yielded examples is ordered more often.

The yield of a shape of query, and of a habit in queries of a shape, is the share of its latest tries that ended as an example.
What a quota refuses counts for less, so that the orders move on to kinds of which there are too few. Shapes that bring wanted
features get more weight as long as these fall short.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

from querywright.antipatterns.driver import antipatterns
from querywright.antipatterns.protocol import Severity
from querywright.factory.curing import cures
from querywright.factory.quotas import HIGH, NEARLY, Quotas
from querywright.factory.values import CURRICULUM, Order, Plan, Product
from querywright.generation.identity import HELD_OUT
from querywright.generation.inject import NEVER
from querywright.generation.queries import shapes
from querywright.scoring.reward import band
from querywright.transforms.driver import transforms

EXPLORING = 0.05
"""The share of orders that try anything, most often what few examples show: what never worked may work once the quotas have
changed."""

HOPELESS = 0.2
"""A habit that yields less than this share of what the best one does in a shape is put into it by exploring orders only."""

REFUSED = 0.4
"""What an example that a quota refused counts for: its kind moves back, and stays at hand for when there is room again."""

_MEMORY = 0.97
"""What a try counts after each further one of its kind: the latest thirty or so decide."""

_FAMILIAR = 12
"""After so many tries of a shape, a habit that never went into it is taken not to fit."""

_PRIOR_TRIES = 3.0
_SHAPE_PRIOR = 0.3
_PRIORS: dict[Severity, float] = {"critical": 0.5, "high": 0.4, "medium": 0.25, "low": 0.06}
"""The yield that is expected of a habit by its severity, before it was tried and where nothing was measured."""

_LIFT = 15.0
_UNCURED = 0.1
"""How often a habit that no transform cures goes in beside another one; 1: as often as any other."""

_BALANCE = 0.25
"""How strongly habits are preferred whose cures few examples show: one with a sixteenth of them goes in twice as often."""

_PATIENT = 0.2
_MORE_PATIENT = 2.0
"""The share of orders that ask for slower queries: the least, and how much more where there are no high speedups; 1 is all."""

_REWARDING = 0.1
"""Patience pays where so many of the examples have a high speedup; where a third of that have, orders ask a third as often."""

_SOUGHT = 6
"""Transforms beside the cures that are applied to the slow queries of an order."""

_ALL = "all"
_START = 2
_TIERS = len(CURRICULUM) - 1
"""The largest size is only moved to, never started with."""


@dataclass
class _Yield:
    tries: float = 0.0
    kept: float = 0.0

    def note(self, kept: float) -> None:
        self.tries = self.tries * _MEMORY + 1
        self.kept = self.kept * _MEMORY + kept

    def rate(self, expected: float) -> float:
        return (self.kept + _PRIOR_TRIES * expected) / (self.tries + _PRIOR_TRIES)


@dataclass
class Steering:
    """What is known of one engine.

    How many examples have a high speedup, in all, by shape and by habit in a shape; yields by habit, by habit in a shape, and
    by shape; which sizes of data worked; how many examples apply a transform or have a habit; which habits went into queries of
    a shape, and what features those had; which shapes a schema has no tables for.
    """

    engine: str = ""
    high: dict[str | tuple[str, str], _Yield] = field(default_factory=lambda: defaultdict(_Yield))
    habits: dict[str, _Yield] = field(default_factory=lambda: defaultdict(_Yield))
    pairs: dict[tuple[str, str], _Yield] = field(default_factory=lambda: defaultdict(_Yield))
    shapes: dict[str, _Yield] = field(default_factory=lambda: defaultdict(_Yield))
    tiers: Counter[int] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)
    fitting: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    impossible: set[tuple[str, str]] = field(default_factory=set)
    drafted: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def note(self, product: Product) -> None:
        """Learn from what came of an order; the habit that went in first is the one that was to make the query slow."""
        if product.shape and product.order.shape and product.shape != product.order.shape:
            self.impossible.add((product.order.schema, product.order.shape))
        for one in product.tries:
            kept = {"kept": 1.0, "quota": REFUSED}.get(one.fate, 0.0)
            for habit in one.injected[:1]:
                self.habits[habit].note(kept)
                self.pairs[product.shape, habit].note(kept)
            if product.shape:
                self.shapes[product.shape].note(kept)
            for example in one.examples:
                self.tiers[example.tier] += 1
                high = float(band(example.solution.speedup) in HIGH)
                self.high[_ALL].note(high)
                self.high[product.shape].note(high)
                for habit in one.injected[:1]:
                    self.high[product.shape, habit].note(high)
                self.shown.update((*example.solution.transforms, *example.injected))
            if one.injected:
                self.drafted[product.shape].update((*one.features, _ALL))
                self.fitting[product.shape].update(one.injected)

    def order(self, plan: Plan, engine: str, number: int, schemas: Iterable[str], quotas: Quotas) -> Order:
        """The next order, which depends on nothing but the arguments and what was learned."""
        dice = Random(f"order {plan.seed}:{engine}:{number}")
        weighted = quotas.schema_weights(schemas, HELD_OUT)
        schema = dice.choices(list(weighted), list(weighted.values()))[0]
        tier = _START
        if self.tiers.total() >= 2 * _TIERS:
            tier = dice.choices(range(_TIERS), [0.3 + self.tiers[tier] for tier in range(_TIERS)])[0]
        exploring = dice.random() < EXPLORING
        names = [name for name in sorted(shapes()) if (schema, name) not in self.impossible]
        lacking, short, known = quotas.lacking(), quotas.short_of_high(), _measured(self.engine, "shapes")
        rates = {name: self.shapes[name].rate(known.get(name, _SHAPE_PRIOR)) for name in names}
        wanted = [
            1.0 if exploring else rates[name] ** 2 * self._lift(name, lacking) * self._ascent(name, short) for name in names
        ]
        shape = dice.choices(names, wanted)[0]
        return Order(
            engine,
            number,
            schema,
            tier,
            shape,
            tuple(self._weights(shape, exploring, short)),
            self._beside(shape, exploring, dice),
            quotas.closed(NEARLY),
            sought=self._sought(dice),
            patient=dice.random() < (_PATIENT + _MORE_PATIENT * short) * self._rewarding(),
        )

    def _rewarding(self) -> float:
        """How much of the usual patience the engine is worth."""
        return min(1.0, self.high[_ALL].rate(_REWARDING) / _REWARDING)

    def worth(self, short: float) -> float:
        """What an example of the engine counts for where high speedups are ``short``; at least 1."""
        return self._ascent(_ALL, short)

    def _ascent(self, kind: str | tuple[str, str], short: float) -> float:
        """How much more a shape, or a habit in one, is ordered because high speedups are lacking."""
        return 1.0 + _LIFT * short * self.high[kind].rate(_REWARDING)

    def _weights(self, shape: str, exploring: bool, short: float = 0.0) -> Iterable[tuple[str, float]]:
        rates = {habit: self._rate(shape, habit) for habit in antipatterns() if habit not in NEVER}
        known = self.shapes[shape].tries >= _FAMILIAR
        fitting = {habit: rate for habit, rate in rates.items() if not known or self.pairs[shape, habit].tries > 0}
        best = max(fitting.values(), default=1.0)
        for habit in antipatterns():
            relative = fitting.get(habit, 0.0) / best
            if exploring:
                yield habit, 0.0 if habit in NEVER else round(self._rarity(habit) ** 0.5, 5)
            else:
                wanted = relative**2 * self._rarity(habit) ** _BALANCE * self._ascent((shape, habit), short)
                yield habit, round(wanted, 5) if relative >= HOPELESS else 0.0

    def _beside(self, shape: str, exploring: bool, dice: Random) -> tuple[str, ...]:
        """Habits to put in beside another one, in random order: first those of which few examples show the cure.

        Once enough queries of the shape were made, these are the ones that went into some of them.
        """
        seen = self.fitting[shape]
        known = self.drafted[shape][_ALL] >= _FAMILIAR and not exploring
        drawn = {
            habit: dice.expovariate(self._rarity(habit))
            for habit in antipatterns()
            if habit not in NEVER and (seen[habit] or not known)
        }
        return tuple(sorted(drawn, key=drawn.__getitem__))

    def _sought(self, dice: Random) -> tuple[str, ...]:
        """A few transforms of the engine, drawn by chance: those that few examples apply come first."""
        drawn = {name: dice.expovariate(1 / (1 + self.shown[name])) for name in transforms(self.engine or None)}
        return tuple(sorted(drawn, key=drawn.__getitem__)[:_SOUGHT])

    def _rarity(self, habit: str) -> float:
        """From 1 where no example shows a habit or its most usual cure, the closer to 0 the more do."""
        cure = cures()[habit]
        return (1 if cure else _UNCURED) / (1 + self.shown[habit] + sum(self.shown[name] for name in cure[:1]))

    def _rate(self, shape: str, habit: str) -> float:
        """The yield of a habit in a shape, which is expected to be that of the habit in general."""
        expected = _measured(self.engine, "habits").get(habit, _PRIORS[antipatterns()[habit].SEVERITY])
        return self.pairs[shape, habit].rate(self.habits[habit].rate(expected))

    def _lift(self, shape: str, lacking: Mapping[str, float]) -> float:
        """How much more a shape is ordered because the queries drafted in it have features that are lacking."""
        seen = self.drafted[shape]
        return 1.0 + _LIFT * max(short * seen[name] / max(1, seen[_ALL]) for name, short in lacking.items())


@cache
def _measured(engine: str, kind: str) -> dict[str, float]:
    """Yields that earlier runs had on an engine, by habit or by shape."""
    path = Path(__file__).with_name("yields.json")
    found: dict[str, dict[str, dict[str, float]]] = json.loads(path.read_text(encoding="utf-8"))
    return found.get(engine, {}).get(kind, {})
