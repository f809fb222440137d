"""Puts bad habits into a query, and says which ones went in and which can be seen in the result.

The result answers the same question by construction: every injection keeps the answer under the schema's keys and NOT NULLs. The
clean query is the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from sqlglot import exp

from querywright.antipatterns.driver import Habit, Injection, antipatterns, habits, injection
from querywright.errors import ContractError
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.schema import Schema

NEVER = frozenset({"random_order"})
"""Habits that leave the answer to chance."""

_TRIED = 5
"""Anti-patterns that are tried beside the first one: most do not fit a query."""


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
    added = _added(_unchanged(tree, schema, dialect), _order(random, weights or {}), count)
    return None if added is None else _finished(added)


def injections(
    tree: exp.Query,
    schema: Schema,
    dialect: str,
    random: Random,
    weights: Mapping[str, float] | None = None,
    beside: Sequence[str] = (),
    further: Callable[[str], int] = lambda first: 0,
) -> Iterator[Injected]:
    """Different slow queries for one clean query, each with another anti-pattern first, in the order of `inject_habits`.

    It is accompanied by up to as many of those ``beside``, the first ones that fit, as ``further`` says of it.
    """
    clean = _unchanged(tree, schema, dialect)
    for name in _order(random, weights or {}):
        first = _added(clean, [name], 1)
        if first is None:
            continue
        count = further(name)
        others = [other for other in beside if other != name]
        more = _added(first.query, others[:_TRIED], count) if count else None
        yield _finished(_Added((more or first).query, (*first.names, *(more.names if more else ()))))


def accompanied(slow: Injected, schema: Schema, dialect: str, beside: Sequence[str]) -> Injected | None:
    """A slow query with one more anti-pattern, the first of those ``beside`` that fits; None where none does."""
    others = [name for name in beside if name not in slow.injected]
    more = _added(_unchanged(slow.tree, schema, dialect), others[:_TRIED], 1)
    return None if more is None else _finished(replace(more, names=(*slow.injected, *more.names)))


@dataclass(frozen=True, slots=True)
class _Added:
    """A query and the ``names`` of the anti-patterns that went in."""

    query: Injection
    names: tuple[str, ...]


def _unchanged(tree: exp.Query, schema: Schema, dialect: str) -> Injection:
    return Injection(tree, Facts(tree, schema, dialect))


def _added(query: Injection, names: Iterable[str], count: int) -> _Added | None:
    """The query with the first ``count`` anti-patterns that can be put in; None without any."""
    done = list[str]()
    for name in names:
        if len(done) == count:
            break
        further = _injected(query.facts, name)
        if further is not None:
            query = further
            done.append(name)
    return _Added(query, tuple(done)) if done else None


def _finished(made: _Added) -> Injected:
    written, facts = made.query.written, made.query.facts
    found = tuple(habits(facts.tree, written, facts.schema, facts.dialect, facts))
    text = written.sql(facts.dialect, pretty=True, copy=False)
    return Injected(text, facts.tree, fingerprint(facts.tree, facts.dialect), made.names, found)


def injectable(tree: exp.Query, schema: Schema, dialect: str) -> tuple[str, ...]:
    """Names of the anti-patterns that can be put into a qualified query."""
    facts = Facts(tree, schema, dialect)
    return tuple(name for name in _names() if _injected(facts, name) is not None)


def _injected(facts: Facts, name: str) -> Injection | None:
    try:
        return injection(facts, name)
    except ContractError:
        return None  # the driver found out by itself that this one does not work here: the next is tried


def _order(random: Random, weights: Mapping[str, float]) -> Sequence[str]:
    """All names in random order: each by an exponential draw at the rate of its weight, the earliest first."""
    drawn = {name: random.expovariate(weight) for name in _names() if (weight := weights.get(name, 1.0)) > 0}
    return sorted(drawn, key=drawn.__getitem__)


@cache
def _names() -> tuple[str, ...]:
    return tuple(name for name in antipatterns() if name not in NEVER)
