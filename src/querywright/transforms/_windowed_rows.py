"""Finds correlated aggregates over the rows that the outer block reads itself, and computes them by window functions instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

from sqlglot import exp

from querywright.sql.correlation import Comparison, grouped, one_group_matches
from querywright.sql.facts import Facts, Premises, Source
from querywright.sql.predicates import (
    column_key,
    conjunction,
    conjuncts,
    constant,
    null_rejected_columns,
    set_where,
    unwrap,
    where_conjuncts,
)
from querywright.transforms._derived_columns import DerivedColumns
from querywright.transforms._scalar_aggregates import ScalarAggregate, call_stem, conditional, counts, scalar_aggregates
from querywright.transforms.protocol import Blocked, Site

_WINDOW_CALLS = (exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Count)
_CLAUSES = ("where", "expressions", "order", "qualify")
_MAXIMUM_MAPPINGS = 24
_PLACEHOLDER = ("", "aggregate")
_UP_TO_PEERS = {"kind": "RANGE", "end": "CURRENT ROW"}
_BEFORE_PEERS = {"kind": "GROUPS", "end": exp.Literal.number(1), "end_side": "PRECEDING"}


@dataclass(frozen=True)
class WindowSite(Site):
    """An aggregate over rows that the outer block reads too.

    ``names`` maps aliases of the subquery to those of the outer block; ``moved`` are the aliases and ``filters`` the outer
    conjuncts that go into the derived table; ``own`` are filters that only the subquery has. ``guards`` may be NULL and are
    compared with themselves; rows where they are NULL can be dropped if ``droppable``.
    """

    found: ScalarAggregate
    names: dict[str, str]
    moved: tuple[str, ...]
    filters: tuple[exp.Expr, ...]
    own: tuple[exp.Expr, ...]
    guards: tuple[exp.Expr, ...]
    droppable: bool


def window_sites(facts: Facts, *, ranged: bool) -> Iterator[WindowSite | Blocked]:
    """Aggregates correlated by equalities only, or (``ranged``) by one comparison of order and any equalities."""
    for found in scalar_aggregates(facts):
        if isinstance(found, Blocked) or len(found.correlation.ranges) != ranged:
            continue
        candidates = list(_mappings(found, facts))
        if not candidates or not (found.correlation.keys or ranged):
            continue
        obstacle = _obstacle(found, facts)
        if obstacle:
            yield Blocked(found.subquery, obstacle)
            continue
        sites = (_site(found, names, facts) for names in candidates)
        fitting = next((site for site in sites if site is not None), None)
        yield fitting or Blocked(found.subquery, "the subquery must read the rows that the outer block reads, under the same keys")


def _mappings(found: ScalarAggregate, facts: Facts) -> Iterator[dict[str, str]]:
    """Ways to identify every source of the subquery with one of the outer block."""
    inner = list(facts.sources(found.body).values())
    outer = list(facts.sources(found.outer).values())
    for number, chosen in enumerate(permutations(outer, len(inner))):
        if number >= _MAXIMUM_MAPPINGS * len(outer):
            return
        if all(_same_relation(a, b) for a, b in zip(inner, chosen, strict=True)):
            yield {a.alias: b.alias for a, b in zip(inner, chosen, strict=True)}


def _same_relation(first: Source, second: Source) -> bool:
    if not (isinstance(first.node, exp.Table) and isinstance(second.node, exp.Table)):
        return False
    known = first.table is not None or first.query is not None
    return known and first.table is second.table and first.query is second.query


def _obstacle(found: ScalarAggregate, facts: Facts) -> str | None:
    outer = found.outer
    for block in (outer, found.body):
        if block.args.get("laterals") or not all(_inner(source) for source in facts.sources(block).values()):
            return "outer, semi or lateral joins decide which rows there are"
    if not all(isinstance(call, _WINDOW_CALLS) and not isinstance(call.this, exp.Distinct) for call in found.calls):
        return "the aggregate has no window form (DISTINCT, FILTER, statistics)"
    if found.clause not in _CLAUSES or (found.clause != "where" and not found.within_aggregate and grouped(outer)):
        return "the subquery stands in a join condition or in a block that groups"
    if found.correlation.outside:
        return "the subquery has conditions on the outer row alone"
    queries = [source.query for source in facts.sources(found.body).values() if source.query is not None]
    if not all(facts.deterministic(query) for query in queries):
        return "the subquery is not deterministic"
    strict_range = any(comparison.operator in (exp.LT, exp.GT) for comparison in found.correlation.ranges)
    if strict_range and facts.dialect in ("mysql", "spark"):
        return "this engine has no GROUPS frames, which < and > need"
    return None


def _inner(source: Source) -> bool:
    join = source.join
    return join is None or (join.side == "" and join.kind in ("", "INNER", "CROSS") and not join.args.get("using"))


def _filters(block: exp.Select) -> list[exp.Expr]:
    joins: list[exp.Join] = block.args.get("joins") or []
    return [*where_conjuncts(block), *(predicate for join in joins for predicate in conjuncts(join.args.get("on")))]


def _text(predicate: exp.Expr, facts: Facts) -> str:
    """SQL that is the same for ``a = b`` and ``b = a``."""
    bare = unwrap(predicate)
    if isinstance(bare, exp.EQ):
        return " = ".join(sorted((bare.this.sql(facts.dialect), bare.expression.sql(facts.dialect))))
    return bare.sql(facts.dialect)


def _site(found: ScalarAggregate, names: dict[str, str], facts: Facts) -> WindowSite | None:
    outer_filters = {_text(predicate, facts): predicate for predicate in _filters(found.outer)}
    related = found.correlation
    compared = {id(comparison.predicate) for comparison in (*related.keys, *related.ranges)}
    shared: list[exp.Expr] = []
    own: list[exp.Expr] = []
    for predicate in _filters(found.body):
        if id(predicate) in compared:
            continue
        copy = found.renamed(predicate, names, facts)
        same = outer_filters.get(_text(copy, facts))
        if same is not None:
            shared.append(same)
        elif len({column.table for column in copy.find_all(exp.Column)}) == 1 and not copy.find(exp.Query):
            own.append(copy)
        else:
            return None
    guards: list[exp.Expr] = []
    premises: Premises = frozenset()
    for comparison in (*related.keys, *related.ranges):
        inner = found.renamed(comparison.inner, names, facts)
        if inner.sql(facts.dialect) == comparison.outer.sql(facts.dialect):
            proof = facts.not_null(comparison.outer, found.outer)
            guards += [inner] if proof is None else []
            premises |= proof or frozenset()
        elif comparison in related.ranges or not _equated(comparison, inner, outer_filters, facts):
            return None
    moved, filters, proofs = _attached(found, names, shared, facts)
    droppable = not own and bool(guards) and _rejects_null(found)
    return WindowSite(
        found.subquery,
        found,
        names,
        moved,
        filters,
        tuple(own),
        tuple(guards),
        droppable,
        premises=premises | proofs,
    )


def _equated(comparison: Comparison, inner: exp.Expr, outer_filters: dict[str, exp.Expr], facts: Facts) -> bool:
    """Whether the outer block, too, demands that the key equals the outer side."""
    text = _text(exp.EQ(this=inner.copy(), expression=comparison.outer.copy()), facts)
    return text in outer_filters and one_group_matches(comparison.inner, comparison.outer)


def _attached(
    found: ScalarAggregate, names: dict[str, str], shared: list[exp.Expr], facts: Facts
) -> tuple[tuple[str, ...], tuple[exp.Expr, ...], Premises]:
    """What else can be joined and filtered before the window because it keeps or drops whole partitions.

    A source of the outer block that the partition key selects at most one row of, and filters on nothing but the key and such
    sources. Returns the aliases and conjuncts of the derived table.
    """
    outer = found.outer
    keys = {
        column_key(bare)
        for key in found.correlation.keys
        if isinstance(bare := unwrap(found.renamed(key.inner, names, facts)), exp.Column)
    }
    moved = list(names.values())
    attached: set[str] = set()
    premises: Premises = frozenset()

    def by_key(node: exp.Expr) -> bool:
        columns = list(node.find_all(exp.Column))
        return bool(columns) and all(
            facts.home(column) is outer and (column_key(column) in keys or column.table in attached) for column in columns
        )

    filters = [predicate for predicate in _filters(outer) if not predicate.find(exp.Query)]
    found_one = True
    while found_one:
        found_one = False
        for source in facts.sources(outer).values():
            if source.alias in moved:
                continue
            pinned = [column for predicate in filters for column in _pinned(predicate, source.alias, by_key)]
            proof = facts.at_most_one(source, [column.name for column in pinned]) if pinned else None
            if proof is not None:
                moved.append(source.alias)
                attached.add(source.alias)
                premises |= proof
                found_one = True
    chosen = [predicate for predicate in filters if by_key(predicate) and not any(predicate is other for other in shared)]
    return tuple(moved), (*shared, *chosen), premises


def _pinned(predicate: exp.Expr, alias: str, by_key: Callable[[exp.Expr], bool]) -> Iterator[exp.Column]:
    bare = unwrap(predicate)
    if not isinstance(bare, exp.EQ):
        return
    for side, other in ((unwrap(bare.this), bare.expression), (unwrap(bare.expression), bare.this)):
        if isinstance(side, exp.Column) and side.table == alias and (by_key(other) or constant(other)):
            yield side


def _rejects_null(found: ScalarAggregate) -> bool:
    """Whether rows for which the subquery's aggregates are NULL fail a conjunct of the outer WHERE."""
    predicate = next((p for p in where_conjuncts(found.outer) if any(node is found.subquery for node in p.walk())), None)
    if predicate is None:
        return False
    marks = {id(call): None for call in found.calls if not counts(call)}
    copy = predicate.copy()
    pairs = list(zip(list(predicate.walk()), list(copy.walk()), strict=True))
    for original, twin in pairs:
        if id(original) in marks:
            twin.replace(exp.column(_PLACEHOLDER[1]))
    twin = next(twin for original, twin in pairs if original is found.subquery)
    body = twin.unnest()
    twin.replace(exp.Paren(this=body.expressions[0].unalias()))
    return _PLACEHOLDER in null_rejected_columns(copy)


