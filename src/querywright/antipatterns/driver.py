"""Finds bad habits in a query and puts them into one, holding each anti-pattern to its contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import cast

from sqlglot import exp

from querywright.antipatterns.protocol import SEVERITIES, AntiPattern, Severity
from querywright.errors import ContractError, QueryError
from querywright.registry import plugins
from querywright.sql.facts import Facts
from querywright.sql.names import quote_names
from querywright.sql.parse import parse_query
from querywright.sql.paths import path_of
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema


@dataclass(frozen=True, slots=True)
class Habit:
    """An occurrence of an anti-pattern.

    ``path`` tells people where, ``detail`` what is wrong there. ``cures`` names the transforms that remove it; where there are
    none, ``uncured`` says why.
    """

    antipattern: str
    severity: Severity
    path: str
    detail: str
    cures: tuple[str, ...]
    uncured: str = ""


def antipatterns() -> dict[str, AntiPattern]:
    """All anti-patterns by name."""
    return cast("dict[str, AntiPattern]", plugins("querywright.antipatterns"))


def habits(tree: exp.Query, parsed: exp.Query, schema: Schema, dialect: str, facts: Facts | None = None) -> list[Habit]:
    """Every bad habit of a query, the worst first.

    ``tree`` is its qualified form, whose ``facts`` may be known already, ``parsed`` the form as written.
    """
    facts = facts or Facts(tree, schema, dialect)
    found = [habit for name in antipatterns() for habit in _habits(name, parsed, facts)]
    return sorted(found, key=lambda habit: SEVERITIES.index(habit.severity))


@dataclass(frozen=True, slots=True)
class Injection:
    """What putting in an anti-pattern made: the query as written, and the facts of its qualified form."""

    written: exp.Query
    facts: Facts


def inject(tree: exp.Query, schema: Schema, dialect: str, name: str) -> exp.Query | None:
    """An equal query, as written, that has anti-pattern ``name`` in one more place; None where it cannot be put in.

    ``tree`` is qualified and stays as it is. Raises what `injection` raises.
    """
    made = injection(Facts(tree, schema, dialect), name)
    return None if made is None else made.written


def injection(facts: Facts, name: str) -> Injection | None:
    """Like `inject`, for a tree whose ``facts`` are known.

    Raises `ContractError` where the result does not qualify, has other output columns, or does not show the habit.
    """
    tree, schema, dialect = facts.tree, facts.schema, facts.dialect
    private, _ = facts.of_copy()
    injected = antipatterns()[name].inject(private.tree, private)
    if injected is None:
        return None
    quote_names(injected, dialect)
    text = injected.sql(dialect, copy=False)
    source = f"the output of anti-pattern {name}"
    try:
        written = parse_query(text, dialect, source)
        qualified = qualify(written, schema, dialect, tree.named_selects, source)
    except QueryError as error:
        raise ContractError(f"anti-pattern {name} produced SQL that does not bind: {error.message}\n{text}") from error
    if qualified.named_selects != tree.named_selects:
        raise ContractError(f"anti-pattern {name} changed the output columns {tree.named_selects}: {text}")
    made = Injection(written, Facts(qualified, schema, dialect))
    if sum(1 for _ in _habits(name, written, made.facts)) <= sum(1 for _ in _habits(name, tree, facts)):
        raise ContractError(f"anti-pattern {name} does not find what it injected: {text}")
    return made


def _habits(name: str, parsed: exp.Query, facts: Facts) -> Iterator[Habit]:
    module = antipatterns()[name]
    for occurrence in module.find(parsed, facts):
        severity = occurrence.severity or module.SEVERITY
        yield Habit(name, severity, path_of(occurrence.node), occurrence.detail, module.CURES, _uncured(name))


@cache
def _uncured(name: str) -> str:
    """The section Uncured of an anti-pattern's docstring, on one line; "" where it has none."""
    section = re.search(r"^Uncured: (.*(?:\n {4}.*)*)", antipatterns()[name].__doc__ or "", flags=re.MULTILINE)
    return " ".join(section.group(1).split()) if section else ""
