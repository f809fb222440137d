"""What the shape of a query block allows, as far as several habits ask for it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import where_conjuncts
from querywright.sql.trees import copied

_RESHAPING = (
    "group",
    "having",
    "qualify",
    "distinct",
    "order",
    "limit",
    "offset",
    "fetch",
    "with_",
    "windows",
    "laterals",
    "sample",
)


def computes_across_rows(select: exp.Select) -> bool:
    """Whether an aggregate or a window of this block looks at more than one row."""
    return any(node.parent_select is select for node in select.find_all(exp.AggFunc, exp.Window))


def plain(block: exp.Expr | None, *allowed: str) -> bool:
    """Whether ``block`` is a SELECT whose FROM and WHERE alone decide which rows it gives; ``allowed`` clauses do not matter."""
    if not isinstance(block, exp.Select) or any(block.args.get(clause) for clause in set(_RESHAPING) - set(allowed)):
        return False
    return not computes_across_rows(block)


def inner(join: exp.Join | None) -> bool:
    """Whether a FROM entry comes first or by an inner join, a cross join or a comma."""
    return join is None or (not join.side and join.kind in ("", "INNER", "CROSS") and not join.method)


def by_comma(join: exp.Join) -> bool:
    """Whether the join is written as a comma."""
    return not (join.kind or join.side or join.method or join.args.get("on") or join.args.get("using"))


def fills_earlier_sources(select: exp.Select) -> bool:
    """Whether a RIGHT or FULL join may fill the rows before it with NULLs."""
    return any(join.side in ("RIGHT", "FULL") for join in select.args.get("joins") or [])


def only_source(select: exp.Select, facts: Facts) -> Source | None:
    """The one entry of the FROM clause; None where there are none or several."""
    sources = list(facts.sources(select).values())
    return sources[0] if len(sources) == 1 and not select.args.get("laterals") else None


def sorts_by_output(select: exp.Select) -> bool:
    """Whether every ORDER BY key is an output column, as SELECT DISTINCT demands."""
    order = select.args.get("order")
    outputs = {projection.unalias() for projection in select.expressions}
    keys = [ordered.this for ordered in order.expressions] if order is not None else []
    return all(
        key in outputs or (isinstance(key, exp.Column) and not key.table and key.name in select.named_selects) for key in keys
    )


def conditions_of(select: exp.Select) -> list[exp.Expr]:
    """WHERE and the ON of each join, unsplit."""
    where = select.args.get("where")
    on = [join.args.get("on") for join in select.args.get("joins") or []]
    return [condition for condition in (where.this if where else None, *on) if condition is not None]


def without_where(select: exp.Select) -> exp.Select:
    """A copy that keeps all rows."""
    bare = copied(select)
    bare.set("where", None)
    return bare


def alike_but_for_where(left: exp.Select, right: exp.Select) -> bool:
    """Whether two blocks differ in their WHERE only, if at all."""
    clauses = (left.args.keys() | right.args.keys()) - {"where"}
    return all((left.args.get(clause) or None) == (right.args.get(clause) or None) for clause in clauses)


def renamed(node: exp.Expr, alias: str, name: str) -> exp.Expr:
    """A copy in which columns of source ``alias`` belong to source ``name``."""
    holder = exp.Paren(this=copied(node))
    for column in holder.find_all(exp.Column):
        if column.table == alias:
            column.set("table", exp.to_identifier(name))
    unwrapped: exp.Expr = holder.this
    return unwrapped


def reread(source: Source, select: exp.Select, value: exp.Expr, links: Iterable[exp.Expr], facts: Facts) -> exp.Select:
    """``SELECT value FROM source AS name WHERE links``, a second look at a base table with the filters of ``select``.

    In ``links``, columns of the second look have table "" and get the new name.
    """
    name = facts.fresh_name(f"other_{source.alias}")
    table = source.node.copy()
    table.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
    conditions = [
        *(renamed(link, "", name) for link in links),
        *(renamed(p, source.alias, name) for p in where_conjuncts(select)),
    ]
    again = exp.Select(expressions=[renamed(value, source.alias, name)], from_=exp.From(this=table))
    return again.where(*conditions, copy=False)