def rewrite_with_windows(site: WindowSite, facts: Facts) -> exp.Query:
    """Move the shared rows into a derived table with the window columns and read them from there."""
    found = site.found
    outer, sources = found.outer, facts.sources(found.outer)
    stem = next(iter(facts.sources(found.body).values())).node.name
    columns = DerivedColumns(facts.fresh_name(f"{stem}_rows"), facts.dialect)
    consumed = {id(node) for root in (found.subquery, *site.filters) for node in root.walk()}
    for moved in site.moved:
        for column in facts.references(outer, moved):
            if id(column) not in consumed:
                reference = columns.reference(column.copy(), column.name)
                column.set("this", reference.this)
                column.set("table", reference.args["table"])
    windows = {id(call): columns.reference(_window(call, site, facts), call_stem(call)) for call in found.calls}
    found.subquery.replace(found.evaluated_by(lambda call: _counted(windows[id(call)], call, site)))
    remaining = [predicate for predicate in _filters(outer) if not any(predicate is moved for moved in site.filters)]
    derived = exp.Select()
    _read(derived, [sources[name].node for name in sources if name in site.moved])
    set_where(derived, [*site.filters, *(_is_not_null(guard) for guard in site.guards if site.droppable)])
    _read(outer, [columns.table(derived), *(source.node for name, source in sources.items() if name not in site.moved)])
    set_where(outer, remaining)
    return facts.tree


