"""Looks up columns of the latest row of a key by sorting its rows anew for each of them.

Cost: for each outer row, and for each column, the rows of the key are found and sorted; numbering the rows sorts them once.
Why: ORDER BY … LIMIT 1 gives the latest order of one customer, and a list of customers is made by putting it into a column.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import computes_across_rows, fills_earlier_sources, only_source, plain
from querywright.antipatterns._lookups import equated, first_values, uses_of
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.correlation import Correlation, correlation
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import column_key, conjuncts, equality_identifies, set_where, unwrap, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("decorrelate_top_row",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Correlated scalar subqueries ``SELECT x … WHERE key = outer ORDER BY y LIMIT 1``."""
    for subquery, body, key in first_values(facts):
        found = correlation(facts, body)
        value = unwrap(body.expressions[0].unalias())
        if isinstance(found, Correlation) and found.keys and not found.ranges and key != value:
            yield Occurrence(subquery, f"sorts by {key.sql(facts.dialect)} for each row, to keep one of them")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A subquery with ORDER BY … LIMIT 1 for each column of a LEFT JOIN with the rows that ROW_NUMBER puts first."""
    for select in facts.selects():
        row_by_row = not select.args.get("group") and not select.args.get("distinct") and not computes_across_rows(select)
        if not row_by_row or fills_earlier_sources(select):
            continue
        for source in facts.sources(select).values():
            uses, first = uses_of(source, select, facts), _first_row(source, facts)
            if first is None or source.query is None:
                continue
            outputs = {projection.alias_or_name: projection.unalias() for projection in source.query.selects}
            values = [outputs[column.name] for column in uses]
            if any(isinstance(value, exp.Window) for value in values):
                continue
            if all(value == first.args["order"].expressions[0].this for value in values):
                continue
            for column in uses:
                row = first.copy()
                row.set("expressions", [exp.alias_(outputs[column.name].copy(), column.name)])
                column.replace(exp.Subquery(this=row))
            select.set("joins", [join for join in select.args["joins"] if join is not source.join])
            return query
    return None


def _first_row(source: Source, facts: Facts) -> exp.Select | None:
    """The rows that a LEFT JOIN by the key and the number 1 finds, at most one, sorted instead of numbered."""
    body = source.query
    if not isinstance(body, exp.Select) or not isinstance(source.node, exp.Subquery) or source.join is None:
        return None
    numbers = [p for p in body.expressions if isinstance(p.unalias(), exp.Window)]
    window = numbers[0].unalias() if len(numbers) == 1 and source.join.side == "LEFT" else None
    bare = body.copy()
    bare.set("expressions", [p.copy() for p in body.expressions if p not in numbers])
    if window is None or not isinstance(window.this, exp.RowNumber) or not plain(bare) or only_source(body, facts) is None:
        return None
    outputs = {p.alias_or_name: p.unalias() for p in body.expressions}
    pairs = [(own, outputs[own.name], other) for own, other in equated(source)]
    keys = [(key, other) for own, key, other in pairs if key is not window and equality_identifies(own, other)]
    ones = [other for _, key, other in pairs if key is window]
    groups, order = window.args.get("partition_by") or [], window.args.get("order")
    if ones != [exp.Literal.number(1)] or len(conjuncts(source.join.args["on"])) != len(pairs) or order is None:
        return None
    sorted_by = [ordered.this for ordered in order.expressions]
    columns = [column_key(part) for part in (*sorted_by, *groups) if isinstance(part, exp.Column)]
    if {key for key, _ in keys} != set(groups) or len(keys) != len(groups) or facts.identifying(body, columns) is None:
        return None
    captured = {node.table for _, other in keys for node in other.find_all(exp.Column)} & set(facts.sources(body))
    if captured:
        return None
    set_where(bare, [*(exp.EQ(this=key.copy(), expression=other.copy()) for key, other in keys), *where_conjuncts(bare)])
    bare.set("order", order.copy())
    return bare.limit(1, copy=False)
