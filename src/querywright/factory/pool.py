"""The few-shot pool: the best examples of each pattern, which a model gets to see and fine-tuning may start from."""

from __future__ import annotations

from dataclasses import dataclass, field

from querywright.factory.values import Example

A_PATTERN = 3
"""Examples that are kept of each pattern."""


@dataclass
class Pool:
    """The best examples so far, by engine and pattern; only those of the split train."""

    best: dict[str, list[Example]] = field(default_factory=dict)

    def add(self, example: Example) -> None:
        """Take the example in where it is better than one of its kind that is in."""
        if example.split != "train":
            return
        kind = f"{example.engine}: {example.pattern}"
        ranked = sorted([*self.best.get(kind, ()), example], key=lambda one: (-one.solution.reward, one.id))
        self.best[kind] = ranked[:A_PATTERN]

    def examples(self, engine: str) -> list[Example]:
        """The pool of an engine, the best first."""
        found = [one for kind in self.best.values() for one in kind if one.engine == engine]
        return sorted(found, key=lambda one: (-one.solution.reward, one.id))

    def summary(self) -> dict[str, list[dict[str, object]]]:
        """The pool as JSON values."""
        return {
            kind: [{"id": one.id, "reward": one.solution.reward, "slow": one.slow, "fast": one.solution.text} for one in best]
            for kind, best in sorted(self.best.items())
        }
