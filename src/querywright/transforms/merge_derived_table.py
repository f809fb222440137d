"""Merges a derived table, or a common table expression that is read once, into the block that reads it.

What: ``FROM (SELECT a.x + 1 AS y FROM a JOIN b … WHERE p) AS d JOIN c ON …`` becomes ``FROM a JOIN b … JOIN c ON … WHERE p``,
    with ``a.x + 1`` in place of ``d.y``.
When: the derived table only filters, joins and computes. Its tables can then be joined in any order with those outside, and
    other transforms see one block. Engines merge most of these by themselves, so this is an enabler above all.
Sound: the derived table has no DISTINCT, aggregate, window, LIMIT, set operation or random function, so each of its rows is one
    joined row of its tables. Where all joins are inner, they and the filters may be evaluated in any order. Beside outer joins
    only a derived table over one entry is merged, or the first of the FROM clause; on the NULL-filled side of a LEFT JOIN its
    filter joins the ON condition, and its columns must be plain ones, which are NULL where the join finds no row.
Source: view merging: Stonebraker, "Implementation of integrity constraints and views by query modification", SIGMOD 1975.
Example:
    >>> show("SELECT d.y FROM (SELECT x + 1 AS y, k FROM f WHERE x > 1) AS d JOIN g ON g.k = d.k", f="k INT, x INT", g="k INT")
    SELECT (f.x + 1) AS y FROM f AS f JOIN g AS g ON g.k = f.k WHERE f.x > 1
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import grouped, with_aliases
from querywright.sql.facts import Facts, Source
from querywright.sql.failures import may_fail
from querywright.sql.order import order_sensitive
from querywright.sql.predicates import conjunction, conjuncts, constant, set_where, unwrap, where_conjuncts
from querywright.transforms._from_clause import freely_joined, write_inner_joins
from querywright.transforms._key_joins import inner, inner_filters
from querywright.transforms._with_clauses import readings, remove_definition, self_contained
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "flatten_subquery"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_PLAIN_CLAUSES = {"expressions", "from_", "joins", "where", "kind", "hint", "operation_modifiers"}


@dataclass(frozen=True)
class Merging(Site):
    """``node`` is the block that reads ``source``, a derived table or ``cte``."""

    source: Source
    cte: exp.CTE | None


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """FROM entries that are mere selections, joins and computations."""
    ctes = {id(cte.this): cte for cte in query.find_all(exp.CTE)}
    for select in facts.selects():
        for source in facts.sources(select).values():
            body = source.query
            if not isinstance(body, exp.Select) or not _plain(body):
                continue
            cte = ctes.get(id(body)) if source.common else None
            if source.common and (cte is None or cte.args.get("materialized") or len(readings(cte, facts)) != 1):
                continue
            if _renames(source.node):
                continue
            obstacle = _obstacle(select, source, body, facts)
            yield Blocked(source.node, obstacle) if obstacle else Merging(select, source, cte)


def _plain(body: exp.Select) -> bool:
    used = {clause for clause, value in body.args.items() if value}
    return used <= _PLAIN_CLAUSES and "from_" in used and not grouped(body) and body.find(exp.Unnest, exp.Explode) is None


def _renames(node: exp.Expr) -> bool:
    alias = node.args.get("alias")
    return isinstance(alias, exp.TableAlias) and bool(alias.args.get("columns"))


def _obstacle(select: exp.Select, source: Source, body: exp.Select, facts: Facts) -> str | None:
    entries = facts.sources(body)
    projections = {projection.alias_or_name: projection.unalias() for projection in body.selects}
    used = [(column, projections.get(column.name)) for column in facts.references(select, source.alias)]
    computed = [value for _, value in used if value is not None and not isinstance(unwrap(value), exp.Column)]
    if any(value is None for _, value in used) or any(window.parent_select is body for window in body.find_all(exp.Window)):
        return "the derived table has windows, or columns without a name"
    if not facts.deterministic(body) or not self_contained(body, facts):
        return "the derived table must be deterministic and must not use columns of another block"
    if any(value.find(exp.Query) for value in computed) or any(may_fail(value, facts.dialect) for value in computed):
        return "the derived table computes a subquery or something that may fail on rows that it filters out"
    if any(value is not None and constant(value) and not isinstance(column.parent, exp.Alias) for column, value in used):
        return "a constant within an expression may have another type, and in GROUP BY it is the number of a column"
    if order_sensitive(select):
        return "the rows of the block depend on the order in which they arrive"
    if _all_inner(select, facts) and _all_inner(body, facts):
        return None
    single = len(entries) == 1
    later_fills = any(s.join is not None and s.join.side in ("RIGHT", "FULL") for s in facts.sources(select).values())
    if later_fills or any(s.join is not None and s.join.method for s in (*entries.values(), *facts.sources(select).values())):
        return "the block has RIGHT, FULL or positional joins"
    if source.join is None:
        return None if inner_or_left(body, facts) else "the derived table has joins other than inner and LEFT ones"
    if not single:
        return "the derived table joins several entries and stands behind or beside an outer join"
    if inner(source.join):
        return None
    if source.join.side == "LEFT" and source.join.kind in ("", "OUTER") and source.join.args.get("on") is not None:
        return "a computed column is not NULL where the LEFT JOIN finds no row" if computed else None
    return "the derived table stands behind a join that is neither inner nor LEFT"


def inner_or_left(select: exp.Select, facts: Facts) -> bool:
    """Whether every join of ``select`` is an inner or a LEFT one."""
    return all(inner(s.join) or (s.join is not None and s.join.side == "LEFT") for s in facts.sources(select).values())


def _all_inner(select: exp.Select, facts: Facts) -> bool:
    return all(freely_joined(source, facts) for source in facts.sources(select).values())


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Substitute the columns, then put the entries and the filters of the derived table into the block."""
    assert isinstance(site, Merging) and isinstance(site.node, exp.Select)
    select, source = site.node, site.source
    assert isinstance(source.query, exp.Select)
    all_inner = _all_inner(select, facts) and _all_inner(source.query, facts)
    body = with_aliases(facts, source.query, _unique_aliases(source.query, facts))
    projections = {projection.alias_or_name: projection.unalias() for projection in body.selects}
    for column in facts.references(select, source.alias):
        value = projections[column.name].copy()
        column.replace(value if isinstance(value, (exp.Column, exp.Func, exp.Literal)) else exp.Paren(this=unwrap(value)))
    if site.cte is not None:
        remove_definition(site.cte)
    if all_inner:
        _join_freely(select, source, body)
    else:
        _splice(select, source, body)
    return facts.tree


