"""Turns a LEFT JOIN that looks up one row into a scalar subquery per column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from querywright.antipatterns._blocks import computes_across_rows, fills_earlier_sources
from querywright.sql.facts import Facts, Source
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import conjunction, conjuncts, equality_identifies, set_where, unwrap, where_conjuncts

_NULL_OF_NOTHING = (exp.Max, exp.Min, exp.Sum, exp.Avg)
"""Aggregates that give NULL where there are no rows, as a LEFT JOIN does."""


def look_up_by_subqueries(facts: Facts, fewest: int) -> exp.Query | None:
    """Write a scalar subquery for each column of a LEFT JOIN that finds one row at most; at least ``fewest`` columns are read."""
    for select in facts.selects():
        row_by_row = not select.args.get("group") and not select.args.get("distinct") and not computes_across_rows(select)
        if not row_by_row or fills_earlier_sources(select):
            continue
        for source in facts.sources(select).values():
            uses = _uses(source, select, facts)
            distinct = {column.name for column in uses}
            if not uses or len(distinct) < fewest or source.join is None or not _finds_one_row(source, facts):
                continue
            for column in uses:
                lookup = _aggregate(source, column, facts) or _lookup(source, column)
                column.replace(exp.Subquery(this=lookup))
            select.set("joins", [join for join in select.args["joins"] if join is not source.join])
            return facts.tree
    return None


def _uses(source: Source, select: exp.Select, facts: Facts) -> list[exp.Column]:
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
    fixed = [own.name for own, other in _equated(source) if equality_identifies(own, other)]
    return bool(fixed) and facts.at_most_one(source, fixed) is not None


def _equated(source: Source) -> Iterator[tuple[exp.Column, exp.Expr]]:
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
    value, pairs = outputs[column.name], list(_equated(source))
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


def _only_grouped(select: exp.Select) -> bool:
    clauses = ("having", "qualify", "order", "limit", "offset", "distinct", "with_")
    return select.args.get("group") is not None and not has_grouping_sets(select) and not any(map(select.args.get, clauses))
