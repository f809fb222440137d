"""Computes the first row or group per key once instead of sorting a subquery for every outer row.

What: ``(SELECT x FROM t WHERE t.k = outer.k ORDER BY y DESC LIMIT 1)`` becomes a LEFT JOIN with the rows of ``t`` numbered per
    key in that order, on the key and the number 1. For a subquery in the ON of an inner join the rows are joined,
    by an inner join, right before it. A subquery that groups its rows takes the first group: the groups are made per key as well.
When: many outer rows look up their latest or largest row and no index serves the order; it loses where few outer rows meet a
    good index. The favorite of each of 842 authors: 1.5x on DuckDB, 59x on SQLite.
Sound: ROW_NUMBER is 1 for exactly one row of each key, so no outer row is duplicated or lost; without a match the value is NULL
    either way, and a comparison in ON is not true. Keys, NULLs and types as in decorrelate_scalar_aggregate. Rows that tie in the
    ORDER BY must agree in ``x``, which keys have to prove: otherwise the engine may pick another row than before.
Source: Galindo-Legaria and Joshi, "Orthogonal optimization of subqueries and aggregation", 2001.
Example:
    >>> show(
    ...     "SELECT u.id, (SELECT o.total FROM orders AS o WHERE o.user_id = u.id ORDER BY o.id DESC LIMIT 1) AS latest "
    ...     "FROM users AS u",
    ...     users="id INT", orders="id INT PRIMARY KEY, user_id INT, total INT",
    ... )
    SELECT u.id AS id, orders_by_user_id.total AS latest FROM users AS u LEFT JOIN (SELECT o.user_id AS match_1, o.total AS total,
    ROW_NUMBER() OVER (PARTITION BY o.user_id ORDER BY o.id DESC) AS position FROM orders AS o) AS orders_by_user_id ON
    orders_by_user_id.match_1 = u.id AND orders_by_user_id.position = 1
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import Correlation, grouped, one_group_matches, place
from querywright.sql.facts import Facts
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.order import order_sensitive_calls
from querywright.sql.predicates import conjunction, conjuncts, set_where, unwrap
from querywright.transforms._first_rows import (
    TIES,
    determined_by_order,
    first_rows,
    meaning,
    obstacle_to_numbering,
    obstacle_to_place,
)
from querywright.transforms._joined_lookup import comma, join_lookup
from querywright.transforms._key_joins import inner
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "decorrelate"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_COMPARISONS = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


@dataclass(frozen=True)
class TopRow(Site):
    """A subquery that takes the first row of its key."""

    body: exp.Select
    correlation: Correlation


def find(query: exp.Query, facts: Facts) -> Iterator[TopRow | Blocked]:
    """Correlated subqueries with ORDER BY and LIMIT 1 that are used as a value."""
    for subquery, body, related in first_rows(facts):
        obstacle = related if isinstance(related, str) else _obstacle(subquery, body, related, facts)
        if obstacle or isinstance(related, str):
            yield Blocked(subquery, obstacle or "")
            continue
        premises = determined_by_order(body, facts)
        if premises is None:
            yield Blocked(subquery, TIES)
        else:
            yield TopRow(subquery, body, related, premises=premises)


def _obstacle(subquery: exp.Subquery, body: exp.Select, related: Correlation, facts: Facts) -> str | None:
    if related.ranges or not related.keys:
        return "the subquery must depend on the outer block by equality"
    if not all(one_group_matches(key.inner, key.outer) for key in related.keys):
        return "grouping and comparing must agree: the types of the compared columns are unknown or convert"
    obstacle = obstacle_to_numbering(body, related, facts, "group", "having") or _obstacle_to_groups(body, facts)
    if obstacle is not None:
        return obstacle
    if place(subquery, related.outer)[0] == "joins" and _join(subquery, related, facts) is not None:
        return None
    return obstacle_to_place(subquery, related)


def _obstacle_to_groups(body: exp.Select, facts: Facts) -> str | None:
    """Why the groups of ``body`` cannot be made for all keys at once; None where they can, or where it does not group."""
    group = body.args.get("group")
    if group is None:
        return "the subquery has HAVING or aggregates without GROUP BY" if grouped(body) else None
    if has_grouping_sets(body) or order_sensitive_calls(body) or not all(node.find(exp.Column) for node in group.expressions):
        return "the groups depend on the order of rows, on positions or on grouping sets"
    texts = {unwrap(node).sql(facts.dialect) for node in group.expressions}

    def fixed(node: exp.Expr) -> bool:
        return isinstance(node, exp.AggFunc) or node.sql(facts.dialect) in texts

    read = [*(meaning(ordered.this, body) for ordered in body.args["order"].expressions), body.expressions[0].unalias()]
    read += [body.args["having"]] if body.args.get("having") is not None else []
    if any(isinstance(node, exp.Column) and not fixed(node) for root in read for node in root.walk(prune=fixed)):
        return "the value or its order is not the same for all rows of a group"
    return None


def _join(subquery: exp.Subquery, related: Correlation, facts: Facts) -> exp.Join | None:
    """The join whose ON compares with the value, where all joins are inner and the key is known before it."""
    sources = facts.sources(related.outer)
    joins: list[exp.Join] = related.outer.args.get("joins") or []
    join = next((join for join in joins if any(node is subquery for node in join.walk())), None)
    if join is None or related.outer.args.get("laterals") or not all(inner(other) and not comma(other) for other in joins):
        return None
    compared = any(
        isinstance(bare := unwrap(part), _COMPARISONS) and any(unwrap(side) is subquery for side in (bare.this, bare.expression))
        for part in conjuncts(join.args.get("on"))
    )
    before = list(sources)[: list(sources).index(join.alias_or_name)]
    tied = [*(key.outer for key in related.keys), *related.outside]
    known = all(column.table in before for part in tied for column in part.find_all(exp.Column))
    return join if compared and known else None


def rewrite(site: TopRow, facts: Facts) -> exp.Query:
    """Number the rows of each key, join the first."""
    body, related = site.body, site.correlation
    value = body.expressions[0].unalias()
    first = next(iter(facts.sources(body).values()))
    key = unwrap(related.keys[0].inner)
    alias = facts.fresh_name(f"{first.node.name or 'rows'}_by_{key.name if isinstance(key, exp.Column) else 'key'}")
    name = value.name if isinstance(value, exp.Column) and value.name not in ("position", "match_1") else "value"
    order = exp.Order(
        expressions=[
            exp.Ordered(**{**ordered.args, "this": meaning(ordered.this, body).copy()})
            for ordered in body.args["order"].expressions
        ]
    )
    keys = [key.inner.copy() for key in related.keys]
    number = exp.Window(this=exp.RowNumber(), partition_by=[inner.copy() for inner in keys], order=order)
    derived = exp.Select(
        expressions=[
            *(exp.alias_(inner, f"match_{place}") for place, inner in enumerate(keys, 1)),
            exp.alias_(value.copy(), name),
            exp.alias_(number, "position"),
        ],
        from_=body.args["from_"].copy(),
        joins=[join.copy() for join in body.args.get("joins") or []],
    )
    set_where(derived, [predicate.copy() for predicate in related.local])
    if body.args.get("group") is not None:
        own = [key for key in keys if key not in body.args["group"].expressions]
        derived.set("group", exp.Group(expressions=[node.copy() for node in (*own, *body.args["group"].expressions)]))
        derived.set("having", body.args["having"].copy() if body.args.get("having") is not None else None)
    on: list[exp.Expr] = [
        exp.EQ(this=exp.column(f"match_{place}", alias), expression=key.outer.copy()) for place, key in enumerate(related.keys, 1)
    ]
    on += [predicate.copy() for predicate in related.outside]
    on.append(exp.EQ(this=exp.column("position", alias), expression=exp.Literal.number(1)))
    assert isinstance(site.node, exp.Subquery)
    join = _join(site.node, related, facts) if place(site.node, related.outer)[0] == "joins" else None
    site.node.replace(exp.column(name, alias))
    subquery = exp.Subquery(this=derived, alias=exp.TableAlias(this=exp.to_identifier(alias)))
    if join is None:
        join_lookup(facts, related.outer, subquery, on, inner=False)
    else:
        joins: list[exp.Join] = related.outer.args["joins"]
        position = next(index for index, other in enumerate(joins) if other is join)
        related.outer.set("joins", [*joins[:position], exp.Join(this=subquery, on=conjunction(on)), *joins[position:]])
    return facts.tree
