"""Aggregates the fact table by its join keys before the joins that only supply grouping columns.

What: ``SELECT d.name, SUM(f.x) FROM f JOIN d ON f.k = d.k GROUP BY d.name`` groups ``f`` by ``k`` first, joins the far
    fewer groups with ``d``, and aggregates the partial results.
When: the joined dimensions only name the groups, and the fact table has many rows for each of their keys; measured 2x
    to 8x on fan-out joins and under ROLLUP, where each row would be aggregated once a level. Loses where the keys are
    nearly unique.
Sound: every join of the block is inner. The partial groups keep every column of their side that is used outside of the
    aggregates, so each row of a group joins the same rows; SUM, COUNT, MIN, MAX and AVG (as SUM and COUNT) are linear
    or idempotent in that multiplicity. COUNT becomes a SUM that is 0 and not NULL where no row remains, cast back to
    its type. DISTINCT and other aggregates stay. An argument that may raise an error on rows that the joins drop is
    left alone.
Source: Yan and Larson, "Eager aggregation and lazy aggregation", VLDB 1995; TPC-DS 22, 36, 43.
Example:
    >>> show("SELECT d.n, SUM(f.x) AS s FROM f JOIN d ON f.k = d.k GROUP BY d.n", f="k INT, x INT", d="k INT, n TEXT")
    SELECT d.n AS n, SUM(grouped_f.partial_1) AS s
    FROM (SELECT f.k AS k, SUM(f.x) AS partial_1 FROM f AS f GROUP BY f.k) AS grouped_f
    JOIN d AS d ON grouped_f.k = d.k GROUP BY d.n
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, where_conjuncts
from querywright.transforms._from_clause import aggregate_calls, aliases, components, freely_joined, write_inner_joins
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "pushdown"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_DECOMPOSABLE = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg)


@dataclass(frozen=True)
class Split(Site):
    """``node`` is the SELECT; ``below`` the aliases that are grouped first; ``aggregates`` its aggregate calls with
    their FILTER."""

    below: frozenset[str]
    aggregates: tuple[exp.Expr, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Aggregating SELECTs over inner joins some of whose sources only supply grouping columns."""
    for select in facts.selects():
        aggregates = aggregate_calls(select)
        if not aggregates or len(facts.sources(select)) < 2:
            continue
        found = _examine(select, aggregates, facts)
        if found is not None:
            yield found


