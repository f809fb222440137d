"""Removes by DISTINCT the repeated rows that a join with a table made of which nothing is shown.

Cost: each row is joined with all of its partners, and the multiplied rows are sorted or hashed away again.
Why: the join expresses "has at least one …", the answer had each row several times, and DISTINCT repaired it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import by_comma, inner, plain, sorts_by_output
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import column_keys, set_where, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("distinct_join_to_semi_join",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """SELECT DISTINCT whose columns hold a key of each table but those that are joined only to filter."""
    for select in facts.selects():
        distinct = select.args.get("distinct")
        if distinct is None or distinct.args.get("on") is not None or not plain(select, "distinct", "order", "limit", "offset"):
            continue
        sources = facts.sources(select).values()
        if len(sources) < 2 or not all(inner(source.join) for source in sources):
            continue
        shown = frozenset().union(*(column_keys(projection) for projection in select.expressions))
        known, _ = facts.determined(select, shown)
        repeating = [source for source in sources if not _one_row(source, known, facts)]
        if repeating and len(repeating) < len(sources) and not any(table == s.alias for table, _ in shown for s in repeating):
            joined = ", ".join(source.alias for source in repeating)
            yield Occurrence(distinct, f"the rows repeat only because {joined} is joined, of which no column is shown")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """SELECT DISTINCT … JOIN for EXISTS, in a block whose rows differ."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if not plain(select, "order") or not sorts_by_output(select) or any(by_comma(join) for join in joins):
            continue
        if isinstance(select.parent, exp.Exists) or facts.duplicate_free(select) is None:
            continue
        for test in where_conjuncts(select):
            body = test.this if isinstance(test, exp.Exists) else None
            table = facts.sources(body) if isinstance(body, exp.Select) and plain(body, "distinct", "order") else {}
            if not isinstance(body, exp.Select) or len(table) != 1 or not table.keys().isdisjoint(facts.sources(select)):
                continue
            on = body.args.get("where")
            if on is None or not facts.correlated_columns(body):
                continue
            select.set("joins", [*joins, exp.Join(this=body.args["from_"].this, on=on.this)])
            select.set("distinct", exp.Distinct())
            set_where(select, [part for part in where_conjuncts(select) if part is not test])
            return query
    return None


def _one_row(source: Source, known: frozenset[tuple[str, str]], facts: Facts) -> bool:
    """Whether the ``known`` columns determine one row of the source."""
    return facts.at_most_one(source, [name for alias, name in known if alias == source.alias]) is not None
