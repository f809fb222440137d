"""Aggregates the fact table by its join keys before the joins that only supply grouping columns.

What: ``SELECT d.name, SUM(f.x) FROM f JOIN d ON f.k = d.k GROUP BY d.name`` groups ``f`` by ``k`` first, joins the far
    fewer groups with ``d``, and aggregates the partial results. ``SUM(CASE WHEN d.name = 'a' THEN f.x END)`` becomes ``SUM(f.x)``
    below and the CASE above. Where such a ``d`` is filtered there are several proposals: the groups also exclude by
    ``f.k IN (SELECT d.k …)`` what the filters will drop, or the filtered joins stay below.
When: the joined dimensions only name the groups, and the fact table has many rows for each of their keys; measured 2x
    to 8x on fan-out joins and under ROLLUP, where each row would be aggregated once a level, and 2.5x for the weekdays of
    TPC-DS 43. Loses where the keys are nearly unique.
Sound: every join of the block is inner. The partial groups keep every column of their side that is used outside of the
    aggregates, so each row of a group joins the same rows; SUM, COUNT, MIN, MAX and AVG (as SUM and COUNT) are linear
    or idempotent in that multiplicity. COUNT becomes a SUM that is 0 and not NULL where no row remains, cast back to
    its type. AVG is split only where it has the type of a quotient. DISTINCT and other aggregates stay. An argument or a filter
    that may raise an error on rows that the joins drop is left alone, and so are columns whose equal values may differ
    (a collation, signed zeros). The added IN follows from the join.
Source: Yan and Larson, "Eager aggregation and lazy aggregation", VLDB 1995; TPC-DS 2, 22, 36, 43 and 59.
Example:
    >>> show("SELECT d.n, SUM(f.x) AS s FROM f JOIN d ON f.k = d.k GROUP BY d.n", f="k INT, x INT", d="k INT, n TEXT")
    SELECT d.n AS n, SUM(grouped_f.partial_1) AS s
    FROM (SELECT f.k AS k, SUM(f.x) AS partial_1 FROM f AS f GROUP BY f.k) AS grouped_f
    JOIN d AS d ON grouped_f.k = d.k GROUP BY d.n
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.failures import may_fail
from querywright.sql.predicates import column_key, equal_values_differ, equated_columns
from querywright.sql.trees import copied, printed
from querywright.transforms._derived_columns import DerivedColumns
from querywright.transforms._from_clause import aggregate_calls, aliases, components, freely_joined, write_inner_joins
from querywright.transforms._key_joins import inner_filters
from querywright.transforms._partial_aggregates import PARTIAL, Aggregate, holds_partials, merged, obstacle, splittable
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "pushdown"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


@dataclass(frozen=True)
class Split(Site):
    """``node`` is the SELECT; the aliases ``below`` are grouped first, keeping only rows that the filters of the aliases
    ``reducing`` leave."""

    below: frozenset[str]
    aggregates: tuple[Aggregate, ...]
    reducing: frozenset[str] = frozenset()


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Aggregating SELECTs over inner joins some of whose sources only supply grouping columns."""
    for select in facts.selects():
        calls = [call for call in aggregate_calls(select) if not isinstance(call, exp.Grouping)]
        sources = facts.sources(select)
        if not calls or len(sources) < 2 or any(map(holds_partials, (select, *(source.query for source in sources.values())))):
            continue
        yield from _examine(select, calls, facts)


def _examine(select: exp.Select, calls: list[exp.Expr], facts: Facts) -> Iterator[Site | Blocked]:
    sources = facts.sources(select)
    if not all(freely_joined(source, facts) for source in sources.values()) or select.args.get("laterals"):
        yield Blocked(select, "every join of the block must be an inner join of tables or derived tables")
        return
    reasons = [(call, reason) for call in calls if (reason := obstacle(call, facts))]
    if reasons or not facts.deterministic(select):
        yield Blocked(*reasons[0]) if reasons else Blocked(select, "the block must be deterministic")
        return
    aggregates = tuple(splittable(calls, select, facts))
    above = _only_naming_groups(select, aggregates, facts)
    for below, reducing in _proposals(select, above, facts):
        found = _proposed(select, below, reducing, aggregates, facts)
        if found is not None:
            yield found


def _only_naming_groups(select: exp.Select, aggregates: tuple[Aggregate, ...], facts: Facts) -> frozenset[str]:
    """The sources of grouping columns and conditions that take no part in the values of aggregates."""
    inside = {id(node) for aggregate in aggregates for node in aggregate.inside.walk()}
    clauses = [select.args.get(clause) for clause in ("group", "having", "qualify", "order")]
    grouping = {
        column.table
        for part in (*select.expressions, *(clause for clause in clauses if clause is not None))
        for column in facts.local_columns(part, select)
        if id(column) not in inside
    }
    return frozenset(grouping - {column.table for a in aggregates for column in facts.local_columns(a.inside, select)})


def _proposals(select: exp.Select, above: frozenset[str], facts: Facts) -> list[tuple[frozenset[str], frozenset[str]]]:
    """What to group first, and which of the others to filter by: by all filtered ones or the largest of them, or by none."""
    sources = facts.sources(select)
    everything = frozenset(sources)
    filtered = {alias for p in inner_filters(select) if len(used := aliases(p, select, facts)) == 1 for alias in used & above}
    largest = max(sorted(filtered), key=lambda alias: _rows(sources[alias]), default=None)
    some = [frozenset(filtered)] if largest is None else list(dict.fromkeys([frozenset(filtered), frozenset({largest})]))
    below = everything - above
    found = [choice for chosen in some if chosen for choice in ((below | chosen, frozenset[str]()), (below, chosen))]
    return [*found, (below, frozenset[str]())]