def _examine(select: exp.Select, aggregates: list[exp.Expr], facts: Facts) -> Site | Blocked | None:
    sources = facts.sources(select)
    if not all(freely_joined(source, facts) for source in sources.values()) or select.args.get("laterals"):
        return Blocked(select, "every join of the block must be an inner join of tables or derived tables")
    for call in aggregates:
        bare = call.this if isinstance(call, exp.Filter) else call
        if not isinstance(bare, _DECOMPOSABLE) or isinstance(bare.this, exp.Distinct) or bare.args.get("expressions"):
            return Blocked(call, "every aggregate must be a plain SUM, COUNT, MIN, MAX or AVG")
        if any(isinstance(node, (exp.Query, exp.Window)) or _may_fail(node) for node in bare.walk()):
            return Blocked(call, "the argument of an aggregate must not fail on rows that the joins drop")
    arguments = {column.table for call in aggregates for column in facts.local_columns(call, select)}
    inside = {id(node) for call in aggregates for node in call.walk()}
    grouping = {
        column.table
        for part in (*select.expressions, select.args.get("group"), select.args.get("having"), select.args.get("order"))
        if part is not None
        for column in facts.local_columns(part, select)
        if id(column) not in inside
    }
    above = grouping - arguments
    below = frozenset(sources) - above
    links = [aliases(predicate, select, facts) & below for predicate in _predicates(select)]
    if not above or not below or len(components(sorted(below), links)) > 1:
        return None  # a cross product must not be grouped by accident
    kept = _kept_columns(select, below, aggregates, facts)
    if not kept:
        return None  # a cross product with a global aggregate, which is one row even where the original has none
    start = {(column.table, column.name) for column in kept}
    if _identifies_rows(select, start, below, facts):
        return Blocked(select, "the join keys identify single rows, so grouping by them first reduces nothing")
    return Split(select, below, tuple(aggregates))


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Build the grouped derived table and put it first in the FROM clause."""
    assert isinstance(site, Split)
    select = site.node
    assert isinstance(select, exp.Select)
    sources = facts.sources(select)
    name = facts.fresh_name("grouped_" + next(iter(alias for alias in sources if alias in site.below)))
    kept = _kept_columns(select, site.below, site.aggregates, facts)
    names = _output_names(kept)
    predicates = _predicates(select)
    local = {id(p): {column.table for column in facts.local_columns(p, select)} for p in predicates}
    pushed = [p for p in predicates if local[id(p)] and local[id(p)] <= site.below]
    remaining = [p for p in predicates if not any(p is other for other in pushed)]

    partials: dict[str, tuple[str, exp.Expr]] = {}

    def partial(call: exp.Expr) -> exp.Column:
        text = call.sql(facts.dialect)
        if text not in partials:
            partials[text] = (f"partial_{len(partials) + 1}", call.copy())
        return exp.column(partials[text][0], table=name)

    merged = [(call, _merged(call, partial)) for call in site.aggregates]
    outer_columns = [
        column
        for column in facts.local_columns(select, select)
        if column.table in site.below and not _within(column, [*site.aggregates, *pushed])
    ]
    for column in outer_columns:
        column.set("this", exp.to_identifier(names[column.table, column.name]))
        column.set("table", exp.to_identifier(name))
    for call, replacement in merged:
        call.replace(replacement)

    inner = exp.Select(
        expressions=[
            *(exp.alias_(exp.column(column, table=alias), names[alias, column]) for alias, column in names),
            *(exp.alias_(call, label) for label, call in partials.values()),
        ]
    )
    below = [source.node for alias, source in sources.items() if alias in site.below]
    above = [source.node for alias, source in sources.items() if alias not in site.below]
    if names:
        inner.set("group", exp.Group(expressions=[exp.column(column, table=alias) for alias, column in names]))
    below = [source.node.copy() for alias, source in sources.items() if alias in site.below]
    above = [source.node.copy() for alias, source in sources.items() if alias not in site.below]
    write_inner_joins(inner, below, [predicate.copy() for predicate in pushed])
    grouped = exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(name)))
    write_inner_joins(select, [grouped, *above], [predicate.copy() for predicate in remaining])
    return facts.tree


def _merged(call: exp.Expr, partial: Callable[[exp.Expr], exp.Column]) -> exp.Expr:
    """The expression over partial results that gives the value of ``call``."""
    bare = call.this if isinstance(call, exp.Filter) else call

    def like(function: exp.Expr) -> exp.Expr:
        if not isinstance(call, exp.Filter):
            return function
        return exp.Filter(this=function, expression=call.expression.copy())

    if isinstance(bare, (exp.Min, exp.Max)):
        return type(bare)(this=partial(call))
    if isinstance(bare, exp.Count):
        count = exp.Coalesce(this=exp.Sum(this=partial(call)), expressions=[exp.Literal.number(0)])
        return exp.cast(count, "BIGINT")
    if isinstance(bare, exp.Avg):
        total = exp.Sum(this=partial(like(exp.Sum(this=bare.this.copy()))))
        present = exp.Sum(this=partial(like(exp.Count(this=bare.this.copy()))))
        return exp.Paren(this=exp.Div(this=exp.cast(total, "DOUBLE"), expression=present))
    return exp.Sum(this=partial(call))


def _predicates(select: exp.Select) -> list[exp.Expr]:
    found = where_conjuncts(select)
    for join in select.args.get("joins") or []:
        found += conjuncts(join.args.get("on"))
    return found


def _kept_columns(
    select: exp.Select, below: frozenset[str], aggregates: tuple[exp.Expr, ...] | list[exp.Expr], facts: Facts
) -> list[exp.Column]:
    """Columns of the grouped side that the rest of the block still needs."""
    pushed = [
        predicate
        for predicate in _predicates(select)
        if (used := {column.table for column in facts.local_columns(predicate, select)}) and used <= below
    ]
    return [
        column
        for column in facts.local_columns(select, select)
        if column.table in below and not _within(column, [*aggregates, *pushed])
    ]


def _output_names(columns: list[exp.Column]) -> dict[tuple[str, str], str]:
    """Output names of the grouped derived table by (alias, column), made unique."""
    names: dict[tuple[str, str], str] = {}
    for column in columns:
        key = (column.table, column.name)
        if key not in names:
            taken = column.name in names.values()
            names[key] = f"{column.table}_{column.name}" if taken else column.name
    return names


def _within(node: exp.Expr, regions: list[exp.Expr]) -> bool:
    return any(node is region or _has_ancestor(node, region) for region in regions)


def _has_ancestor(node: exp.Expr, region: exp.Expr) -> bool:
    current = node.parent
    while current is not None:
        if current is region:
            return True
        current = current.parent
    return False


def _may_fail(node: exp.Expr) -> bool:
    """A cast from text, or a function this module knows nothing about, may raise an error."""
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        source = node.this.type
        return source is None or source.is_type(*exp.DataType.TEXT_TYPES) or source.is_type(exp.DataType.Type.UNKNOWN)
    return isinstance(node, exp.Anonymous)


def _identifies_rows(select: exp.Select, start: set[tuple[str, str]], below: frozenset[str], facts: Facts) -> bool:
    known, _ = facts.determined(select, start)
    sources = facts.sources(select)
    return all(
        facts.unique_source(sources[alias], {name for owner, name in known if owner == alias}) is not None for alias in below
    )
