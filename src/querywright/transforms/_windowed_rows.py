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
from querywright.values import Premise

WINDOW_CALLS = (exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Count)
_CLAUSES = ("where", "expressions", "order", "qualify")
_MAXIMUM_MAPPINGS = 24
_PLACEHOLDER = ("", "aggregate")
_UP_TO_PEERS = {"kind": "RANGE", "end": "CURRENT ROW"}
_BEFORE_PEERS = {"kind": "GROUPS", "end": "1", "end_side": "PRECEDING"}


@dataclass(frozen=True)
class SharedRows:
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
    premises: Premises


@dataclass(frozen=True)
class WindowSite(Site):
    """Subqueries of one block that window functions in one derived table replace."""

    parts: tuple[SharedRows, ...]


def no_window_form(found: ScalarAggregate, facts: Facts) -> str | None:
    """Why the aggregates cannot be window functions over the rows up to the current one."""
    if not all(isinstance(call, WINDOW_CALLS) and not isinstance(call.this, exp.Distinct) for call in found.calls):
        return "the aggregate has no window form (DISTINCT, FILTER, statistics)"
    strict_range = any(comparison.operator in (exp.LT, exp.GT) for comparison in found.correlation.ranges)
    if strict_range and facts.dialect in ("mysql", "spark"):
        return "this engine has no GROUPS frames, which < and > need"
    return None


def window_sites(
    facts: Facts,
    *,
    ranged: bool,
    wanted: Callable[[ScalarAggregate], bool] = lambda found: True,
    obstacle: Callable[[ScalarAggregate, Facts], str | None] = no_window_form,
) -> Iterator[WindowSite | Blocked]:
    """Aggregates correlated by equalities only, or (``ranged``) by one comparison of order and any equalities.

    ``obstacle`` says why those that are ``wanted`` have no window form.
    """
    together: dict[tuple[int, frozenset[str], frozenset[int]], list[SharedRows]] = {}
    for found in scalar_aggregates(facts):
        if isinstance(found, Blocked) or len(found.correlation.ranges) != ranged:
            continue
        candidates = list(_mappings(found, facts))
        if not candidates or not (found.correlation.keys or ranged) or not wanted(found):
            continue
        reason = _obstacle(found, facts) or obstacle(found, facts)
        if reason:
            yield Blocked(found.subquery, reason)
            continue
        shared = (_shared_rows(found, names, facts) for names in candidates)
        rows = next((rows for rows in shared if rows is not None), None)
        if rows is None:
            yield Blocked(found.subquery, "the subquery must read the rows that the outer block reads, under the same keys")
            continue
        place = (id(found.outer), frozenset(rows.moved), frozenset(id(predicate) for predicate in rows.filters))
        together.setdefault(place, []).append(rows)
    for parts in together.values():
        premises = frozenset[Premise]().union(*(part.premises for part in parts))
        yield WindowSite(parts[0].found.subquery, tuple(parts), premises=premises)


def _mappings(found: ScalarAggregate, facts: Facts) -> Iterator[dict[str, str]]:
    """Ways to identify every source of the subquery with one of the outer block."""
    inner = list(facts.sources(found.body).values())
    outer = list(facts.sources(found.outer).values())
    for number, chosen in enumerate(permutations(outer, len(inner))):
        if number >= _MAXIMUM_MAPPINGS * len(outer):
            return
        if all(same_relation(a, b) for a, b in zip(inner, chosen, strict=True)):
            yield {a.alias: b.alias for a, b in zip(inner, chosen, strict=True)}


def same_relation(first: Source, second: Source) -> bool:
    if not (isinstance(first.node, exp.Table) and isinstance(second.node, exp.Table)):
        return False
    known = first.table is not None or first.query is not None
    return known and first.table is second.table and first.query is second.query


def _obstacle(found: ScalarAggregate, facts: Facts) -> str | None:
    outer = found.outer
    for block in (outer, found.body):
        if block.args.get("laterals") or not all(_inner(source) for source in facts.sources(block).values()):
            return "outer, semi or lateral joins decide which rows there are"
    if found.clause not in _CLAUSES or (found.clause != "where" and not found.within_aggregate and grouped(outer)):
        return "the subquery stands in a join condition or in a block that groups"
    if found.correlation.outside:
        return "the subquery has conditions on the outer row alone"
    queries = [source.query for source in facts.sources(found.body).values() if source.query is not None]
    if not all(facts.deterministic(query) for query in queries):
        return "the subquery is not deterministic"
    return None


def _inner(source: Source) -> bool:
    join = source.join
    return join is None or (join.side == "" and join.kind in ("", "INNER", "CROSS") and not join.args.get("using"))


def filters_of(block: exp.Select) -> list[exp.Expr]:
    joins: list[exp.Join] = block.args.get("joins") or []
    return [*where_conjuncts(block), *(predicate for join in joins for predicate in conjuncts(join.args.get("on")))]


def _text(predicate: exp.Expr, facts: Facts) -> str:
    """SQL that is the same for ``a = b`` and ``b = a``."""
    bare = unwrap(predicate)
    if isinstance(bare, exp.EQ):
        return " = ".join(sorted((bare.this.sql(facts.dialect), bare.expression.sql(facts.dialect))))
    return bare.sql(facts.dialect)


