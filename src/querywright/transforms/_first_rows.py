"""Correlated subqueries that take one column of the first row in some order: what two transforms start from."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.sql.correlation import Correlation, correlation, grouped, place, scalar_subqueries
from querywright.sql.facts import Facts, Premises
from querywright.sql.failures import may_fail
from querywright.sql.predicates import ColumnKey, column_key, unwrap, where_conjuncts
from querywright.transforms._joined_lookup import joinable

TIES = "rows may tie in the ORDER BY and differ in the value"

_ONLY = {"expressions", "from_", "joins", "where", "order", "limit"}
_CLAUSES = ("where", "expressions", "order", "qualify")


def first_rows(facts: Facts) -> Iterator[tuple[exp.Subquery, exp.Select, Correlation | str]]:
    """Correlated subqueries with ORDER BY and LIMIT that are used as a value, their bodies, and how they are correlated."""
    for subquery, body in scalar_subqueries(facts):
        ordered = body.args.get("limit") is not None and body.args.get("order") is not None
        related = correlation(facts, body) if ordered and not body.expressions[0].find(exp.AggFunc) else None
        if related is not None:
            yield subquery, body, related


def obstacle_to_numbering(body: exp.Select, related: Correlation, facts: Facts, *more: str) -> str | None:
    """Why the rows of ``body`` cannot be numbered once for all outer rows; None where they can. It may have ``more`` clauses."""
    if {name for name, value in body.args.items() if value} - _ONLY - {*more} or body.args[
        "limit"
    ].expression != exp.Literal.number(1):
        return "the subquery has clauses beyond SELECT, FROM, WHERE, ORDER BY and LIMIT 1"
    if facts.local_columns(body.expressions[0], related.outer) or facts.local_columns(body.args["order"], related.outer):
        return "the value or its order mentions outer columns"
    ordering: list[exp.Ordered] = body.args["order"].expressions
    if any(not column.table and column is not unwrap(entry.this) for entry in ordering for column in entry.find_all(exp.Column)):
        return "the order computes with the name of the value, which means something else in a window"
    if not facts.deterministic(body) or body.find(exp.Window):
        return "the subquery is not deterministic or has windows"
    evaluated = [
        body.expressions[0],
        *where_conjuncts(body),
        *(body.args.get("joins") or []),
        *(body.args[name] for name in ("order", *more) if body.args.get(name)),
    ]
    if any(may_fail(node, facts.dialect) for node in evaluated):
        return "the value would be evaluated for rows it was not evaluated for before, and may fail on them"
    return None


def obstacle_to_place(subquery: exp.Subquery, related: Correlation) -> str | None:
    """Why a column of a joined table cannot stand where ``subquery`` does; None where it can."""
    clause, within_aggregate = place(subquery, related.outer)
    if clause not in _CLAUSES or (clause != "where" and not within_aggregate and grouped(related.outer)):
        return "the subquery stands in a join condition or in a block that groups"
    if not joinable(related.outer) or related.outer.args.get("laterals"):
        return "the outer block mixes commas with RIGHT or FULL joins"
    return None


def determined_by_order(body: exp.Select, facts: Facts) -> Premises | None:
    """Premises under which rows of one key that tie in the ORDER BY agree in the value; None if not known."""
    ordering = [meaning(ordered.this, body) for ordered in body.args["order"].expressions]
    value = body.expressions[0].unalias()
    if any(unwrap(node) == unwrap(value) for node in ordering):
        return frozenset()
    start: set[ColumnKey] = {column_key(bare) for node in ordering if isinstance(bare := unwrap(node), exp.Column)}
    known, premises = facts.determined(body, start)
    needed = {column_key(column) for column in facts.local_columns(value, body)}
    if value.find(exp.Query) or not needed <= known:
        return None
    return frozenset() if needed <= start else premises


def meaning(node: exp.Expr, body: exp.Select) -> exp.Expr:
    """What an ORDER BY entry means where it is the name of the projection."""
    bare = unwrap(node)
    projection = body.expressions[0]
    named = isinstance(bare, exp.Column) and not bare.table and bare.name == projection.alias_or_name
    return projection.unalias() if named or bare == exp.Literal.number(1) else node
