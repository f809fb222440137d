"""Removes an inner join that only checks what a foreign key already guarantees.

What: the join goes; its key columns are replaced by the columns that equal them, and IS NOT NULL stays for columns that may be
    NULL. A join of a table with itself on its key goes as well, with all its columns replaced.
When: star schemas and views join dimensions of which only the key is used; measured 7x on DuckDB and 19x on SQLite.
Sound: The foreign key gives at least one matching row for each key that is not NULL, the unique key at most one. Nothing but key
    columns of the removed table may be used, no filter on its other columns. Foreign keys that an engine does not enforce are
    premises.
Source: Ott and Horlaender, Removing redundant join operations in queries involving views, 1985; measured in this project.
Example:
    >>> show("SELECT o.id, u.id AS user_id FROM orders AS o JOIN users AS u ON u.id = o.user_id", users="id INT PRIMARY KEY",
    ...      orders="id INT, user_id INT REFERENCES users (id)")
    SELECT o.id AS id, o.user_id AS user_id FROM orders AS o WHERE NOT o.user_id IS NULL
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import conjunction, conjuncts, set_where, where_conjuncts
from querywright.sql.pruning import Unread, reads_whole_rows
from querywright.transforms._key_joins import KeyJoin, inner, key_joins
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "remove_redundant"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


@dataclass(frozen=True)
class KeyJoinSite(Site):
    """``node`` is the SELECT block."""

    join: KeyJoin


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Inner joined tables of which only a key is used."""
    unread = facts.once(Unread)
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if not joins or reads_whole_rows(select) or any(j.side in ("RIGHT", "FULL") or j.method for j in joins):
            continue
        for source in facts.sources(select).values():
            if source.table is not None and inner(source.join) and (source.join or inner(joins[0])):
                yield from _removal(facts, select, source, unread)


def _removal(facts: Facts, select: exp.Select, source: Source, unread: Unread) -> Iterator[Site | Blocked]:
    used = [column for column in _columns(facts, select, source) if not unread.contains(column)]
    candidates = list(key_joins(facts, select, source))
    for join in candidates:
        dropped = {id(node) for predicate in join.equalities for node in predicate.walk()}
        remaining = [column for column in used if id(column) not in dropped]
        if all(_replaceable(facts, select, join, column) for column in remaining):
            yield KeyJoinSite(select, join, premises=join.premises)
            return
    keys = {name.lower() for key in source.table.keys for name in key.columns} if source.table is not None else set()
    if used and all(column.name.lower() in keys for column in used):
        reason = (
            "the key of the joined table is used where its substitute cannot stand"
            if candidates
            else "no foreign key is known that guarantees the joined row"
        )
        yield Blocked(source.node, reason)


def _columns(facts: Facts, select: exp.Select, source: Source) -> list[exp.Column]:
    """Columns of ``source``; those of unknown home count."""
    return facts.possible_references(select, source.alias)


def _replaceable(facts: Facts, select: exp.Select, join: KeyJoin, column: exp.Column) -> bool:
    """Whether the survivor has the value of ``column`` in the same type and stands in scope there.

    The ON of an inner join may come before the survivor, since its predicates can move to WHERE.
    """
    if column.name.lower() not in join.columns or facts.home(column) is not select:
        return False
    clause: exp.Expr = column
    within = clause
    while clause.parent is not None and clause.parent is not select:
        within, clause = clause, clause.parent
        if isinstance(clause, exp.Select) and join.survivor.alias in facts.sources(clause):
            return False  # a nested block gives another table the survivor's name
    if not isinstance(clause, exp.Join):
        return True
    movable = inner(clause) and within.arg_key == "on"
    return movable or _position(select, clause) > _position(select, join.survivor.join)


def _position(select: exp.Select, join: exp.Join | None) -> int:
    joins: list[exp.Join] = select.args.get("joins") or []
    return next((index for index, own in enumerate(joins) if own is join), -1)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Drop the table, replace its key columns, and keep the remaining predicates."""
    assert isinstance(site, KeyJoinSite) and isinstance(site.node, exp.Select)
    select, join = site.node, site.join
    Unread(facts).drop()
    for column in facts.references(select, join.removed.alias):
        if (name := join.columns.get(column.name.lower())) is not None:
            column.replace(exp.column(name, table=join.survivor.alias))
    dropped = {id(predicate) for predicate in join.equalities}
    joins: list[exp.Join] = select.args["joins"]
    leaving = join.removed.join or joins[0]
    position = _position(select, join.survivor.join)
    homeless: list[exp.Expr] = []
    scope = {select.args["from_"].this.alias_or_name}
    for index, entry in enumerate(joins):
        scope.add(entry.this.alias_or_name)
        parts = conjuncts(entry.args.get("on")) if inner(entry) else []
        kept = [part for part in parts if id(part) not in dropped]
        if entry is leaving or index < position:
            moved = [part for part in kept if entry is leaving or _mentions(part, join.survivor.alias)]
            homeless += moved
            kept = [part for part in kept if all(part is not other for other in moved)]
        elif index == position and inner(entry):
            settled = [part for part in homeless if _tables(part) <= scope]
            homeless = [part for part in homeless if all(part is not other for other in settled)]
            kept += settled
        if parts or kept:
            entry.set("on", conjunction(kept) or exp.true())
    filters = [part for part in where_conjuncts(select) if id(part) not in dropped]
    if join.removed.join is None:
        select.set("from_", exp.From(this=leaving.this))
    select.set("joins", [entry for entry in joins if entry is not leaving])
    set_where(select, [*filters, *homeless, *(_present(join.survivor.alias, name) for name in join.required)])
    return facts.tree


def _mentions(predicate: exp.Expr, alias: str) -> bool:
    return alias in _tables(predicate)


def _tables(predicate: exp.Expr) -> set[str]:
    return {column.table for column in predicate.find_all(exp.Column)}


def _present(alias: str, name: str) -> exp.Expr:
    return exp.Not(this=exp.Is(this=exp.column(name, table=alias), expression=exp.Null()))
