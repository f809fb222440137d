"""Joins by an expression over a column instead of by the column.

Cost: no index serves the join, its estimates are guesses, and the expression is computed for every row of both tables.
Why: the keys of two tables are spelled differently, and the query repairs it at each use.
Uncured: only whoever owns the data knows whether the bare columns would match the same rows; store the key in one spelling.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, equated_columns, unwrap

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ()


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Equalities between two tables of which a side is a function or a cast of a column."""
    for select in facts.selects():
        for predicate in (part for condition in conditions_of(select) for part in conjuncts(condition)):
            bare = unwrap(predicate)
            sides = [unwrap(bare.this), unwrap(bare.expression)] if isinstance(bare, exp.EQ) else []
            hidden = [side for side in sides if isinstance(side, (exp.Func, exp.DPipe)) and not isinstance(side, exp.Connector)]
            if not hidden or predicate.find(exp.Query):
                continue
            left, right = ({column.table for column in facts.local_columns(side, select)} for side in sides)
            if left and right and not left & right:
                text = " and ".join(side.sql(facts.dialect) for side in hidden)
                yield Occurrence(predicate, f"{text} must be computed for every row before tables can be joined")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``CAST(a.x AS TEXT) = CAST(b.y AS TEXT)`` for an equality of whole numbers."""
    for select in facts.selects():
        for predicate in (part for condition in conditions_of(select) for part in conjuncts(condition)):
            pair = equated_columns(predicate)
            if pair is None or pair[0].table == pair[1].table or any(facts.home(column) is not select for column in pair):
                continue
            if all(column.is_type(*exp.DataType.INTEGER_TYPES) for column in pair):
                for column in pair:
                    column.replace(exp.cast(column.copy(), "text"))
                return query
    return None