def _unique_aliases(body: exp.Select, facts: Facts) -> dict[str, str]:
    """New names for the FROM entries of ``body``: their own where no other block uses them."""
    aliases = [alias for block in facts.selects() for alias in facts.sources(block)]
    names: dict[str, str] = {}
    for alias in facts.sources(body):
        stem = alias if aliases.count(alias) == 1 else facts.fresh_name(alias)
        while stem in names.values():
            stem = f"{stem}_"
        names[alias] = stem
    return names


def _entries(select: exp.Select) -> list[exp.Expr]:
    joins: list[exp.Join] = select.args.get("joins") or []
    return [select.args["from_"].this, *(join.this for join in joins)]


def _join_freely(select: exp.Select, source: Source, body: exp.Select) -> None:
    entries = [part for entry in _entries(select) for part in (_entries(body) if entry is source.node else [entry])]
    predicates = [*inner_filters(select), *inner_filters(body)]
    write_inner_joins(select, entries, [predicate.copy() for predicate in predicates])


def _splice(select: exp.Select, source: Source, body: exp.Select) -> None:
    """Replace one entry and leave the other joins as they are."""
    start = body.args["from_"].this
    filters = [predicate.copy() for predicate in where_conjuncts(body)]
    if source.join is None:
        joins: list[exp.Join] = body.args.get("joins") or []
        for join in joins:
            if join.args.get("on") is None and not join.kind:
                join.set("kind", "CROSS")  # a comma would bind weaker than the joins that follow
        select.set("joins", [*joins, *(select.args.get("joins") or [])])
    source.node.replace(start)
    if source.join is not None and source.join.side == "LEFT":
        on = [part.copy() for part in conjuncts(source.join.args.get("on"))]
        source.join.set("on", conjunction([*on, *filters]))
    elif filters:
        set_where(select, [*(part.copy() for part in where_conjuncts(select)), *filters])
