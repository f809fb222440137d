"""Finds rows without a partner by LEFT JOIN and IS NULL.

Cost: an engine that does not recognize it joins each row with all of its partners before it drops them; NOT EXISTS stops at the
    first.
Why: it was the recommended way when engines planned NOT IN and NOT EXISTS badly.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import by_comma, fills_earlier_sources, plain
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import column_key, null_rejected_columns, set_where, unwrap, where_conjuncts

SEVERITY: Severity = "low"
CURES: tuple[str, ...] = ("left_join_null_to_anti_join",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """LEFT JOINs of which WHERE keeps the rows without a match, told by a column that no match leaves NULL."""
    for select in facts.selects():
        for predicate in where_conjuncts(select) if not fills_earlier_sources(select) else ():
            bare = unwrap(predicate)
            column = bare.this if isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null) else None
            source = facts.sources(select).get(column.table) if isinstance(column, exp.Column) else None
            if isinstance(column, exp.Column) and source is not None and source.join is not None and _marks(source, column):
                yield Occurrence(predicate, f"keeps the rows without a match in {source.alias}, as NOT EXISTS does")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """LEFT JOIN … IS NULL for NOT EXISTS."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if any(by_comma(join) for join in joins):
            continue
        for predicate in where_conjuncts(select):
            test = unwrap(predicate.this) if isinstance(predicate, exp.Not) else None
            body = test.this if isinstance(test, exp.Exists) else None
            sources = facts.sources(body) if isinstance(body, exp.Select) and plain(body, "distinct", "order") else {}
            on = body.args.get("where") if isinstance(body, exp.Select) else None
            if len(sources) != 1 or on is None or not sources.keys().isdisjoint(facts.sources(select)) or on.find(exp.Query):
                continue
            alias = next(iter(sources))
            marks = sorted(name for table, name in null_rejected_columns(on.this) if table == alias)
            if not marks or any(facts.home(column) not in (select, body) for column in on.find_all(exp.Column)):
                continue
            missing = exp.Is(this=exp.column(marks[0], alias), expression=exp.Null())
            select.set("joins", [*joins, exp.Join(this=sources[alias].node.copy(), side="LEFT", on=on.this.copy())])
            set_where(select, [missing if part is predicate else part for part in where_conjuncts(select)])
            return query
    return None


def _marks(source: Source, column: exp.Column) -> bool:
    """Whether ``column`` is NULL exactly where the LEFT JOIN found no match."""
    on = source.join.args.get("on") if source.join is not None and source.join.side == "LEFT" else None
    stored = source.table.column(column.name) if source.table is not None else None
    rejected = column_key(column) in null_rejected_columns(on) if on is not None else False
    return on is not None and (rejected or (stored is not None and stored.not_null is not None))
