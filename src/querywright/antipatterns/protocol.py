"""What an anti-pattern module provides.

An anti-pattern is one module: a docstring with the sections Cost (what it does to the query) and Why (why people write it),
the constants ``SEVERITY`` and ``CURES`` (names of the transforms that remove it), ``find``, and its inverse ``inject``, which
makes of a query that is clean of the habit an equal one that has it. Where ``CURES`` is (), the docstring has a section Uncured:
why no transform removes it, and what a person can do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from sqlglot import exp

from querywright.sql.facts import Facts

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
"""From worst to mildest."""


@dataclass(frozen=True)
class Occurrence:
    """A place that has the habit: ``detail`` is a sentence for the user; ``severity`` is set where it is not the module's."""

    node: exp.Expr
    detail: str
    severity: Severity | None = None


class AntiPattern(Protocol):
    """The module-level interface of an anti-pattern."""

    SEVERITY: Severity
    CURES: tuple[str, ...]

    def find(self, query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
        """Occurrences in the order of the text. Must not change a tree.

        ``query`` is the query as written, ``facts.tree`` the same query qualified: stars and USING are gone there, and
        every column names its table.
        """
        ...

    def inject(self, query: exp.Query, facts: Facts) -> exp.Query | None:
        """Put the habit into one place of ``query`` and return the root; None where there is no such place.

        ``query`` is ``facts.tree``, a private copy. The answer stays the same under the schema's keys and NOT NULLs.
        Columns must be written with their table.
        """
        ...
