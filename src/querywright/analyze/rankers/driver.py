"""Asks the trained rankers that are installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from querywright.analyze.rankers.protocol import Ranker
from querywright.registry import plugins
from querywright.sql.facts import Facts
from querywright.transforms.driver import Finding


def trained_gains(facts: Facts, engine: str, findings: Sequence[Finding]) -> Mapping[str, float]:
    """What trained rankers expect of the transforms in ``findings``, {} where there is none; the first that knows one decides."""
    gains: dict[str, float] = {}
    for ranker in cast("dict[str, Ranker]", plugins("querywright.analyze.rankers")).values():
        for transform, gain in ranker.gains(facts, engine, findings).items():
            gains.setdefault(transform, gain)
    return gains