def _rows(source: Source) -> int:
    return (source.table.rows or 0) if source.table is not None else 0


def _proposed(
    select: exp.Select, below: frozenset[str], reducing: frozenset[str], aggregates: tuple[Aggregate, ...], facts: Facts
) -> Site | Blocked | None:
    sources = facts.sources(select)
    split = any(aggregate.condition is not None for aggregate in aggregates)
    links = [used & below for predicate in inner_filters(select) if (used := aliases(predicate, select, facts))]
    if not below or (below == frozenset(sources) and not split) or len(components(sorted(below), links)) > 1:
        return None  # a cross product must not be grouped by accident
    kept = _kept_columns(select, below, aggregates, facts)
    if not kept:
        return None  # a cross product with a global aggregate, which is one row even where the original has none
    pushed = _pushed(select, below, facts)
    if any(may_fail(predicate, facts.dialect) for predicate in pushed):
        return Blocked(select, "a filter must not fail on rows that the joins drop")
    if _identifies_rows(select, {column_key(column) for column in kept}, below, facts):
        return Blocked(select, "the join keys identify single rows, so grouping by them first reduces nothing")
    if reducing and not all(_key_filter(select, alias, below, facts) for alias in reducing):
        return None
    if any(equal_values_differ(column, facts.dialect) for column in kept):
        return Blocked(select, "equal values of a column may differ: texts under a collation, zeros of either sign")
    return Split(select, below, aggregates, reducing)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Build the grouped derived table and put it first in the FROM clause."""
    assert isinstance(site, Split)
    select = site.node
    assert isinstance(select, exp.Select)
    sources = facts.sources(select)
    grouped = DerivedColumns(
        facts.fresh_name("grouped_" + next(alias for alias in sources if alias in site.below)), facts.dialect
    )
    pushed = _pushed(select, site.below, facts)
    remaining = [p for p in inner_filters(select) if not any(p is other for other in pushed)]
    kept = _kept_columns(select, site.below, site.aggregates, facts)
    filters = [_key_filter(select, alias, site.below, facts) for alias in sorted(site.reducing)]

    inner = exp.Select()
    write_inner_joins(
        inner,
        [copied(source.node) for alias, source in sources.items() if alias in site.below],
        [copied(predicate) for predicate in (*pushed, *filters) if predicate is not None],
    )
    keys = list(dict.fromkeys(column_key(column) for column in kept))
    inner.set("group", exp.Group(expressions=[exp.column(name, table) for table, name in keys]))
    for column in kept:
        own = copied(column)
        taken = any(name == column.name and table != column.table for table, name in keys[: keys.index(column_key(column))])
        column.replace(grouped.reference(own, f"{column.table}_{column.name}" if taken else column.name))

    labels: dict[str, str] = {}

    def partial(call: exp.Expr) -> exp.Expr:
        label = labels.setdefault(printed(call, facts.dialect), f"{PARTIAL}{len(labels) + 1}")
        return grouped.reference(call, label)

    for aggregate in site.aggregates:
        aggregate.call.replace(merged(aggregate, partial, facts.dialect))
    above = [copied(source.node) for alias, source in sources.items() if alias not in site.below]
    write_inner_joins(select, [grouped.table(inner), *above], [copied(predicate) for predicate in remaining])
    return facts.tree


def _pushed(select: exp.Select, below: frozenset[str], facts: Facts) -> list[exp.Expr]:
    """Predicates over the grouped side alone."""
    return [predicate for predicate in inner_filters(select) if (used := aliases(predicate, select, facts)) and used <= below]


def _kept_columns(select: exp.Select, below: frozenset[str], aggregates: tuple[Aggregate, ...], facts: Facts) -> list[exp.Column]:
    """Mentions of columns of the grouped side that the rest of the block still needs."""
    regions = [*(aggregate.inside for aggregate in aggregates), *_pushed(select, below, facts)]
    consumed = {id(node) for region in regions for node in region.walk()}
    return [column for column in facts.local_columns(select, select) if column.table in below and id(column) not in consumed]


def _key_filter(select: exp.Select, alias: str, below: frozenset[str], facts: Facts) -> exp.Expr | None:
    """``f.k IN (SELECT d.k …)`` with the filters of source ``alias``, if one equality joins it with the grouped side."""
    source = facts.sources(select)[alias]
    predicates = [(predicate, aliases(predicate, select, facts)) for predicate in inner_filters(select)]
    own = [predicate for predicate, used in predicates if used == {alias}]
    joining = [equated_columns(predicate) for predicate, used in predicates if alias in used and used & below]
    if source.table is None or len(joining) != 1 or joining[0] is None:
        return None
    if any(predicate.find(exp.Query) or may_fail(predicate, facts.dialect) for predicate in own):
        return None
    key, other = sorted(joining[0], key=lambda column: column.table != alias)
    keys = exp.Select(expressions=[copied(key)])
    write_inner_joins(keys, [copied(source.node)], [copied(predicate) for predicate in own])
    return exp.In(this=copied(other), query=exp.Subquery(this=keys))


def _identifies_rows(select: exp.Select, start: set[tuple[str, str]], below: frozenset[str], facts: Facts) -> bool:
    known, _ = facts.determined(select, start)
    sources = facts.sources(select)
    return all(
        facts.unique_source(sources[alias], {name for owner, name in known if owner == alias}) is not None for alias in below
    )
