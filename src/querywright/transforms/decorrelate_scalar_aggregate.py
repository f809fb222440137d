"""Computes a correlated aggregate once per key instead of once per outer row.

What: a subquery ``(SELECT agg(x) FROM t WHERE t.k = outer.k)`` becomes a join with ``(SELECT k, agg(x) FROM t GROUP BY k)``.
    Subqueries of one block that differ only in their local filters share one grouped table, their filters become CASE. The join
    is inner where WHERE drops rows without a match anyway, LEFT otherwise.
When: the subquery runs once per outer row without an index on the key; several subqueries scan the same table. Unbounded
    on SQLite, PostgreSQL and MariaDB without an index. DuckDB decorrelates by itself: measured 0.4x to 2.2x there, so let timing
    decide. It loses where few outer rows meet a good index.
Sound: correlation is by equality of deterministic expressions of types that GROUP BY and ``=`` compare alike, so at most one
    group matches an outer row and no row is duplicated. A NULL key matches no group, as it matched no row. No matching group
    gives NULL, as SUM, AVG, MIN and MAX of no rows do; COUNT is wrapped in COALESCE(…, 0). Below a GROUP BY of the outer block
    the result joins the grouping columns, which the correlating columns already determine. Expressions that may fail on rows
    that were not read before block it.
Source: Kim, "On optimizing an SQL-like nested query", 1982; the count bug: Ganski and Wong, 1987; Galindo-Legaria, Joshi, 2001.
Example:
    >>> show(
    ...     "SELECT u.id, (SELECT COUNT(*) FROM orders AS o WHERE o.user_id = u.id) AS n FROM users AS u",
    ...     users="id INT", orders="user_id INT",
    ... )
    SELECT u.id AS id, COALESCE(orders_by_user_id.count_rows, 0) AS n FROM users AS u LEFT JOIN (SELECT o.user_id AS user_id,
    COUNT(*) AS count_rows FROM orders AS o GROUP BY o.user_id) AS orders_by_user_id ON orders_by_user_id.user_id = u.id
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import grouped, one_group_matches
from querywright.sql.facts import Facts
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import column_key, null_rejected_columns, unwrap, where_conjuncts
from querywright.transforms._derived_columns import DerivedColumns
from querywright.transforms._joined_lookup import join_lookup, joinable
from querywright.transforms._scalar_aggregates import ScalarAggregate, call_stem, conditional, counts, scalar_aggregates
from querywright.transforms._shared_subqueries import shared_body, signature
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "decorrelate"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


@dataclass(frozen=True)
class Lookup(Site):
    """Subqueries of one block that one grouped derived table answers."""

    members: tuple[ScalarAggregate, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Lookup | Blocked]:
    """Correlated scalar aggregates, those that can share a derived table as one site."""
    shared: dict[tuple[int, str], list[ScalarAggregate]] = {}
    for found in scalar_aggregates(facts):
        if isinstance(found, Blocked):
            yield found
        elif obstacle := _obstacle(found, facts):
            yield Blocked(found.subquery, obstacle)
        else:
            shared.setdefault((id(found.outer), signature(found, facts)), []).append(found)
    for members in shared.values():
        yield Lookup(members[0].subquery, tuple(members))


def _obstacle(found: ScalarAggregate, facts: Facts) -> str | None:
    keys = found.correlation.keys
    if found.correlation.ranges or not keys:
        return "the subquery must depend on the outer block by equality"
    if not all(one_group_matches(key.inner, key.outer) for key in keys):
        return "grouping and comparing must agree: the types of the compared columns are unknown or convert"
    if not joinable(found.outer):
        return "the outer block mixes commas with RIGHT or FULL joins"
    if not _needs_grouping(found):
        return None
    group = found.outer.args.get("group")
    if group is None or has_grouping_sets(found.outer):
        return "the outer block aggregates without GROUP BY or with grouping sets"
    listed = {column_key(bare) for node in group.expressions if isinstance(bare := unwrap(node), exp.Column)}
    outer_sides = [*(key.outer for key in keys), *found.correlation.outside]
    if not {column_key(column) for side in outer_sides for column in side.find_all(exp.Column)} <= listed:
        return "the outer block groups by something else than the correlating columns"
    return None


def _needs_grouping(found: ScalarAggregate) -> bool:
    return found.clause != "where" and not found.within_aggregate and grouped(found.outer)


def rewrite(site: Lookup, facts: Facts) -> exp.Query:
    """Build the grouped table, join it, and put its columns where the subqueries stood."""
    first = site.members[0]
    outer, related = first.outer, first.correlation
    stem = f"{next(iter(facts.sources(first.body).values())).node.name or 'rows'}_by_{_stem(related.keys[0].inner)}"
    alias = facts.fresh_name(stem)
    columns = DerivedColumns(alias, facts.dialect)
    inner_keys = [key.inner.copy() for key in related.keys]
    on: list[exp.Expr] = [
        exp.EQ(this=columns.reference(inner, _stem(inner)), expression=key.outer.copy())
        for inner, key in zip(inner_keys, related.keys, strict=True)
    ]
    on += [predicate.copy() for predicate in related.outside]
    derived, remainders = shared_body(site.members, facts)
    values: list[exp.Expr] = []
    for member, remainder in zip(site.members, remainders, strict=True):
        names = dict(zip(facts.sources(member.body), facts.sources(first.body), strict=True))
        calls = {id(call): member.renamed(call, names, facts) for call in member.calls}

        def column_of(call: exp.Expr, calls: dict[int, exp.Expr] = calls, own: list[exp.Expr] = remainder) -> exp.Expr:
            column = columns.reference(conditional(calls[id(call)], own), call_stem(call))
            return exp.Coalesce(this=column, expressions=[exp.Literal.number(0)]) if counts(call) else column

        value = member.evaluated_by(column_of)
        values += [value] if _needs_grouping(member) else []
        member.subquery.replace(value)
    _group_by_too(outer, [column for value in values for column in value.find_all(exp.Column) if column.table == alias])
    derived.set("group", exp.Group(expressions=[inner.copy() for inner in inner_keys]))
    inner_join = any(table_alias == alias for p in where_conjuncts(outer) for table_alias, _ in null_rejected_columns(p))
    join_lookup(facts, outer, columns.table(derived), on, inner=inner_join)
    return facts.tree


def _group_by_too(outer: exp.Select, columns: list[exp.Column]) -> None:
    """Add columns to the GROUP BY; the grouping already determines them."""
    group = outer.args.get("group")
    if group is not None:
        for column in dict.fromkeys(columns):
            group.append("expressions", column.copy())


def _stem(node: exp.Expr) -> str:
    bare = unwrap(node)
    return bare.name if isinstance(bare, exp.Column) else "match_key"
