"""Derives that an expression is never NULL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.sql.predicates import column_key, null_rejected_columns, unwrap, where_conjuncts
from querywright.values import Premise

if TYPE_CHECKING:
    from querywright.sql.facts import Facts, Premises

# Division is missing on purpose: x / 0 is NULL in several engines.
_STRICT = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Paren, exp.DPipe, exp.Lower, exp.Upper, exp.Abs)
_PREDICATES = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.And,
    exp.Or,
    exp.Not,
    exp.Between,
    exp.Like,
)


def not_null(facts: Facts, node: exp.Expr, select: exp.Select) -> Premises | None:
    """See `Facts.not_null`."""
    node = unwrap(node)
    if isinstance(node, exp.Alias):
        return not_null(facts, node.this, select)
    if isinstance(node, (exp.Literal, exp.Boolean, exp.Count, exp.Exists, exp.RowNumber, exp.Rank, exp.DenseRank)):
        return frozenset()
    if isinstance(node, exp.Window):
        return not_null(facts, node.this, select) if isinstance(node.this, (exp.Count, exp.RowNumber)) else None
    if isinstance(node, exp.Is):
        return frozenset()
    if isinstance(node, exp.Cast):
        if isinstance(node, exp.TryCast):
            return None
        return not_null(facts, node.this, select)
    if isinstance(node, exp.Coalesce):
        options = (not_null(facts, part, select) for part in (node.this, *node.expressions))
        return next((premises for premises in options if premises is not None), None)
    if isinstance(node, exp.Case):
        if node.args.get("default") is None:
            return None
        return _all(facts, [*(branch.args["true"] for branch in node.args["ifs"]), node.args["default"]], select)
    if isinstance(node, (*_STRICT, *_PREDICATES)):
        return _all(facts, [part for part in node.iter_expressions() if isinstance(part, exp.Condition)], select)
    if isinstance(node, exp.Column):
        return _column_not_null(facts, node, select)
    return None


def _all(facts: Facts, nodes: list[exp.Expr], select: exp.Select) -> Premises | None:
    premises: set[Premise] = set()
    for node in nodes:
        part = not_null(facts, node, select)
        if part is None:
            return None
        premises |= part
    return frozenset(premises)


def _column_not_null(facts: Facts, column: exp.Column, select: exp.Select) -> Premises | None:
    home = facts.home(column)
    if home is None:
        return None
    if home is select and rejected_by_filters(facts, select, column):
        return frozenset()
    source = facts.sources(home).get(column.table)
    if source is None or source.nullable:
        return None
    if source.table is not None:
        stored = source.table.column(column.name)
        if stored is None or stored.not_null is None:
            return None
        return frozenset([Premise("not_null", source.table.name, (stored.name,), stored.not_null)])
    return not_null_output(facts, source.query, column.name) if source.query is not None else None


def rejected_by_filters(facts: Facts, select: exp.Select, column: exp.Column) -> bool:
    """Whether WHERE, or the ON of a join that filters this column's rows, drops rows where ``column`` is NULL."""
    key = column_key(column)
    if any(key in null_rejected_columns(predicate) for predicate in where_conjuncts(select)):
        return True
    joins: list[exp.Join] = select.args.get("joins") or []
    if any(join.side in ("RIGHT", "FULL") for join in joins):
        return False
    # An inner join filters what comes before it, unless a later outer join fills its rows again: LEFT only fills its own side.
    sources = facts.sources(select)
    source = sources.get(column.table)
    return any(
        join.side == ""
        and join.kind in ("", "INNER", "CROSS")
        and (on := join.args.get("on")) is not None
        and key in null_rejected_columns(on)
        for join in joins
        if source is not None
    )


def not_null_output(facts: Facts, query: exp.Query, column: str) -> Premises | None:
    """See `Facts.not_null_output`."""
    if isinstance(query, exp.Subquery):
        inner = query.unnest()
        return not_null_output(facts, inner, column) if isinstance(inner, exp.Query) else None
    if isinstance(query, exp.SetOperation):
        position = [name.lower() for name in query.named_selects].index(column.lower())
        left, right = query.left, query.right
        first = not_null_output(facts, left, left.named_selects[position])
        if first is None or isinstance(query, (exp.Except, exp.Intersect)):
            return first
        second = not_null_output(facts, right, right.named_selects[position])
        return None if second is None else first | second
    if not isinstance(query, exp.Select):
        return None
    projection = next((p for p in query.expressions if p.alias_or_name.lower() == column.lower()), None)
    if projection is None:
        return None
    if has_grouping_sets(query):
        return None
    return not_null(facts, projection, query)


def has_grouping_sets(select: exp.Select) -> bool:
    """Whether GROUP BY holds ROLLUP, CUBE, GROUPING SETS or ALL, which add NULLs to grouping columns."""
    group = select.args.get("group")
    if group is None:
        return False
    return (
        bool(group.args.get("all") or group.args.get("totals"))
        or any(group.args.get(kind) for kind in ("rollup", "cube", "grouping_sets"))
        or any(isinstance(node, (exp.Rollup, exp.Cube, exp.GroupingSets)) for node in group.expressions)
    )
