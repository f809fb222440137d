"""Combines conditions on different tables with OR.

Cost: neither table can be filtered before the join, no index serves the condition, and as the condition of a join it leaves
    only comparing every row with every row.
Why: the question has an "or" in it, and two queries with UNION look longer.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import alike_but_for_where, plain
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjunction, conjuncts, disjunction, disjuncts, set_where, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("or_join_to_union",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """ORs at the top of a WHERE or of a join's condition whose alternatives mention two or more tables."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        for condition in (*where_conjuncts(select), *(part for join in joins for part in conjuncts(join.args.get("on")))):
            tables = dict.fromkeys(column.table for column in facts.local_columns(condition, select))
            if len(disjuncts(condition)) > 1 and len(tables) > 1:
                yield Occurrence(condition, f"the alternatives need {' and '.join(tables)} together")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """SELECT DISTINCT … WHERE p OR q for the UNION of two blocks that differ in one condition each."""
    for union in facts.tree.find_all(exp.Union, bfs=False):
        left, right = union.left, union.right
        if not union.args.get("distinct") or union.args.get("by_name") or not (plain(left) and plain(right)):
            continue
        assert isinstance(left, exp.Select) and isinstance(right, exp.Select)
        shared = [part for part in where_conjuncts(left) if part in where_conjuncts(right)]
        alternatives = [conjunction(p.copy() for p in where_conjuncts(side) if p not in shared) for side in (left, right)]
        if not alike_but_for_where(left, right) or any(part is None for part in alternatives):
            continue
        tables = {column.table for part in alternatives if part is not None for column in part.find_all(exp.Column)}
        if len(tables & set(facts.sources(left))) < 2:
            continue
        return _merged(query, union, left, shared, [part for part in alternatives if part is not None])
    return None


def _merged(
    query: exp.Query, union: exp.Union, left: exp.Select, shared: list[exp.Expr], alternatives: list[exp.Expr]
) -> exp.Query:
    merged = left.copy()
    either = disjunction(alternatives)
    set_where(merged, [*(part.copy() for part in shared), *([either] if either is not None else [])])
    merged.set("distinct", exp.Distinct())
    for clause in ("with_", "order", "limit", "offset"):
        merged.set(clause, union.args.get(clause))
    if union is query:
        return merged
    union.replace(merged)
    return query
