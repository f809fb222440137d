"""What it takes to leave a habit: the transforms that cure it, and the kind of optimization that they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from querywright.antipatterns.driver import antipatterns
from querywright.factory.features import pattern_of


@cache
def cures() -> dict[str, tuple[str, ...]]:
    """The transforms that cure each habit, the most usual one first."""
    return {name: module.CURES for name, module in antipatterns().items()}


def curing(habits: Iterable[str]) -> tuple[str, ...]:
    """The first transform that cures each habit: what kind of optimization leaving the habit is."""
    return tuple(dict.fromkeys(cures()[habit][0] for habit in habits if cures().get(habit)))


def expected_pattern(injected: Sequence[str]) -> str:
    """The pattern of the clean query as a solution of a slow one that these habits were put into.

    A habit that no transform cures is a kind of its own: its name says what was left.
    """
    uncured = [habit for habit in injected if not cures().get(habit)]
    kinds = {kind for kind in pattern_of(curing(injected), False).split("|") if curing(injected)}
    return "|".join(sorted({*kinds, *uncured})) or pattern_of((), False)
