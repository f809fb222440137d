"""Looks for near-duplicates across splits: queries that differ in constants only must not be trained on and examined."""

from __future__ import annotations

from collections.abc import Iterable

from querywright.factory.values import Example


def leaks(examples: Iterable[Example]) -> list[str]:
    """Families that occur in training and in a held-out split, on whatever engines, sorted; there should be none.

    Both the slow query's family and its exact fingerprint count. Splits are drawn by the clean query's family, so that
    all slow queries made from it share its split.
    """
    seen: dict[str, set[str]] = {}
    for example in examples:
        for name in (f"family {example.family}", f"query {example.fingerprint}"):
            seen.setdefault(name, set()).add("train" if example.split == "train" else "held out")
    return sorted(name for name, sides in seen.items() if len(sides) > 1)
