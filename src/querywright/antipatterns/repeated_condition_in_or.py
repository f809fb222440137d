"""Repeats a condition in every alternative of an OR.

Cost: a join condition hidden in this way leaves only a product of the tables, and a filter cannot be pushed to its table.
Why: each alternative was written as one complete case and pasted.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjunction, conjuncts, disjunction, disjuncts, set_where, unwrap, where_conjuncts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("factor_shared_conjuncts",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """ORs of WHERE and ON whose alternatives have a conjunct in common; high where it joins tables."""
    for select in facts.selects():
        for condition in (part for whole in conditions_of(select) for part in conjuncts(whole)):
            if common := _common(condition):
                joins = any(len({column.table for column in part.find_all(exp.Column)}) > 1 for part in common)
                text = " AND ".join(part.sql(facts.dialect) for part in common)
                yield Occurrence(condition, f"{text} stands in every alternative", "high" if joins else None)


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``(a AND b) OR (a AND c)`` for ``a AND (b OR c)``."""
    for select in facts.selects():
        parts = where_conjuncts(select)
        either = next((part for part in parts if len(disjuncts(part)) > 1 and not _common(part)), None)
        common = next((part for part in parts if isinstance(unwrap(part), exp.EQ) and not part.find(exp.Query)), None)
        if either is None or common is None:
            continue
        cases = [conjunction([common.copy(), *(p.copy() for p in conjuncts(part))]) for part in disjuncts(either)]
        spread = disjunction(case for case in cases if case is not None)
        if spread is not None:
            set_where(select, [*(part for part in parts if part is not either and part is not common), spread])
            return query
    return None


def _common(condition: exp.Expr) -> list[exp.Expr]:
    """Conjuncts that stand in every alternative of an OR; [] for anything else."""
    first, *others = [conjuncts(part) for part in disjuncts(condition)]
    return [part for part in first if all(part in other for other in others)] if others else []
