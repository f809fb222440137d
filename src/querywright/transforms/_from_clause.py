"""What the conditions of a FROM clause of inner joins connect, and writing such a clause."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import conjunction, conjuncts, set_where, where_conjuncts
from querywright.transforms._key_joins import inner


def freely_joined(source: Source, facts: Facts) -> bool:
    """Whether a FROM entry is inner joined and reads no columns of the entries before it, so that it may stand anywhere."""
    if source.table is not None or source.common:
        return inner(source.join)
    return inner(source.join) and source.query is not None and not facts.correlated_columns(source.query)


def aliases(node: exp.Expr, select: exp.Select, facts: Facts) -> frozenset[str]:
    """The FROM entries of ``select`` whose columns ``node`` mentions."""
    return frozenset(column.table for column in facts.local_columns(node, select))


def self_contained(node: exp.Expr, select: exp.Select, facts: Facts) -> bool:
    """Whether every column that ``node`` mentions belongs to ``select`` or to a query nested in ``node``."""
    nested = {id(query) for query in node.find_all(exp.Select)}
    homes = (facts.home(column) for column in node.find_all(exp.Column))
    return all(home is select or id(home) in nested for home in homes)


def components(members: Iterable[str], links: Collection[frozenset[str]]) -> list[frozenset[str]]:
    """``members`` split into sets between which there is no link; a link connects the members it holds."""
    parts: list[frozenset[str]] = []
    for member in members:
        linked = {member}.union(*(link for link in links if member in link)) & {member, *(m for part in parts for m in part)}
        joined = [part for part in parts if part & linked]
        parts = [part for part in parts if not part & linked] + [frozenset({member}).union(*joined)]
    return parts


def aggregate_calls(select: exp.Select) -> list[exp.Expr]:
    """Aggregate calls of this block with their FILTER, not the functions of windows, in the order of the text."""
    calls: list[exp.Expr] = []
    for call in select.find_all(exp.AggFunc, bfs=False):
        unit: exp.Expr = call
        while isinstance(unit.parent, (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)):
            unit = unit.parent
        windowed = isinstance(unit.parent, exp.Window) and unit.parent.this is unit
        if call.parent_select is select and not windowed:
            calls.append(unit)
    return calls


def write_inner_joins(select: exp.Select, entries: Sequence[exp.Expr], predicates: Sequence[exp.Expr]) -> None:
    """Make FROM and WHERE of ``select`` hold these entries and predicates (moved) as explicit joins.

    Each entry follows one that it is connected with, if there is any. Conditions go to the ON of the first join that has all
    their columns; filters, and conditions with nested queries, go to WHERE.
    """
    waiting = list(entries)
    names = {entry.alias_or_name for entry in entries}
    used = {id(p): {column.table for column in p.find_all(exp.Column)} & names for p in predicates}
    conditions = [p for p in predicates if len(used[id(p)]) > 1 and not p.find(exp.Query)]
    set_where(select, [p for p in predicates if not any(p is condition for condition in conditions)])
    start = waiting.pop(0)
    select.set("from_", exp.From(this=start))
    available, joins = {start.alias_or_name}, []
    while waiting:
        linked = [e for e in waiting if any(e.alias_or_name in used[id(p)] and used[id(p)] & available for p in conditions)]
        entry = (linked or waiting)[0]
        waiting = [other for other in waiting if other is not entry]
        available.add(entry.alias_or_name)
        ready = [p for p in conditions if used[id(p)] <= available]
        conditions = [p for p in conditions if not used[id(p)] <= available]
        joins.append(exp.Join(this=entry, on=conjunction(ready)) if ready else exp.Join(this=entry, kind="CROSS"))
    select.set("joins", joins)


def leave_out(select: exp.Select, alias: str, gone: Sequence[exp.Expr]) -> None:
    """Take one entry out of a FROM clause of inner joins, and the predicates ``gone`` out of ON and WHERE; all else stays.

    Other conditions in the ON of a join that goes, or that becomes the first entry, move to WHERE.
    """
    joins: list[exp.Join] = select.args.get("joins") or []
    start = select.args["from_"].this
    first = joins[0] if start.alias_or_name == alias else None
    homeless: list[exp.Expr] = []
    staying: list[exp.Join] = []
    for join in joins:
        listed = conjuncts(join.args.get("on"))
        kept = [part for part in listed if not any(part is other for other in gone)]
        if join is first or join.alias_or_name == alias:
            homeless += kept
            continue
        if len(kept) < len(listed):
            join.set("on", conjunction(kept))
            join.set("kind", join.kind if kept else "CROSS")
        staying.append(join)
    filters = [part for part in where_conjuncts(select) if not any(part is other for other in gone)]
    if first is not None:
        select.set("from_", exp.From(this=first.this))
    select.set("joins", staying)
    set_where(select, [*filters, *homeless])
