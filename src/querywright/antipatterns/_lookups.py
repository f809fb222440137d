"""Turns a LEFT JOIN that looks up one row into a scalar subquery per column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from querywright.antipatterns._blocks import computes_across_rows, fills_earlier_sources
from querywright.sql.correlation import scalar_subqueries
from querywright.sql.facts import Facts, Source
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import conjunction, conjuncts, equality_identifies, set_where, unwrap, where_conjuncts

_NULL_OF_NOTHING = (exp.Max, exp.Min, exp.Sum, exp.Avg)
"""Aggregates that give NULL where there are no rows, as a LEFT JOIN does."""


def first_values(facts: Facts) -> Iterator[tuple[exp.Subquery, exp.Select, exp.Expr]]:
    """Correlated scalar subqueries with ORDER BY … LIMIT 1, their bodies, and what these are sorted by first."""
    for subquery, body in scalar_subqueries(facts):
        order, limit = body.args.get("order"), body.args.get("limit")
        if order is None or limit is None or limit.expression != exp.Literal.number(1) or body.args.get("offset"):
            continue
        if facts.correlated_columns(body):
            yield subquery, body, unwrap(order.expressions[0].this)


def look_up_by_subqueries(facts: Facts, fewest: int, *, sorting: bool = False) -> exp.Query | None:
    """Write a scalar subquery for each column of a LEFT JOIN that finds one row at most; at least ``fewest`` columns are read.

    With ``sorting``, one of them or more is an extreme, which is looked for by ORDER BY … LIMIT 1.
    """
    for select in facts.selects():
        row_by_row = not select.args.get("group") and not select.args.get("distinct") and not computes_across_rows(select)
        if not row_by_row or fills_earlier_sources(select):
            continue
        for source in facts.sources(select).values():
            uses = uses_of(source, select, facts)
            distinct = {column.name for column in uses}
            if not uses or len(distinct) < fewest or source.join is None or not _finds_one_row(source, facts):
                continue
            if sorting and not any(_sorted(source, column, facts) for column in uses):
                continue
            for column in uses:
                lookup = (_sorted(source, column, facts) if sorting else None) or _aggregate(source, column, facts)
                column.replace(exp.Subquery(this=lookup or _lookup(source, column)))
            select.set("joins", [join for join in select.args["joins"] if join is not source.join])
            return facts.tree
    return None


def uses_of(source: Source, select: exp.Select, facts: Facts) -> list[exp.Column]:
    """Columns of ``source`` outside of its own ON; [] where a nested query or another join reads it too."""
    inside = {id(node) for node in source.join.walk()} if source.join is not None else set()
    uses = [column for column in facts.references(select, source.alias) if id(column) not in inside]
    movable = all(use.parent_select is select and use.find_ancestor(exp.Join, exp.Select) is select for use in uses)
    return uses if movable else []


def _finds_one_row(source: Source, facts: Facts) -> bool:
    if source.join is None or source.join.side != "LEFT" or (source.table is None and source.query is None):
        return False
    if isinstance(source.node, exp.Subquery) and source.query is not None and facts.correlated_columns(source.query):
        return False
    return meets_one_row(source, facts)


def meets_one_row(source: Source, facts: Facts) -> bool:
    """Whether the equalities in the ON of ``source`` find one row of it at most."""
    fixed = [own.name for own, other in equated(source) if equality_identifies(own, other)]
    return bool(fixed) and facts.at_most_one(source, fixed) is not None


def equated(source: Source) -> Iterator[tuple[exp.Column, exp.Expr]]:
    """(column of ``source``, expression over other sources) of each equality in its ON."""
    for condition in conjuncts(source.join.args.get("on") if source.join is not None else None):
        bare = unwrap(condition)
        for own, other in ((bare.this, bare.expression), (bare.expression, bare.this)) if isinstance(bare, exp.EQ) else ():
            mentioned = {column.table for column in other.find_all(exp.Column)}
            if isinstance(own, exp.Column) and own.table == source.alias and source.alias not in mentioned:
                yield own, other


def _lookup(source: Source, column: exp.Column) -> exp.Select:
    """``SELECT column FROM source WHERE on``."""
    assert source.join is not None
    select = exp.Select(expressions=[column.copy()], from_=exp.From(this=source.node.copy()))
    set_where(select, [source.join.args["on"].copy()])
    return select


def _aggregate(source: Source, column: exp.Column, facts: Facts) -> exp.Select | None:
    """``SELECT max(x) FROM t WHERE t.k = outer`` for a derived table that groups by ``k``; None for any other source."""
    body = source.query
    if not isinstance(body, exp.Select) or not isinstance(source.node, exp.Subquery) or not _only_grouped(body):
        return None
    outputs = {projection.alias_or_name: projection.unalias() for projection in body.expressions}
    value, pairs = outputs[column.name], list(equated(source))
    conditions = conjuncts(source.join.args["on"] if source.join is not None else None)
    keys: Sequence[exp.Expr] = [outputs[own.name] for own, _ in pairs]
    captured = {node.table for _, other in pairs for node in other.find_all(exp.Column)} & set(facts.sources(body))
    if not isinstance(value, _NULL_OF_NOTHING) or captured or len(conditions) != len(pairs):
        return None
    if len(keys) != len(set(keys)) or set(keys) != set(body.args["group"].expressions):
        return None
    inner = body.copy()
    inner.set("group", None)
    inner.set("expressions", [exp.alias_(value.copy(), column.name)])
    fixed = [exp.EQ(this=key.copy(), expression=other.copy()) for key, (_, other) in zip(keys, pairs, strict=True)]
    condition = conjunction([*fixed, *where_conjuncts(inner)])
    inner.set("where", exp.Where(this=condition))
    return inner


def _sorted(source: Source, column: exp.Column, facts: Facts) -> exp.Select | None:
    """``SELECT x FROM t WHERE t.k = outer AND NOT x IS NULL ORDER BY x DESC LIMIT 1`` where `_aggregate` says ``MAX(x)``."""
    inner = _aggregate(source, column, facts)
    extreme = inner.expressions[0].unalias() if inner is not None else None
    if inner is None or not isinstance(extreme, (exp.Max, exp.Min)) or not isinstance(extreme.this, exp.Column):
        return None
    value = extreme.this
    inner.set("expressions", [exp.alias_(value.copy(), column.name)])
    set_where(inner, [*where_conjuncts(inner), exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))])
    inner.set("order", exp.Order(expressions=[exp.Ordered(this=value.copy(), desc=isinstance(extreme, exp.Max))]))
    inner.set("limit", exp.Limit(expression=exp.Literal.number(1)))
    return inner


def _only_grouped(select: exp.Select) -> bool:
    clauses = ("having", "qualify", "order", "limit", "offset", "distinct", "with_")
    return select.args.get("group") is not None and not has_grouping_sets(select) and not any(map(select.args.get, clauses))
