"""EXISTS and NOT EXISTS that look for a row with equal keys and a value that compares with one of the outer row."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import Comparison, Correlation, correlation, grouped, one_group_matches
from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap

_ONLY = {"expressions", "from_", "joins", "where"}

LOOKS_FURTHER = "the search would look at rows that it did not look at before, and may fail on them"
"""Why the rows that one outer row looks at cannot be read for all of them."""


@dataclass(frozen=True)
class Existence:
    """``predicate`` of WHERE asks whether ``body`` has a row for the outer row or, if ``absent``, whether it has none.

    ``related`` holds at least one key and exactly one comparison that is no equality.
    """

    predicate: exp.Expr
    body: exp.Select
    related: Correlation
    absent: bool

    def obstacle(self) -> str | None:
        """Why the rows of ``body`` cannot be grouped by its keys, if they cannot."""
        if {name for name, value in self.body.args.items() if value} - _ONLY or grouped(self.body):
            return "the subquery has clauses beyond SELECT, FROM and WHERE, or aggregates"
        if not all(isinstance(p.unalias(), (exp.Column, exp.Literal, exp.Star, exp.Null)) for p in self.body.expressions):
            return "the subquery selects something else than columns and constants"
        return None


def existence(predicate: exp.Expr, facts: Facts, *, unequal: bool = False) -> Existence | None:
    """What ``predicate`` looks for; ``unequal`` lets the one comparison be <>."""
    bare = unwrap(predicate)
    absent = isinstance(bare, exp.Not)
    test = unwrap(bare.this) if absent else bare
    body = test.this if isinstance(test, exp.Exists) else None
    if not isinstance(body, exp.Select):
        return None
    related = correlation(facts, body, unequal=unequal)
    if not isinstance(related, Correlation) or len(related.ranges) != 1 or not related.keys:
        return None
    return Existence(predicate, body, related, absent)


def obstacle_to_group(related: Correlation, facts: Facts) -> str | None:
    """Why a comparison with a group's rows could come out otherwise than with the rows themselves, if it could."""
    if all(
        one_group_matches(part.inner, part.outer) and _same_collation(part, facts) for part in (*related.keys, *related.ranges)
    ):
        return None
    return "grouping and comparing must agree: the types of the compared columns are unknown or convert"


def _same_collation(compared: Comparison, facts: Facts) -> bool:
    """SQLite compares texts in the collation of the left operand, and schemas do not tell collations."""
    inner, outer = unwrap(compared.inner), unwrap(compared.outer)
    if facts.dialect != "sqlite" or inner.is_type(*exp.DataType.NUMERIC_TYPES, *exp.DataType.TEMPORAL_TYPES):
        return True
    if not isinstance(inner, exp.Column) or not isinstance(outer, exp.Column):
        return False
    homes = [facts.home(column) for column in (inner, outer)]
    tables = [facts.sources(home)[column.table].table for home, column in zip(homes, (inner, outer), strict=True) if home]
    return len(tables) == 2 and tables[0] is not None and tables[0] is tables[1] and inner.name == outer.name
