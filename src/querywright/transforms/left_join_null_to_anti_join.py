"""Turns a LEFT JOIN that only serves to find rows without a match into NOT EXISTS or NOT IN.

What: ``FROM a LEFT JOIN b ON b.k = a.k WHERE b.k IS NULL`` becomes ``FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k =
    a.k)``; on SQLite without an index on ``b.k`` it becomes ``a.k IS NULL OR NOT a.k IN (SELECT b.k FROM b
    WHERE NOT b.k IS NULL)``.
When: the join gives all matches of a row before they are dropped, while NOT EXISTS stops at the first. SQLite 1.1x to 4.6x,
    with NOT IN 2.6x, since it needs no index over the columns read; PostgreSQL 3x. DuckDB loses.
Sound: the tested column is never NULL in a row that matches: it is NOT NULL, or the ON rejects NULLs in it. Rows without a match
    pass once, as they did. No other column of the table is used. NOT IN leaves NULLs out of the list and lets an outer NULL,
    which has no partner, pass by name; its columns are of the same kind.
Source: SQL:2016 7.10 <joined table>; measured in this project.
Example:
    >>> show(
    ...     "SELECT a.id FROM a LEFT JOIN b ON b.k = a.id AND b.x > 1 WHERE b.k IS NULL",
    ...     a="id INT",
    ...     b="k INT PRIMARY KEY, x INT",
    ... )
    SELECT a.id AS id FROM a AS a WHERE NOT EXISTS(SELECT 1 AS "1" FROM b AS b WHERE b.k = a.id AND b.x > 1)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import membership_compares_alike, one_group_matches
from querywright.sql.facts import NONE_NEEDED, Facts, Premises, Source
from querywright.sql.order import order_sensitive
from querywright.sql.predicates import (
    column_key,
    conjuncts,
    equated_columns,
    null_rejected_columns,
    set_where,
    unwrap,
    where_conjuncts,
)
from querywright.sql.pruning import reads_whole_rows
from querywright.transforms._from_clause import aliases, self_contained
from querywright.transforms.eliminate_left_join import plain_left_join
from querywright.transforms.protocol import Blocked, Family, Site
from querywright.values import Premise

FAMILY: Family = "flatten_subquery"
ENGINES = ("sqlite", "postgres")


@dataclass(frozen=True)
class Unmatched(Site):
    """``node`` is the SELECT; ``tests`` are its IS NULL conjuncts; ``key`` (inner, outer) where NOT IN shall be written."""

    source: Source
    tests: tuple[exp.Expr, ...]
    key: tuple[exp.Column, exp.Column] | None
    outer_not_null: bool


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """LEFT JOINs of which WHERE keeps the rows without a match."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if any(join.side in ("RIGHT", "FULL") or join.method for join in joins) or reads_whole_rows(select):
            continue
        for source in facts.sources(select).values():
            if source.join is not None and plain_left_join(source.join):
                found = _examine(select, source, facts)
                if found is not None:
                    yield found


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Drop the join and test for the absence of a match."""
    assert isinstance(site, Unmatched) and isinstance(site.node, exp.Select) and site.source.join is not None
    select, join = site.node, site.source.join
    on = [predicate.copy() for predicate in conjuncts(join.args["on"])]
    body = exp.Select(from_=exp.From(this=site.source.node.copy()))
    if site.key is None:
        body.set("expressions", [exp.Literal.number(1)])
        set_where(body, on)
        test: exp.Expr = exp.Not(this=exp.Exists(this=body))
    else:
        inner, outer = (column.copy() for column in site.key)
        body.set("expressions", [exp.alias_(inner, inner.name)])
        present = exp.Not(this=exp.Is(this=inner.copy(), expression=exp.Null()))
        set_where(body, [*(part for part in on if not _equates(part, site.key)), present])
        test = exp.Not(this=exp.In(this=outer, query=exp.Subquery(this=body)))
        if not site.outer_not_null:
            test = exp.Paren(this=exp.Or(this=exp.Is(this=outer.copy(), expression=exp.Null()), expression=test))
    kept = [part for part in where_conjuncts(select) if not any(part is other for other in site.tests)]
    join.pop()
    set_where(select, [*kept, test])
    return facts.tree


def _examine(select: exp.Select, source: Source, facts: Facts) -> Site | Blocked | None:
    assert source.join is not None
    tests = tuple(part for part in where_conjuncts(select) if (column := _tested(part)) and column.table == source.alias)
    within = {id(column) for part in (source.join, *tests) for column in part.find_all(exp.Column)}
    read = [c for c in select.find_all(exp.Column) if c.table == source.alias and facts.home(c) in (select, None)]
    if not tests or any(id(column) not in within for column in read):
        return None
    on: exp.Expr = source.join.args["on"]
    proofs = [_never_null(test, source, on, facts) for test in tests]
    if all(proof is None for proof in proofs):
        return Blocked(select, "the tested column may be NULL in a row that matches")
    if any(proof is None for proof in proofs):
        return None
    if not facts.deterministic(on) or order_sensitive(select):
        return Blocked(select, "the join must not depend on chance, nor the block on the order of rows")
    premises = NONE_NEEDED.union(*(proof for proof in proofs if proof is not None))
    key = _key(select, source, facts) if facts.dialect == "sqlite" and not _looked_up(source, on) else None
    outer = facts.not_null(key[1], select) if key is not None else None
    return Unmatched(select, source, tests, key, outer is not None, premises=premises | (outer or NONE_NEEDED))


def _tested(predicate: exp.Expr) -> exp.Column | None:
    bare = unwrap(predicate)
    column = unwrap(bare.this) if isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null) else None
    return column if isinstance(column, exp.Column) else None


def _never_null(test: exp.Expr, source: Source, on: exp.Expr, facts: Facts) -> Premises | None:
    """Premises under which the tested column holds no NULL in a row that matches."""
    column = _tested(test)
    assert column is not None
    if column_key(column) in null_rejected_columns(on):
        return NONE_NEEDED
    if source.query is not None:
        return facts.not_null_output(source.query, column.name)
    stored = source.table.column(column.name) if source.table is not None else None
    if source.table is None or stored is None or stored.not_null is None:
        return None
    return frozenset([Premise("not_null", source.table.name, (stored.name,), stored.not_null)])


def _looked_up(source: Source, on: exp.Expr) -> bool:
    """Whether an index begins with a column that the ON equates."""
    if source.table is None:
        return False
    equated = {column.name for part in conjuncts(on) for column in equated_columns(part) or () if column.table == source.alias}
    return any(map(source.table.indexed, equated))


def _key(select: exp.Select, source: Source, facts: Facts) -> tuple[exp.Column, exp.Column] | None:
    """(inner, outer) where the ON is one equality of columns of a kind and filters of the joined table alone."""
    assert source.join is not None
    tying = [part for part in conjuncts(source.join.args["on"]) if aliases(part, select, facts) != {source.alias}]
    pair = equated_columns(tying[0]) if len(tying) == 1 else None
    contained = all(self_contained(part, select, facts) for part in conjuncts(source.join.args["on"]))
    if pair is None or not contained or {column.table for column in pair} == {source.alias} or not one_group_matches(*pair):
        return None
    key = pair if pair[0].table == source.alias else pair[::-1]
    return key if membership_compares_alike(tying[0], key[1], facts.dialect) else None


def _equates(predicate: exp.Expr, key: tuple[exp.Column, exp.Column]) -> bool:
    pair = equated_columns(predicate)
    return pair is not None and set(map(column_key, pair)) == set(map(column_key, key))
