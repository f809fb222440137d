"""What names mean at a place of a query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from querywright.verification.proof.kinds import Unsupported
from querywright.verification.proof.terms import Bag, Term


class Queries(Protocol):
    """What scalars need from the translation of queries."""

    dialect: str

    def subquery(self, query: exp.Query, scope: Scope, *, existing: bool = False) -> Bag:
        """The bag of a nested query."""
        ...

    def window(self, node: exp.Expr, scope: Scope) -> Term:
        """The term of a window function."""
        ...


@dataclass
class Scope:
    """What names mean at one place of a query.

    ``special`` answers first: it knows grouping keys and aggregate calls. ``outputs`` are the block's own output columns.
    """

    columns: dict[tuple[str, str], Term] = field(default_factory=dict)
    outer: Scope | None = None
    outputs: dict[str, Term] = field(default_factory=dict)
    special: Callable[[exp.Expr], Term | None] | None = None
    common: dict[str, tuple[exp.Query, Scope]] = field(default_factory=dict)

    def column(self, node: exp.Column) -> Term:
        """The term of a column reference."""
        scope: Scope | None = self
        key = (node.table.lower(), node.name.lower())
        while scope is not None:
            if not key[0] and key[1] in scope.outputs:
                return scope.outputs[key[1]]
            if key in scope.columns:
                return scope.columns[key]
            scope = scope.outer
        raise Unsupported(f"column {node.sql()}, which is not grouped, not unique, or whose equal values may differ")
