"""Joins a grouped table of its own for each figure over the same rows.

Cost: the rows are read and grouped, and the groups joined, as often as there are figures.
Why: each figure was added to the report later, as one more join that does not touch what was there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import by_comma, fills_earlier_sources, renamed
from querywright.antipatterns._derived_tables import with_derived_tables
from querywright.antipatterns._lookups import meets_one_row
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts, Source
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.trees import printed

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("merge_grouped_joins",)

_CLAUSES = {"expressions", "from_", "joins", "where", "group", "kind", "hint", "operation_modifiers"}


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Derived tables of one block that group the same tables by the same columns, but are not the same."""
    for select in facts.selects():
        alike: dict[object, list[Source]] = defaultdict(list)
        for source in facts.sources(select).values():
            body = _grouped(source)
            if body is not None:
                tables = tuple(other.node.name for other in facts.sources(body).values())
                keys = frozenset(key.name for key in body.args["group"].expressions)
                alike[tables, keys].append(source)
        for found in alike.values():
            texts = {printed(source.query, facts.dialect) for source in found if source.query is not None}
            if len(found) > 1 and len(texts) > 1:
                names = ", ".join(source.alias for source in found)
                yield Occurrence(found[0].node, f"{names} group the same tables by the same key")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A join for each figure of a grouped table that is joined by its key."""
    return _split(facts) or _split(with_derived_tables(facts))


def _split(facts: Facts) -> exp.Query | None:
    for select in facts.selects():
        if fills_earlier_sources(select):
            continue
        for source in facts.sources(select).values():
            body, join = _grouped(source), source.join
            if body is None or join is None or by_comma(join) or join.args.get("using") or join.kind == "CROSS":
                continue
            figures = [p for p in body.expressions if p.find(exp.AggFunc) and not p.find(exp.Query, exp.Window)]
            keys = [p for p in body.expressions if p.unalias() in body.args["group"].expressions]
            named = {p.alias_or_name for p in keys}
            on = [column for column in join.args["on"].find_all(exp.Column) if column.table == source.alias]
            if len(figures) < 2 or len(figures) + len(keys) != len(body.expressions) or not facts.deterministic(body):
                continue
            if any(column.name not in named for column in on) or not meets_one_row(source, facts):
                continue
            _join_each(select, source, body, keys, figures, facts)
            return facts.tree
    return None


def _join_each(
    select: exp.Select, source: Source, body: exp.Select, keys: list[exp.Expr], figures: list[exp.Expr], facts: Facts
) -> None:
    """The first figure stays; each other one gets a table and a join like that of ``source`` right after it."""
    assert source.join is not None
    references, joins = facts.references(select, source.alias), list(select.args["joins"])
    place = joins.index(source.join)
    for figure in figures[1:]:
        name = facts.fresh_name(source.alias)
        for column in references:
            if column.name == figure.alias_or_name:
                column.set("table", exp.to_identifier(name))
        again = renamed(source.join, source.alias, name)
        table = body.copy()
        table.set("expressions", [part.copy() for part in (*keys, figure)])
        again.set("this", exp.Subquery(this=table, alias=exp.TableAlias(this=exp.to_identifier(name))))
        place += 1
        joins.insert(place, again)
        select.set("joins", joins)
    body.set("expressions", [*keys, figures[0]])


def _grouped(source: Source) -> exp.Select | None:
    """The body of a derived table that groups its rows by columns, and does nothing with the groups."""
    body = source.query
    if not isinstance(body, exp.Select) or not isinstance(source.node, exp.Subquery) or source.node.args["alias"].columns:
        return None
    group = body.args.get("group")
    if group is None or has_grouping_sets(body) or {name for name, value in body.args.items() if value} - _CLAUSES:
        return None
    return body if all(isinstance(key, exp.Column) for key in group.expressions) else None
