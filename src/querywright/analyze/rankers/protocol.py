"""What a trained ranker provides: a module, or anything with this function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from querywright.sql.facts import Facts
from querywright.transforms.driver import Finding


class Ranker(Protocol):
    """A model that was trained on judged rewrites."""

    def gains(self, facts: Facts, engine: str, findings: Sequence[Finding]) -> Mapping[str, float]:
        """The speedup ratio of the whole query to expect from each transform in ``findings`` that the model knows."""
