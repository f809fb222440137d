"""Joins a derived table with at most one row for each outer row to a block."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import conjunction, set_where, where_conjuncts


def comma(join: exp.Join) -> bool:
    """Whether the join is a comma."""
    return not any(join.args.get(part) for part in ("kind", "side", "on", "using", "method"))


def joinable(outer: exp.Select) -> bool:
    """Whether a LEFT JOIN can be appended: commas cannot be spelled out before RIGHT and FULL joins without changing them."""
    joins: list[exp.Join] = outer.args.get("joins") or []
    return not (any(comma(join) for join in joins) and any(join.side in ("RIGHT", "FULL") for join in joins))


def join_lookup(facts: Facts, outer: exp.Select, derived: exp.Expr, on: Sequence[exp.Expr], *, inner: bool) -> None:
    """Append ``derived`` to the FROM clause of ``outer``: as a LEFT JOIN, or filtering in the style the block already has."""
    joins: list[exp.Join] = outer.args.get("joins") or []
    if inner and any(comma(join) for join in joins):
        outer.append("joins", exp.Join(this=derived))
        set_where(outer, [*where_conjuncts(outer), *on])
        return
    if not inner:
        _spell_out_commas(facts, outer, joins)
    outer.append("joins", exp.Join(this=derived, side=None if inner else "LEFT", on=conjunction(on)))


def _spell_out_commas(facts: Facts, outer: exp.Select, joins: list[exp.Join]) -> None:
    """A comma binds weaker than JOIN: an ON after it would not see what stands before it."""
    seen = {outer.args["from_"].this.alias_or_name}
    remaining = where_conjuncts(outer)
    for join in joins:
        seen.add(join.alias_or_name)
        if not comma(join):
            continue
        linking = [
            predicate
            for predicate in remaining
            if predicate.find(exp.Query) is None
            and join.alias_or_name in (names := _tables(predicate, outer, facts))
            and names <= seen
            and len(names) > 1
        ]
        remaining = [predicate for predicate in remaining if not any(predicate is moved for moved in linking)]
        join.set("on", conjunction(linking) or exp.true())
    set_where(outer, remaining)


def _tables(predicate: exp.Expr, outer: exp.Select, facts: Facts) -> set[str]:
    """The FROM entries of ``outer`` that a predicate without nested queries mentions, the one to be appended included."""
    return {column.table for column in predicate.find_all(exp.Column) if facts.home(column) in (outer, None)}
