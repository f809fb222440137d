"""Puts bad habits into a query, and says which ones went in and which can be seen in the result.

The result answers the same question by construction: every injection keeps the answer under the schema's keys and NOT NULLs. The
clean query is the way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from sqlglot import exp

from querywright.antipatterns.driver import Habit, antipatterns, habits, inject
from querywright.errors import ContractError
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema

NEVER = frozenset({"random_order"})
"""Habits that leave the answer to chance."""


@dataclass(frozen=True, slots=True)
class Injected:
    """A query with bad habits. ``injected`` went in, in that order; ``found`` is everything that can be seen, the worst first."""

    sql: str
    tree: exp.Query
    fingerprint: str
    injected: tuple[str, ...]
    found: tuple[Habit, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all anti-patterns in the query, the worst first."""
        return tuple(dict.fromkeys(habit.antipattern for habit in self.found))

    @property
    def confirmed(self) -> tuple[str, ...]:
        """What went in and can be seen."""
        return tuple(name for name in self.injected if name in self.labels)


def inject_habits(
    tree: exp.Query, schema: Schema, dialect: str, random: Random, count: int, weights: Mapping[str, float] | None = None
) -> Injected | None:
    """Put up to ``count`` different anti-patterns into a copy of a qualified query; None where none can be put in.

    ``random`` decides which are tried first, those with larger ``weights`` (1 where there is none; 0: never) more often. An
    injection that breaks its contract on this query is left out.
    """
    written: exp.Query | None = None
    current, done = tree, list[str]()
    for name in _order(random, weights or {}):
        if len(done) == count:
            break
        further = _injected(current, schema, dialect, name)
        if further is not None:
            written = further
            current = qualify(written, schema, dialect, tree.named_selects)
            done.append(name)
    if written is None:
        return None
    found = tuple(habits(current, written, schema, dialect))
    text = written.sql(dialect, pretty=True)
    return Injected(text, current, fingerprint(current, dialect), tuple(done), found)


def injectable(tree: exp.Query, schema: Schema, dialect: str) -> tuple[str, ...]:
    """Names of the anti-patterns that can be put into a qualified query."""
    return tuple(name for name in _names() if _injected(tree, schema, dialect, name) is not None)


def _injected(tree: exp.Query, schema: Schema, dialect: str, name: str) -> exp.Query | None:
    try:
        return inject(tree, schema, dialect, name)
    except ContractError:
        return None  # the driver found out by itself that this one does not work here: the next is tried


def _order(random: Random, weights: Mapping[str, float]) -> Sequence[str]:
    """All names in random order: each by an exponential draw at the rate of its weight, the earliest first."""
    drawn = {name: random.expovariate(weight) for name in _names() if (weight := weights.get(name, 1.0)) > 0}
    return sorted(drawn, key=drawn.__getitem__)


@cache
def _names() -> tuple[str, ...]:
    return tuple(name for name in antipatterns() if name not in NEVER)