def _window(call: exp.Expr, site: WindowSite, facts: Facts) -> exp.Expr:
    """The aggregate as a window function over the derived table's rows; NULL where a guard is NULL."""
    found, related = site.found, site.found.correlation
    conditions = list(site.own)
    order: list[exp.Expr] = []
    spec: exp.WindowSpec | None = None
    for comparison in related.ranges:
        inner = found.renamed(comparison.inner, site.names, facts)
        order.append(exp.Ordered(this=inner, desc=comparison.operator in (exp.GT, exp.GTE)))
        if inner in site.guards and not site.droppable:
            conditions.append(_is_not_null(inner))
        reach = _UP_TO_PEERS if comparison.operator in (exp.LTE, exp.GTE) else _BEFORE_PEERS
        spec = exp.WindowSpec(start="UNBOUNDED", start_side="PRECEDING", **reach)
    window = exp.Window(
        this=conditional(found.renamed(call, site.names, facts), conditions),
        partition_by=[found.renamed(key.inner, site.names, facts) for key in related.keys],
        order=exp.Order(expressions=order) if order else None,
        spec=spec,
    )
    guard = conjunction([_is_not_null(guard) for guard in site.guards if not site.droppable])
    return window if guard is None else exp.Case(ifs=[exp.If(this=guard, true=window)])


def _counted(column: exp.Column, call: exp.Expr, site: WindowSite) -> exp.Expr:
    """The window's column; a count is 0, not NULL, where a guard is NULL."""
    guarded = counts(call) and site.guards and not site.droppable
    return exp.Coalesce(this=column, expressions=[exp.Literal.number(0)]) if guarded else column


def _is_not_null(node: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null()))


def _read(block: exp.Select, entries: list[exp.Expr]) -> None:
    """Make the FROM clause of ``block`` a list of ``entries``; its conditions are all in WHERE."""
    block.set("from_", exp.From(this=entries[0]))
    block.set("joins", [exp.Join(this=entry) for entry in entries[1:]])
