"""Computes several one-row aggregates over the same tables in one scan.

What: scalar subqueries, or cross-joined derived tables, that aggregate the same FROM clause become one derived table:
    ``(SELECT count(*) FROM t WHERE c AND p1), (SELECT avg(x) FROM t WHERE c AND p2)`` becomes ``SELECT count(*) FILTER
    (WHERE p1), avg(x) FILTER (WHERE p2) FROM t WHERE c AND (p1 OR p2)``. Where p1, p2, … are disjoint over a plain table,
    rows are grouped by the predicate they meet, and the groups are turned into columns.
When: each scan costs: over joins 3x to 7x on every engine (TPC-DS 88, 90), equal predicates 1.3x to 2.9x, disjoint ones
    1.5x to 6x (TPC-DS 9, 28). Over a plain table with overlapping predicates SQLite, PostgreSQL and MySQL gain 2x to
    4x, but DuckDB loses, so there nothing is proposed.
Sound: aggregates that ignore NULLs see the same rows through FILTER. COUNT of no rows stays 0 (COALESCE after grouping)
    and all others NULL; a global aggregate stays one row, so joining it changes no multiplicity. Arguments that might
    fail on the rows of another predicate are guarded by CASE, or keep the transform from grouping. Disjointness is read
    off the constants of one column. Nothing correlated or random; the enclosing block of scalar subqueries must not
    aggregate, as the value becomes a column there.
Source: TPC-DS 9, 28, 88, 90; Galindo-Legaria and Joshi, "Orthogonal optimization of subqueries and aggregation", 2001.
Example:
    >>> show("SELECT (SELECT min(x) FROM t WHERE k > 1) AS low, (SELECT max(x) FROM t WHERE k > 1) AS high", t="k INT, x INT")
    SELECT totals.min_x AS low, totals.max_x AS high FROM
    (SELECT MIN(t.x) AS min_x, MAX(t.x) AS max_x FROM t AS t WHERE t.k > 1) AS totals
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import conjunction, disjunction, set_where, unwrap
from querywright.transforms._global_aggregates import (
    GlobalAggregate,
    aggregate_calls,
    filtered,
    global_aggregate,
    partition,
    plain,
)
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")
SLOWER_WHEN_FILTERED = ("duckdb",)
"""Dialects that scan a plain table faster several times than once with many FILTER clauses."""

_MISPLACED = (
    exp.In,
    exp.Any,
    exp.All,
    exp.Exists,
    exp.From,
    exp.Join,
    exp.CTE,
    exp.SetOperation,
    exp.Subquery,
    exp.Limit,
    exp.Offset,
)


@dataclass(frozen=True)
class Consolidation(Site):
    """``members`` stand in ``select``; ``grouped`` asks for one group a predicate instead of FILTER clauses."""

    select: exp.Select
    members: tuple[GlobalAggregate, ...]
    grouped: bool


@dataclass
class Totals:
    """The consolidated derived table while it is built: output expressions by name."""

    alias: str
    outputs: dict[str, exp.Expr] = field(default_factory=dict)

    def column(self, expression: exp.Expr, stem: str) -> exp.Column:
        """A reference to an output, which is added where there is none of the same expression."""
        for name, known in self.outputs.items():
            if known == expression:
                return exp.column(name, self.alias)
        name, number = stem, 1
        while name.lower() in {taken.lower() for taken in self.outputs}:
            number += 1
            name = f"{stem}_{number}"
        self.outputs[name] = expression
        return exp.column(name, self.alias)

    def projections(self) -> list[exp.Expr]:
        """The SELECT list."""
        return [exp.alias_(expression, name) for name, expression in self.outputs.items()]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Blocks that read at least two global aggregates of the same tables."""
    for select in facts.selects():
        for members in (_derived(select, facts), _scalars(select, facts)):
            alike: dict[str, list[GlobalAggregate]] = {}
            for member in members:
                alike.setdefault(member.signature, []).append(member)
            for group in alike.values():
                if len(group) > 1:
                    yield from _examine(select, group, facts)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Build the derived table and read its columns."""
    assert isinstance(site, Consolidation)
    first = site.members[0]
    totals = Totals(facts.fresh_name("totals"))
    body = _grouped(site, totals, facts) if site.grouped else _filtered(site, totals, facts)
    table = exp.Subquery(this=body, alias=exp.TableAlias(this=exp.to_identifier(totals.alias)))
    if first.source:
        removed = {id(member.place) for member in site.members[1:]}
        site.select.set("joins", [join for join in site.select.args.get("joins") or [] if id(join.this) not in removed])
        first.place.replace(table)
    elif site.select.args.get("from_") is None:
        site.select.set("from_", exp.From(this=table))
    else:
        site.select.append("joins", exp.Join(this=table, kind="CROSS"))
    return facts.tree


def _derived(select: exp.Select, facts: Facts) -> list[GlobalAggregate]:
    """Global aggregates in FROM that are cross-joined."""
    sources = facts.sources(select).values()
    if any(source.join is not None and source.join.side in ("RIGHT", "FULL") for source in sources):
        return []
    members = [
        global_aggregate(source.node, facts)
        for source in sources
        if isinstance(source.node, exp.Subquery)
        and (source.join is None or (not source.outer and source.join.kind in ("", "CROSS", "INNER") and _bare(source.join)))
    ]
    return [member for member in members if member is not None]


def _bare(join: exp.Join) -> bool:
    return not any(join.args.get(part) for part in ("on", "using", "method"))


def _scalars(select: exp.Select, facts: Facts) -> list[GlobalAggregate]:
    """Global aggregates that stand for a value outside of FROM, in this block and not in a nested one."""
    places = [
        node
        for node in select.find_all(exp.Subquery, bfs=False)
        if node.parent_select is select
        and not isinstance(node.parent, _MISPLACED)
        and node.find_ancestor(exp.From, exp.Join, exp.Lateral, exp.Select) is select
    ]
    members = [global_aggregate(place, facts) for place in places]
    return [member for member in members if member is not None and len(member.block.expressions) == 1]


def _examine(select: exp.Select, group: list[GlobalAggregate], facts: Facts) -> Iterator[Site | Blocked]:
    scalar = not group[0].source
    if scalar and (
        select.args.get("group") is not None or any(call.parent_select is select for call in select.find_all(exp.AggFunc))
    ):
        yield Blocked(select, "the enclosing block aggregates, so a column of the derived table cannot stand for the subquery")
        return
    if scalar and facts.correlated_columns(select):
        yield Blocked(select, "the enclosing block depends on an outer row, which would compute the derived table for each one")
        return
    classes: dict[frozenset[str], list[GlobalAggregate]] = {}
    for member in group:
        classes.setdefault(frozenset(member.conditions), []).append(member)
    joined = len(facts.sources(group[0].block)) > 1
    if len(classes) > 1 and not joined and _groupable(classes, facts):
        yield Consolidation(group[0].place, select, tuple(group), True)
    elif len(classes) == 1 or joined or facts.dialect not in SLOWER_WHEN_FILTERED:
        yield Consolidation(group[0].place, select, tuple(group), False)
    else:
        equal = [members for members in classes.values() if len(members) > 1]
        for members in equal:
            yield Consolidation(members[0].place, select, tuple(members), False)
        if not equal:
            yield Blocked(group[0].place, "over a plain table the predicates must be equal or disjoint to gain on this engine")


def _groupable(classes: dict[frozenset[str], list[GlobalAggregate]], facts: Facts) -> bool:
    """Whether no row meets two predicates and no aggregate can fail on, or is wasted on, a group that did not ask for it."""
    members = [members[0] for members in classes.values()]
    shared = frozenset.intersection(*classes)
    calls = [{call.sql(): call for member in same for call in member.calls()} for same in classes.values()]
    safe = all(plain(call) or all(text in other for other in calls) for found in calls for text, call in found.items())
    wasteful = facts.dialect in SLOWER_WHEN_FILTERED and any(
        call.find(exp.Distinct) for found in calls for call in found.values()
    )
    conditions = [member.remaining(shared) for member in members]
    if facts.dialect == "sqlite" and any(part.find(exp.Cast) for parts in conditions for part in parts):
        return False  # CAST(text AS DATE) is a number there
    return safe and not wasteful and partition(conditions) is not None


def _shared(site: Consolidation) -> frozenset[str]:
    return frozenset.intersection(*(frozenset(member.conditions) for member in site.members))


def _core(site: Consolidation) -> exp.Select:
    """FROM of the members, and the WHERE that keeps the rows at least one of them reads."""
    first, shared = site.members[0], _shared(site)
    core = first.block.copy()
    core.set("expressions", [])
    options = {text: option for member in site.members for text, option in [_condition(member, shared)]}
    either = None if None in options.values() else disjunction([option for option in options.values() if option is not None])
    restrictions = [] if either is None else [either]
    different = {_condition(member, shared)[0]: member.remaining(shared) for member in site.members}
    ranges = partition(list(different.values())) if site.grouped else None
    if ranges is not None:
        # One range over all is cheaper than the OR; rows in the gaps fall into a group without a number.
        exact = ranges.complete and all(plain(call) for member in site.members for call in member.calls())
        restrictions = [*ranges.hull, *([] if exact else restrictions)]
    set_where(core, [*(part.copy() for text, part in first.conditions.items() if text in shared), *restrictions])
    return core


def _condition(member: GlobalAggregate, shared: frozenset[str]) -> tuple[str, exp.Expr | None]:
    """What sets a member apart, and its text; None where nothing does."""
    condition = conjunction(part.copy() for part in member.remaining(shared))
    return (condition.sql() if condition is not None else ""), condition


def _filtered(site: Consolidation, totals: Totals, facts: Facts) -> exp.Query:
    shared = _shared(site)
    core = _core(site)
    for member in site.members:
        conditions = member.remaining(shared)
        for projection in member.block.expressions:
            value = projection.unalias().copy()
            stem = _stem(projection, member)
            for call in aggregate_calls(value):
                changed = filtered(call, conditions, facts.dialect)
                value = _exchanged(value, call, changed)
            _read(site, member, projection, totals.column(value, stem), facts)
    core.set("expressions", totals.projections())
    return core


def _grouped(site: Consolidation, totals: Totals, facts: Facts) -> exp.Query:
    shared = _shared(site)
    core = _core(site)
    buckets = Totals(facts.fresh_name("buckets"))
    bucket = facts.fresh_name("bucket")
    numbers: dict[str, int] = {}
    branches: list[exp.If] = []
    for member in site.members:
        text, condition = _condition(member, shared)
        if text not in numbers:
            numbers[text] = len(numbers) + 1
            branches.append(exp.If(this=condition, true=exp.Literal.number(numbers[text])))
        for projection in member.block.expressions:
            value = projection.unalias().copy()
            stem = _stem(projection, member)
            for call in aggregate_calls(value):
                column = buckets.column(call.copy(), _call_name(call))
                chosen = exp.EQ(this=exp.column(bucket, buckets.alias), expression=exp.Literal.number(numbers[text]))
                pivot: exp.Expr = exp.Max(this=exp.Case(ifs=[exp.If(this=chosen, true=column)]))
                if isinstance(unwrap(call.this if isinstance(call, exp.Filter) else call), exp.Count):
                    pivot = exp.Coalesce(this=pivot, expressions=[exp.Literal.number(0)])
                value = _exchanged(value, call, pivot)
            _read(site, member, projection, totals.column(value, stem), facts)
    choice = exp.Case(ifs=branches)
    core.set("expressions", [exp.alias_(choice, bucket), *buckets.projections()])
    core.set("group", exp.Group(expressions=[choice.copy()]))
    inner = exp.Subquery(this=core, alias=exp.TableAlias(this=exp.to_identifier(buckets.alias)))
    return exp.Select(expressions=totals.projections(), from_=exp.From(this=inner))


def _exchanged(value: exp.Expr, call: exp.Expr, replacement: exp.Expr) -> exp.Expr:
    """``value`` with one of its nodes, perhaps itself, replaced."""
    if call is value:
        return replacement
    call.replace(replacement)
    return value


def _read(site: Consolidation, member: GlobalAggregate, projection: exp.Expr, column: exp.Column, facts: Facts) -> None:
    """Put ``column`` where the member's output was read."""
    if not member.source:
        member.place.replace(column)
        return
    for reference in facts.references(site.select, member.source):
        if reference.name == projection.alias_or_name:
            reference.replace(column.copy())


def _stem(projection: exp.Expr, member: GlobalAggregate) -> str:
    """Name of an output: that of the derived table, or of its first aggregate call for a scalar subquery."""
    return projection.alias_or_name if member.source else _call_name(aggregate_calls(projection)[0])


def _call_name(call: exp.Expr) -> str:
    aggregate = call.this if isinstance(call, exp.Filter) else call
    column = aggregate.find(exp.Column)
    return f"{aggregate.key}_{column.name}" if column is not None else aggregate.key
