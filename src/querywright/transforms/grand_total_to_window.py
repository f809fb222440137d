"""Computes an aggregate over all rows of a grouped block from its groups, by a window, instead of reading the rows again.

What: ``SELECT k FROM f GROUP BY k HAVING SUM(x) > (SELECT SUM(x) * 0.01 FROM f)`` groups once, in a derived table that also
    holds ``SUM(SUM(x)) OVER ()``; HAVING becomes the WHERE around it.
When: groups are compared with the total or the average of the same joins and filters: TPC-H 11 2x on SQLite, 1.3x on DuckDB.
Sound: the subquery has the tables, joins and filters of the block, so its rows are those of all groups together, before HAVING;
    filters that it has beyond those become FILTER.
    SUM, COUNT, MIN, MAX and AVG (as SUM and COUNT) of all rows are aggregates of those of the groups. The derived table has a row
    only where there is a group, and without groups nobody reads the total. All rows must be determined by the data alone.
Source: Zuzarte and others, "WinMagic: subquery elimination using window aggregation", SIGMOD 2003; TPC-H 11.
Example:
    >>> show("SELECT k FROM f GROUP BY k HAVING SUM(x) > (SELECT SUM(x) * 0.1 FROM f)", f="k INT, x INT")
    SELECT grouped_f.k AS k FROM (SELECT f.k AS k, SUM(f.x) AS aggregate, SUM(SUM(f.x)) OVER () AS total FROM f AS f GROUP BY f.k)
    AS grouped_f WHERE grouped_f.aggregate > (grouped_f.total * 0.1)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import place, scalar_subqueries, with_aliases
from querywright.sql.facts import Facts
from querywright.sql.failures import may_fail
from querywright.sql.fingerprint import normalized
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import set_where, unwrap, where_conjuncts
from querywright.transforms._derived_columns import DerivedColumns
from querywright.transforms._from_clause import aggregate_calls
from querywright.transforms._global_aggregates import filtered, ignores_nulls
from querywright.transforms._partial_aggregates import Aggregate, merged, obstacle
from querywright.transforms._with_clauses import repeatable, self_contained
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_ROWS = ("from_", "joins", "where")
_ABOVE = ("expressions", "having", "order")
_TOTAL_CLAUSES = {*_ROWS, "expressions", "kind", "hint", "operation_modifiers"}
_GROUPED_CLAUSES = {*_TOTAL_CLAUSES, *_ABOVE, "group", "limit", "offset", "fetch", "with_", "distinct"}


@dataclass(frozen=True)
class GrandTotals(Site):
    """``node`` is the grouped SELECT; ``totals`` are the subqueries over its rows."""

    totals: tuple[exp.Subquery, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Grouped blocks with aggregates over the same rows as subqueries."""
    found: dict[int, list[exp.Subquery]] = {}
    blocks: dict[int, exp.Select] = {}
    for subquery, body in scalar_subqueries(facts):
        block = subquery.parent_select
        if not isinstance(block, exp.Select) or block.args.get("group") is None or place(subquery, block)[0] not in _ABOVE:
            continue
        aggregated = any(node is subquery for call in aggregate_calls(block) for node in call.walk())
        if not aggregated and _total(body, block, facts) is not None:
            blocks[id(block)] = block
            found.setdefault(id(block), []).append(subquery)
    for key, totals in found.items():
        block = blocks[key]
        reason = _obstacle(block, totals, facts)
        yield Blocked(totals[0], reason) if reason else GrandTotals(block, tuple(totals))


def _total(body: exp.Select, block: exp.Select, facts: Facts) -> exp.Select | None:
    """``body`` under the aliases of ``block`` if it aggregates the same rows, or with FILTER those that pass further filters."""
    if not {clause for clause, value in body.args.items() if value} <= _TOTAL_CLAUSES:
        return None
    sources, own = facts.sources(block), facts.sources(body)
    if not aggregate_calls(body) or len(sources) != len(own) or not self_contained(body, facts):
        return None
    copy = with_aliases(facts, body, dict(zip(own, sources, strict=True)))
    shared = {_text(part, facts) for part in where_conjuncts(block)}
    further = [part for part in where_conjuncts(copy) if _text(part, facts) not in shared]
    if further:
        if any(part.find(exp.Query) or may_fail(part, facts.dialect) for part in further):
            return None
        set_where(copy, [part for part in where_conjuncts(copy) if _text(part, facts) in shared])
        for call in aggregate_calls(copy):
            if not ignores_nulls(call):
                return None
            call.replace(filtered(call, further, facts.dialect))
    return copy if normalized(_rows(copy), facts.dialect) == normalized(_rows(block), facts.dialect) else None