def _shared_rows(found: ScalarAggregate, names: dict[str, str], facts: Facts) -> SharedRows | None:
    outer_filters = {_text(predicate, facts): predicate for predicate in filters_of(found.outer)}
    related = found.correlation
    compared = {id(comparison.predicate) for comparison in (*related.keys, *related.ranges)}
    shared: list[exp.Expr] = []
    own: list[exp.Expr] = []
    for predicate in filters_of(found.body):
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
            ordering = comparison in related.ranges
            source = facts.sources(found.outer).get(unwrap(inner).text("table"))
            proof = stored_not_null(inner, source, facts) if ordering else facts.not_null(comparison.outer, found.outer)
            guards += [inner] if proof is None else []
            premises |= proof or frozenset()
        elif comparison in related.ranges or not _equated(comparison, inner, outer_filters, facts):
            return None
    moved, filters, proofs = _attached(found, names, shared, facts)
    compared_not_null = all(facts.not_null(c.outer, found.outer) is not None for c in (*related.keys, *related.ranges))
    droppable = bool(guards) and (compared_not_null or _rejects_null(found))
    return SharedRows(found, names, moved, filters, tuple(own), tuple(guards), droppable, premises | proofs)


def stored_not_null(node: exp.Expr, source: Source | None, facts: Facts) -> Premises | None:
    """Premises under which a column of ``source`` is not NULL even in rows that the outer block filters out later."""
    bare = unwrap(node)
    if source is None or not isinstance(bare, exp.Column):
        return None
    if source.query is not None:
        return facts.not_null_output(source.query, bare.name)
    stored = source.table.column(bare.name) if source.table is not None else None
    if source.table is None or stored is None or stored.not_null is None:
        return None
    return frozenset([Premise("not_null", source.table.name, (stored.name,), stored.not_null)])


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

    filters = [predicate for predicate in filters_of(outer) if not predicate.find(exp.Query)]
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
        if (
            isinstance(side, exp.Column)
            and side.table == alias
            and (constant(other) or (by_key(other) and one_group_matches(side, other)))
        ):
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


def aggregate_window(call: exp.Expr, part: SharedRows, guards: list[exp.Expr], facts: Facts) -> exp.Expr:
    """The aggregate as a window function over the derived table's rows."""
    found, related = part.found, part.found.correlation
    conditions = list(part.own)
    order: list[exp.Expr] = []
    spec: exp.WindowSpec | None = None
    for comparison in related.ranges:
        inner = found.renamed(comparison.inner, part.names, facts)
        conditions += [is_not_null(inner)] if inner in guards else []
        order.append(exp.Ordered(this=inner, desc=comparison.operator in (exp.GT, exp.GTE)))
        spec = running_frame(comparison.operator)
    return exp.Window(
        this=conditional(found.renamed(call, part.names, facts), conditions),
        partition_by=[found.renamed(key.inner, part.names, facts) for key in related.keys],
        order=exp.Order(expressions=order) if order else None,
        spec=spec,
    )


Form = Callable[[exp.Expr, SharedRows, list[exp.Expr], Facts], exp.Expr]
"""Writes an aggregate of a subquery over rows of the derived table; the expressions given may be NULL in them."""


def rewrite_with_windows(site: WindowSite, facts: Facts, form: Form = aggregate_window) -> exp.Query:
    """Move the shared rows into a derived table with the window columns and read them from there."""
    first = site.parts[0]
    outer, sources = first.found.outer, facts.sources(first.found.outer)
    stem = next(iter(facts.sources(first.found.body).values())).node.name
    columns = DerivedColumns(facts.fresh_name(f"{stem}_rows"), facts.dialect)
    roots = [*first.filters, *(part.found.subquery for part in site.parts)]
    consumed = {id(node) for root in roots for node in root.walk()}
    for moved in first.moved:
        for column in facts.references(outer, moved):
            if id(column) not in consumed:
                reference = columns.reference(column.copy(), column.name)
                column.set("this", reference.this)
                column.set("table", reference.args["table"])
    # Rows that one subquery ignores may count for another one.
    dropped = list(first.guards) if len(site.parts) == 1 and first.droppable else []
    for part in site.parts:
        _replace_subquery(part, columns, [] if dropped else list(part.guards), form, facts)
    remaining = [predicate for predicate in filters_of(outer) if not any(predicate is moved for moved in first.filters)]
    derived = exp.Select()
    _read(derived, [source.node for name, source in sources.items() if name in first.moved])
    set_where(derived, [*first.filters, *map(is_not_null, dropped)])
    _read(outer, [columns.table(derived), *(source.node for name, source in sources.items() if name not in first.moved)])
    set_where(outer, remaining)
    return facts.tree


def _replace_subquery(part: SharedRows, columns: DerivedColumns, guards: list[exp.Expr], form: Form, facts: Facts) -> None:
    """Put columns of the derived table for a subquery; NULL, or 0 for a count, where one of ``guards`` is NULL."""
    windows: dict[int, exp.Expr] = {}
    for call in part.found.calls:
        window = form(call, part, guards, facts)
        guard = conjunction([is_not_null(node) for node in guards])
        if guard is not None:
            window = exp.Case(ifs=[exp.If(this=guard, true=window)])
        column = columns.reference(window, call_stem(call))
        zero = exp.Literal.number(0)
        windows[id(call)] = exp.Coalesce(this=column, expressions=[zero]) if guards and counts(call) else column
    part.found.subquery.replace(part.found.evaluated_by(lambda call: windows[id(call)]))


def running_frame(operator: type[exp.Expr]) -> exp.WindowSpec:
    """The frame of the rows that compare with the current one: its peers belong to it under ``<=`` and ``>=``."""
    reach = _UP_TO_PEERS if operator in (exp.LTE, exp.GTE) else _BEFORE_PEERS
    return exp.WindowSpec(start="UNBOUNDED", start_side="PRECEDING", **reach)


def is_not_null(node: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null()))


def _read(block: exp.Select, entries: list[exp.Expr]) -> None:
    """Make the FROM clause of ``block`` a list of ``entries``; its conditions are all in WHERE."""
    block.set("from_", exp.From(this=entries[0]))
    block.set("joins", [exp.Join(this=entry) for entry in entries[1:]])
