"""Unites two queries that differ only in a filter on one table.

Cost: everything else, the same tables and joins, is read and computed twice.
Why: each case of the question became a query of its own.
Uncured: where the filters overlap, or rows repeat, merging the branches into one OR changes how often a row occurs, and
    where they do not, engines gain too little to be worth a rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import alike_but_for_where, plain, without_where
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjunction, disjuncts, set_where, where_conjuncts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ()


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """UNION and UNION ALL of blocks that are equal but for conditions on one and the same table."""
    for union in facts.tree.find_all(exp.Union, bfs=False):
        left, right = union.left, union.right
        if isinstance(left, exp.Union):
            left = left.right
        if not isinstance(left, exp.Select) or not isinstance(right, exp.Select) or not (plain(left) and plain(right)):
            continue
        if not alike_but_for_where(left, right):
            continue
        tables = [frozenset(column.table for column in part.find_all(exp.Column)) for part in _differences(left, right)]
        if tables and len(set(tables)) == 1 and len(tables[0]) == 1 and not _searching(left, right):
            yield Occurrence(union, f"both branches read {', '.join(facts.sources(left))}, each with its own filter")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """The UNION of two blocks for SELECT DISTINCT … WHERE p OR q."""
    for select in facts.selects():
        if select.args.get("distinct") is None or not plain(select, "distinct") or not facts.deterministic(select):
            continue
        for either in where_conjuncts(select):
            alternatives = disjuncts(either)
            tables = {column.table for column in either.find_all(exp.Column)}
            if len(alternatives) != 2 or len(tables) != 1 or either.find(exp.Query):
                continue
            others = [part for part in where_conjuncts(select) if part is not either]
            branches = [without_where(select) for _ in alternatives]
            for branch, alternative in zip(branches, alternatives, strict=True):
                branch.set("distinct", None)
                set_where(branch, [*(part.copy() for part in others), alternative.copy()])
            union = exp.Union(this=branches[0], expression=branches[1], distinct=True)
            if select is query:
                return union
            select.replace(union)
            return query
    return None


def _differences(left: exp.Select, right: exp.Select) -> list[exp.Expr]:
    """For each side the conjuncts of WHERE that the other side lacks, as one predicate."""
    sides = [(where_conjuncts(left), where_conjuncts(right)), (where_conjuncts(right), where_conjuncts(left))]
    own = [conjunction(part.copy() for part in mine if part not in theirs) for mine, theirs in sides]
    return [part for part in own if part is not None] if all(part is not None for part in own) else []


def _searching(left: exp.Select, right: exp.Select) -> bool:
    """Whether the branches differ in subqueries, which an OR would make slower."""
    return any(part.find(exp.Query) for part in _differences(left, right))
