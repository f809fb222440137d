"""Reads a table once for each aggregate that differs only in its filter.

Cost: the table, or the same join, is scanned as often as there are numbers in the answer.
Why: a report has a box for each bucket, and each box began as a query of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import plain
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.correlation import scalar_subqueries
from querywright.sql.facts import Facts
from querywright.sql.predicates import set_where, where_conjuncts
from querywright.sql.trees import printed

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("consolidate_scalar_subqueries",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Scalar subqueries or derived tables of one block that each aggregate the same tables to one row."""
    groups: dict[tuple[object, ...], list[tuple[exp.Expr, exp.Select]]] = defaultdict(list)
    for node, body in (*scalar_subqueries(facts), *_derived(facts)):
        values = [projection.unalias() for projection in body.expressions]
        if body.args.get("group") is None and all(value.find(exp.AggFunc) for value in values) and body.args.get("from_"):
            tables = tuple(sorted(source.node.name for source in facts.sources(body).values()))
            if all(tables) and not facts.correlated_columns(body):
                groups[(id(node.find_ancestor(exp.Select)), *tables)].append((node, body))
    for (_, *read), found in groups.items():
        if len(found) > 1 and len({printed(body, facts.dialect) for _, body in found}) > 1:
            yield Occurrence(found[0][0], f"{len(found)} aggregates each read {', '.join(map(str, read))} for themselves")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A scalar subquery for each of several aggregates with FILTER in a block without GROUP BY."""
    for select in facts.selects():
        filtered = [projection.unalias() for projection in select.expressions]
        bare = select.copy()
        bare.set("expressions", [])
        if len(filtered) < 2 or not plain(bare) or not all(isinstance(value, exp.Filter) for value in filtered):
            continue
        if facts.correlated_columns(select) or isinstance(select.parent, exp.SetOperation):
            continue
        for value in filtered:
            one = select.copy()
            one.set("expressions", [value.this.copy()])
            set_where(one, [*where_conjuncts(one), value.expression.this.copy()])
            value.replace(exp.Subquery(this=one))
        for clause in ("from_", "joins", "where"):
            select.set(clause, None)
        return query
    return None


def _derived(facts: Facts) -> Iterator[tuple[exp.Subquery, exp.Select]]:
    for subquery in facts.tree.find_all(exp.Subquery, bfs=False):
        body = subquery.unnest()
        if isinstance(subquery.parent, (exp.From, exp.Join)) and isinstance(body, exp.Select):
            yield subquery, body
