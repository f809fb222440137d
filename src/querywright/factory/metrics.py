"""The figures of a run, counted as it goes in memory that does not grow with it, but for the fingerprints."""

from __future__ import annotations

import math
import resource
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from querywright.factory.quotas import OWN_SOLUTIONS, SHARING, Quotas
from querywright.factory.values import Example, Product
from querywright.scoring.reward import CAP

_MEBIBYTE = 1 << 20


@dataclass
class Metrics:
    """What was counted. ``slow`` and ``fast`` are the fingerprints of the examples' queries, ``held_out`` says of each family of
    slow queries whether it is held out, ``cpu_s`` is by engine; ``seconds`` are those of the run, of all its processes together
    where it was broken off and went on."""

    quotas: Quotas = field(default_factory=Quotas)
    orders: int = 0
    queries: int = 0
    judged: int = 0
    seconds: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    fates: Counter[str] = field(default_factory=Counter)
    engines: Counter[str] = field(default_factory=Counter)
    transforms: Counter[str] = field(default_factory=Counter)
    proposers: Counter[str] = field(default_factory=Counter)
    slow: set[str] = field(default_factory=set)
    fast: set[str] = field(default_factory=set)
    held_out: dict[str, bool] = field(default_factory=dict)
    rewards: float = 0.0
    squares: float = 0.0
    capped: int = 0
    lowest: float = math.inf
    highest: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    cost: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, product: Product) -> None:
        """Count an order that is done."""
        self.orders += 1
        self.seconds += product.elapsed
        self.cpu_s[product.order.engine] += product.cpu_s
        self.pay(product)
        for one in product.tries:
            self.queries += 1
            self.judged += one.judged
            self.fates[one.fate] += 1
            for example in one.examples:
                self._add(example)

    def pay(self, product: Product) -> None:
        """Take over what a model has cost by now."""
        engine = product.order.engine
        self.calls[engine] = max(self.calls[engine], product.calls)
        self.cost[engine] = max(self.cost[engine], product.cost)

    def _add(self, example: Example) -> None:
        solution = example.solution
        self.quotas.add(example)
        self.engines[example.engine] += 1
        self.transforms.update(solution.transforms)
        self.proposers[solution.proposer] += 1
        self.slow.add(f"{example.engine}:{example.fingerprint}")
        self.fast.add(f"{example.engine}:{solution.fingerprint}:{';'.join(solution.statements)}")
        self.held_out[example.family] = example.split != "train"
        self.rewards += solution.reward
        self.squares += solution.reward**2
        self.capped += solution.speedup >= CAP
        self.lowest = min(self.lowest, solution.speedup)
        self.highest = max(self.highest, solution.speedup)

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return self.quotas.total

    @property
    def sharing(self) -> int:
        """How many slow queries of the next order may have one solution: few while too many examples share theirs."""
        return min(SHARING) if len(self.fast) < OWN_SOLUTIONS * self.examples else max(SHARING)

    def known(self, engine: str, fingerprint: str) -> bool:
        """Whether there is an example of this slow query on the engine."""
        return f"{engine}:{fingerprint}" in self.slow

    def leaks(self, example: Example) -> bool:
        """Whether the example's family is on the other side of the split already."""
        side = self.held_out.get(example.family)
        return side is not None and side != (example.split != "train")

    def summary(self, iterations: int) -> dict[str, Any]:
        """Everything as JSON values."""
        count = self.examples
        mean = self.rewards / count if count else 0.0
        spread = math.sqrt(max(0.0, self.squares / count - mean**2)) if count else 0.0
        cpu_s = sum(self.cpu_s.values())
        return {
            "examples": count,
            "iterations": iterations,
            "questions": self.orders,
            "slow_queries_tried": self.queries,
            "candidates_judged": self.judged,
            "success_rate": _rounded(self.fates["kept"] / self.queries if self.queries else 0.0),
            "unique_slow_queries": _rounded(len(self.slow) / count if count else 0.0),
            "unique_fast_queries": _rounded(len(self.fast) / count if count else 0.0),
            "mean_reward": _rounded(mean),
            "reward_deviation": _rounded(spread),
            "share_at_the_cap": _rounded(self.capped / count if count else 0.0),
            "speedup_range": [_rounded(self.lowest), _rounded(self.highest)] if count else [],
            "seconds": _rounded(self.seconds),
            "cpu_seconds": _rounded(cpu_s),
            "examples_an_hour": _rounded(3600 * count / self.seconds if self.seconds else 0.0),
            "cpu_ms_an_example": _rounded(1000 * cpu_s / count if count else 0.0),
            "model_calls": self.calls.total(),
            "cost_usd": _rounded(sum(self.cost.values())),
            "main_process_peak_mib": _rounded(_peak_bytes() / _MEBIBYTE),
            "fates": _counts(self.fates),
            "engines": _counts(self.engines),
            "schemas": _counts(self.quotas.schemas),
            "splits": _counts(self.quotas.splits),
            "patterns": _counts(self.quotas.patterns),
            "speedups": _counts(self.quotas.bands),
            "features": _counts(self.quotas.features),
            "proposers": _counts(self.proposers),
            "transforms": _counts(self.transforms),
        }


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _rounded(number: float) -> float:
    return round(number, 4)


def _peak_bytes() -> int:
    """The highest resident size of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
