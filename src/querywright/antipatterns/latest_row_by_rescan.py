"""Finds the row with the largest value of each group by computing that value from the same table again.

Cost: the table is read and aggregated a second time, or once for each row.
Why: MAX comes to mind before a window function, and it gives the value but not the row.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of, only_source, plain, reread
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import conjuncts, set_where, unwrap, where_conjuncts

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
    for select in facts.selects():
        for source in facts.sources(select).values():
            body = source.query if isinstance(source.node, exp.Subquery) and not source.nullable else None
            table = only_source(body, facts) if isinstance(body, exp.Select) else None
            if not isinstance(body, exp.Select) or table is None or table.table is None or len(body.expressions) < 2:
                continue
            ranking = next((p for p in body.expressions if isinstance(p.unalias(), exp.Window)), None)
            first = _first_only(select, source.alias, ranking.alias_or_name) if ranking is not None else None
            bare = body.copy()
            bare.set("expressions", [p.copy() for p in body.expressions if p is not ranking])
            if ranking is None or first is None or not plain(bare) or any(p.find(exp.Query) for p in where_conjuncts(body)):
                continue
            extreme = _ranked(ranking.unalias(), table, body, facts)
            if extreme is None:
                continue
            body.set("expressions", [projection for projection in body.expressions if projection is not ranking])
            set_where(body, [*where_conjuncts(body), extreme])
            set_where(select, [part for part in where_conjuncts(select) if part is not first])
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


def _first_only(select: exp.Select, alias: str, name: str) -> exp.Expr | None:
    """The conjunct ``alias.name = 1``, where nothing else mentions that column."""
    column = exp.column(name, alias)
    wanted = exp.EQ(this=column, expression=exp.Literal.number(1))
    uses = [node for node in select.find_all(exp.Column) if node == column]
    return next((part for part in where_conjuncts(select) if part == wanted), None) if len(uses) == 1 else None


def _ranked(window: exp.Expr, source: Source, body: exp.Select, facts: Facts) -> exp.Expr | None:
    """The condition that is true exactly for the rows that ``window`` ranks first."""
    order, groups = window.args.get("order"), window.args.get("partition_by") or []
    keys = order.expressions if order is not None else []
    if not isinstance(window.this, exp.Rank) or len(keys) != 1 or not groups:
        return None
    columns = [keys[0].this, *groups]
    if not all(isinstance(column, exp.Column) and facts.not_null(column, body) is not None for column in columns):
        return None
    value = (exp.Max if keys[0].args.get("desc") else exp.Min)(this=columns[0].copy())
    links = [exp.EQ(this=exp.column(group.name), expression=group.copy()) for group in groups]
    again = reread(source, body, value, links, facts)
    return exp.EQ(this=columns[0].copy(), expression=exp.Subquery(this=again))
