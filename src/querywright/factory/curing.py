"""What it takes to leave a habit: the transforms that cure it, and the kind of optimization that they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from querywright.antipatterns.driver import antipatterns, habits
from querywright.factory.features import pattern_of
from querywright.generation.inject import Injected
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema
from querywright.transforms.driver import transforms
from querywright.transforms.protocol import Site


@cache
def cures() -> dict[str, tuple[str, ...]]:
    """The transforms that cure each habit, the most usual one first."""
    return {name: module.CURES for name, module in antipatterns().items()}


def usual_pattern(injected: Sequence[str]) -> str:
    """The pattern to expect before there is a slow query: that of the most usual cures."""
    return _pattern(injected, [cures()[habit][0] for habit in injected if cures().get(habit)])


def pattern_for(injected: Sequence[str], slow: Facts) -> str:
    """The pattern of the clean query as a solution of the ``slow`` one that these habits were put into.

    The kind of a habit is that of the first of its cures that has a site in the slow query, and of its most usual cure where
    none has. A habit that no transform cures is a kind of its own: its name says what was left.
    """
    if not injected:
        return _pattern((), ())
    slow.complete_types()
    known = transforms(slow.dialect)
    return _pattern(injected, [_cure(cures()[habit], known, slow) for habit in injected if cures().get(habit)])


def pattern_left(slow: Injected, fast: str, schema: Schema, dialect: str) -> str:
    """The pattern of the query ``fast`` as a solution: that of the habits which the ``slow`` one shows and it does not.

    For queries that nobody put habits into, and for solutions that name no transforms.
    """
    written = parse_query(fast, dialect)
    kept = {habit.antipattern for habit in habits(qualify(written, schema, dialect), written, schema, dialect)}
    return pattern_for([name for name in slow.labels if name not in kept], Facts(slow.tree, schema, dialect))


def _cure(names: Sequence[str], known: Collection[str], slow: Facts) -> str:
    return next((name for name in names if name in known and _applies(name, slow)), names[0])


def _applies(name: str, slow: Facts) -> bool:
    return any(isinstance(found, Site) for found in transforms()[name].find(slow.tree, slow))


def _pattern(injected: Sequence[str], applied: Sequence[str]) -> str:
    """The kinds of what is applied, and the habits without a cure."""
    uncured = [habit for habit in injected if not cures().get(habit)]
    kinds = pattern_of(applied, False).split("|") if applied else []
    return "|".join(sorted({*kinds, *uncured})) or pattern_of((), False)
