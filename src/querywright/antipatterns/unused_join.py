"""Joins a table from which nothing is read and that changes no row.

Cost: the table is scanned and hashed or probed for every row, for nothing.
Why: the query was copied or comes from a view or an object mapper that joins whatever might be needed, and a column was dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import by_comma, fills_earlier_sources, inner
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.duplicates import input_is_a_set
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import conjuncts, equated_columns, where_conjuncts
from querywright.sql.schema import ForeignKey

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("eliminate_left_join", "eliminate_inner_join")


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """LEFT JOINs that match one row at most, and inner joins along a foreign key, of which no other column is read."""
    for select in facts.selects():
        if fills_earlier_sources(select):
            continue
        for source in facts.sources(select).values():
            if _decorates(source, select, facts):
                yield Occurrence(source.node, f"no column of {source.alias} is read, and each row meets one row of it at most")
            elif (child := _child(source, select, facts)) is not None:
                yield Occurrence(
                    source.node,
                    f"no column of {source.alias} is read, and a foreign key says that each {child} has its row there",
                )


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """LEFT JOIN with the table that a foreign key leads to."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if fills_earlier_sources(select) or any(by_comma(join) for join in joins) or isinstance(select.parent, exp.Exists):
            continue
        for source in facts.sources(select).values():
            unused = _decorates(source, select, facts) or _child(source, select, facts) is not None
            for key in source.table.foreign_keys if source.table is not None and not unused else ():
                if _is_key(key, facts):
                    name = facts.fresh_name(key.references)
                    pairs = zip(key.columns, key.references_columns, strict=True)
                    on = [
                        exp.EQ(this=exp.column(theirs, name), expression=exp.column(own, source.alias)) for own, theirs in pairs
                    ]
                    parent = exp.alias_(exp.to_table(key.references), name, table=True)
                    select.set("joins", [*joins, exp.Join(this=parent, side="LEFT", on=exp.and_(*on))])
                    return query
    return None


def _is_key(key: ForeignKey, facts: Facts) -> bool:
    parent = facts.schema.table(key.references)
    wanted = {name.lower() for name in key.references_columns}
    return parent is not None and any({name.lower() for name in own.columns} == wanted for own in parent.keys)


def _decorates(source: Source, select: exp.Select, facts: Facts) -> bool:
    """Whether a LEFT JOIN adds neither columns that are read nor rows that are counted."""
    if source.join is None or source.join.side != "LEFT":
        return False
    own = {id(node) for node in source.join.walk()}
    if any(id(column) not in own for column in facts.references(select, source.alias)):
        return False
    return input_is_a_set(select) or facts.at_most_one_match(select, source) is not None


def _child(source: Source, select: exp.Select, facts: Facts) -> str | None:
    """Alias of the table whose foreign key finds exactly one row of inner-joined ``source``, of which only that key is used."""
    joins: list[exp.Join] = select.args.get("joins") or []
    if source.table is None or source.nullable or not inner(source.join):
        return None
    on = [join.args.get("on") for join in joins if inner(join)]
    predicates = [*where_conjuncts(select), *(part for condition in on for part in conjuncts(condition))]
    pairs = [pair for part in predicates if (pair := equated_columns(part)) and source.alias in (pair[0].table, pair[1].table)]
    linked = [pair if pair[0].table == source.alias else pair[::-1] for pair in pairs]
    others = {other.table for _, other in linked}
    uses = {id(column) for column in facts.references(select, source.alias)}
    child = facts.sources(select).get(next(iter(others))) if len(others) == 1 else None
    if child is None or child.table is None or child.nullable or child is source or uses != {id(own) for own, _ in linked}:
        return None
    equal = {(other.name.lower(), own.name.lower()) for own, other in linked}
    for key in child.table.foreign_keys:
        columns = {(own.lower(), theirs.lower()) for own, theirs in zip(key.columns, key.references_columns, strict=True)}
        if key.references.lower() == source.table.name.lower() and columns == equal and _is_key(key, facts):
            return child.alias
    return None