def _rows(select: exp.Select) -> exp.Select:
    """The rows that ``select`` groups, as a query."""
    rows = exp.Select(expressions=[exp.Literal.number(1)])
    for clause in _ROWS:
        value = select.args.get(clause)
        if value:
            rows.set(clause, [part.copy() for part in value] if isinstance(value, list) else value.copy())
    return rows


def _obstacle(block: exp.Select, totals: list[exp.Subquery], facts: Facts) -> str | None:
    if not {clause for clause, value in block.args.items() if value} <= _GROUPED_CLAUSES or has_grouping_sets(block):
        return "the block has grouping sets, QUALIFY or other clauses besides GROUP BY and HAVING"
    if block.args.get("distinct") is not None and block.args["distinct"].args.get("on"):
        return "the block has DISTINCT ON"
    if not all(repeatable(_rows(block), facts) and facts.deterministic(total) for total in totals):
        return "the rows of the block must be determined by the data alone"
    for total in totals:
        body = total.unnest()
        assert isinstance(body, exp.Select)
        calls = aggregate_calls(body)
        inside = {id(node) for call in calls for node in call.walk()}
        if any(id(column) not in inside for column in body.selects[0].find_all(exp.Column)) or body.selects[0].find(exp.Query):
            return "the subquery computes more than aggregates"
        reason = next((reason for call in calls if (reason := obstacle(call, facts))), None)
        if reason is not None:
            return reason
    groups = {_text(node, facts) for node in block.args["group"].expressions}
    kept = {id(node) for call in aggregate_calls(block) for node in call.walk()}
    kept |= {id(node) for total in totals for node in total.walk()}

    def settled(node: exp.Expr) -> bool:
        return id(node) in kept or _text(node, facts) in groups

    for part in _parts(block):
        others = [node for node in part.walk(prune=settled) if not settled(node)]
        if any(isinstance(node, (exp.Query, exp.Window)) for node in others):
            return "the block has windows or other subqueries"
        if any(isinstance(node, exp.Column) and node.table for node in others):
            return "the block shows columns that are no grouping columns"
    return None


def _text(node: exp.Expr, facts: Facts) -> str:
    return unwrap(node).sql(facts.dialect)


def _parts(block: exp.Select) -> list[exp.Expr]:
    """Everything that is evaluated on the groups of ``block``."""
    return [*block.expressions, *(part for clause in ("having", "order") if (part := block.args.get(clause)) is not None)]


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Move the rows and the groups into a derived table, and read their columns."""
    assert isinstance(site, GrandTotals) and isinstance(site.node, exp.Select)
    block = site.node
    first = next(iter(facts.sources(block).values()))
    columns = DerivedColumns(facts.fresh_name(f"grouped_{first.alias}"), facts.dialect)
    group = block.args["group"]
    groups = {_text(node, facts): node for node in group.expressions}
    calls = {id(call) for call in aggregate_calls(block)}
    totals = {id(total): total for total in site.totals}

    def from_groups(node: exp.Expr) -> exp.Expr:
        if id(node) in totals:
            return _grand_total(totals[id(node)], block, columns, facts)
        if id(node) in calls:
            return columns.reference(node.copy(), "aggregate")
        if not isinstance(node, (exp.Paren, exp.Alias)) and _text(node, facts) in groups:
            return columns.reference(node.copy(), node.name if isinstance(node, exp.Column) else "grouping_value")
        return node

    for part in _parts(block):
        part.transform(from_groups, copy=False)
    inner = _rows(block)
    inner.set("group", group.copy())
    having = block.args.get("having")
    for clause in ("joins", "group", "having"):
        block.set(clause, None)
    block.set("from_", exp.From(this=columns.table(inner)))
    block.set("where", exp.Where(this=having.this) if having is not None else None)
    return facts.tree


def _grand_total(total: exp.Subquery, block: exp.Select, columns: DerivedColumns, facts: Facts) -> exp.Expr:
    """The value of ``total`` from columns of the derived table."""
    body = total.unnest()
    assert isinstance(body, exp.Select)
    copy = _total(body, block, facts)
    assert copy is not None
    for call in aggregate_calls(copy):
        over_groups = exp.Paren(this=merged(Aggregate(call), lambda partial: partial, facts.dialect))
        for aggregate in list(over_groups.find_all(exp.AggFunc)):
            if aggregate.find_ancestor(exp.AggFunc) is None:
                aggregate.replace(exp.Window(this=aggregate.copy()))
        call.replace(columns.reference(unwrap(over_groups), "total"))
    value = copy.selects[0].unalias()
    return exp.Paren(this=value) if isinstance(value, exp.Binary) else value
