"""Finds the row with the largest value of each group by computing that value from the same table again.

Cost: the table is read and aggregated a second time, or once for each row.
Why: MAX comes to mind before a window function, and it gives the value but not the row.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of
from querywright.antipatterns._ranked_rows import ranked_rows
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, unwrap

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("aggregate_subquery_to_window", "decorrelate_scalar_aggregate")


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """``t.x = (SELECT MAX(x) FROM t WHERE same group)``, and joins of a table with its own maxima per group."""
    for select in facts.selects():
        for predicate in (part for condition in conditions_of(select) for part in conjuncts(condition)):
            bare = unwrap(predicate)
            for own, other in ((bare.this, bare.expression), (bare.expression, bare.this)) if isinstance(bare, exp.EQ) else ():
                source = facts.sources(select).get(own.table) if isinstance(own, exp.Column) else None
                extreme = _extreme(unwrap(other), select, facts)
                if source is not None and source.table is not None and extreme == (source.table.name, own.name):
                    yield Occurrence(predicate, f"{source.table.name} is read again for its extreme {own.name}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A correlated MAX or MIN for ``RANK() OVER (PARTITION BY … ORDER BY …) = 1``."""
    for rows in ranked_rows(facts):
        extreme = (exp.Max if rows.descending else exp.Min)(this=rows.value.copy())
        rows.keep(exp.EQ(this=rows.value.copy(), expression=exp.Subquery(this=rows.reread(extreme, facts))))
        return query
    return None


def _extreme(node: exp.Expr, select: exp.Select, facts: Facts) -> tuple[str, str] | None:
    """(table, column) of which ``node`` is the maximum or minimum of a group."""
    if isinstance(node, exp.Column):
        source = facts.sources(select).get(node.table)
        body = source.query if source is not None and not source.common else None
        grouped = isinstance(body, exp.Select) and body.args.get("group") is not None
        value = next((p.unalias() for p in body.selects if p.alias_or_name == node.name), None) if body is not None else None
    else:
        inner = node.unnest() if isinstance(node, exp.Subquery) else None
        body = inner if isinstance(inner, exp.Query) else None
        grouped = isinstance(body, exp.Select) and bool(facts.correlated_columns(body))
        value = body.expressions[0].unalias() if grouped and isinstance(body, exp.Select) else None
    if not grouped or not isinstance(body, exp.Select) or not isinstance(value, (exp.Max, exp.Min)):
        return None
    column = value.this
    origin = facts.sources(body).get(column.table) if isinstance(column, exp.Column) else None
    return (origin.table.name, column.name) if origin is not None and origin.table is not None else None
