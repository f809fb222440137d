"""Keeps any one kind of example from taking over, while examples are being made.

A kind is closed once it has its share of what there is. The first examples are too few to speak of shares: `FREE` of each kind
are let in. What is closed opens again as others catch up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from querywright.databases.specification import schema_title
from querywright.factory.values import Example
from querywright.scoring.reward import band, band_names

PATTERN_SHARE = 0.18
BAND_SHARES = dict(zip(band_names(), (0.1, 0.48, 0.16, 0.11, 0.18, 0.3, 0.08), strict=True))
"""Of each band of speedups, the slowest first. Rewards in the middle tell little apart, and those in the highest band are all the
same."""

HIGH = band_names()[-2:]
HIGH_SHARE = 0.19
"""Of the two highest bands, that there shall be; it takes slower queries to reach them."""

HELD_OUT_SHARE = 0.05
"""Of each of the splits validation and test, which together are a tenth."""

SCHEMA_SHARE = 0.4
FREE = 12

NEARLY = 0.97
"""A kind that has so much of its share is closed to further orders, for those under way may fill it."""

OWN_SOLUTIONS = 0.61
"""Different solutions that there shall be for each example; slow queries of one clean query cost least, but share theirs."""

SHARING = (2, 3)
"""How many slow queries of one order may have the same solution, at least and at most."""

WANTED = {"3+-table join": 0.2, "window": 0.2, "CTE": 0.2, "set operation": 0.2}
"""Features that so many examples shall have."""


@dataclass
class Quotas:
    """What there is so far, by kind."""

    total: int = 0
    patterns: Counter[str] = field(default_factory=Counter)
    bands: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    schemas: Counter[str] = field(default_factory=Counter)
    features: Counter[str] = field(default_factory=Counter)

    def copy(self) -> Quotas:
        """The same counts, to be gone on with apart."""
        return Quotas(self.total, *(Counter(counts) for counts in self._kinds()))

    def _kinds(self) -> tuple[Counter[str], ...]:
        return self.patterns, self.bands, self.splits, self.schemas, self.features

    def add(self, example: Example) -> None:
        """Count an example."""
        self.total += 1
        self.patterns[example.pattern] += 1
        self.bands[band(example.solution.speedup)] += 1
        self.splits[example.split] += 1
        self.schemas[example.schema] += 1
        self.features.update(example.features)

    def closed(self, part: float = 1.0) -> frozenset[str]:
        """The patterns, bands and splits of which there is this part of their share, or more."""
        return frozenset(
            name
            for counts, shares in (
                (self.patterns, dict.fromkeys(self.patterns, PATTERN_SHARE)),
                (self.bands, BAND_SHARES),
                (self.splits, dict.fromkeys(self.splits, HELD_OUT_SHARE) | {"train": 1.0}),
            )
            for name, count in counts.items()
            if self._full(count, part * shares[name])
        )

    def admits(self, example: Example) -> bool:
        """Whether none of the example's kinds is closed."""
        return not self.closed() & {example.pattern, band(example.solution.speedup), example.split}

    def schema_weights(self, names: Iterable[str], held_out: Mapping[str, str]) -> dict[str, float]:
        """How often each schema is to be drawn from next; 0 for those that have their share."""
        weights = {name: HELD_OUT_SHARE if schema_title(name) in held_out else 1.0 for name in names}
        opened = {name: weight for name, weight in weights.items() if not self._schema_full(schema_title(name), held_out)}
        return opened or weights

    def lacking(self) -> dict[str, float]:
        """How far each wanted feature falls short, from 0 (it does not) to 1 (there is none)."""
        total = max(1, self.total)
        return {name: max(0.0, 1 - self.features[name] / (share * total)) for name, share in WANTED.items()}

    def short_of_high(self) -> float:
        """How far the two highest bands fall short of their share, from 0 (they do not) to 1 (there is none)."""
        found = sum(self.bands[name] for name in HIGH)
        return max(0.0, 1 - found / (HIGH_SHARE * self.total)) if self.total > FREE else 0.0

    def _schema_full(self, name: str, held_out: Mapping[str, str]) -> bool:
        split = held_out.get(name)
        if split is not None:
            return self._full(self.splits[split], HELD_OUT_SHARE)
        return self._full(self.schemas[name], SCHEMA_SHARE)

    def _full(self, count: int, share: float) -> bool:
        return count + 1 > max(FREE, share * (self.total + 1))
