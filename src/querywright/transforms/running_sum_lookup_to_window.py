"""Replaces a running total of other rows, looked up anew for every row, by a window function over both.

What: ``(SELECT SUM(t.x) FROM t WHERE t.g = o.g AND t.k <= o.k)`` over another table than the block's own: ``t`` is summed by
    ``g`` and ``k``, these sums are put among the block's rows by UNION ALL, a window function with ``ORDER BY k`` adds them up,
    and the block reads its own rows back with the totals. Subqueries that differ in local filters only share one scan.
When: the subquery is quadratic: totals at the end of each month measured 12x on DuckDB and 34x on SQLite; 200 rows that each
    look at 100,000 others 10x and 17x. Loses where few rows look up few others each by an equality (DuckDB 0.1x).
Sound: rows that compare equal are peers: a RANGE frame up to the current row counts them for ``<=``, a GROUPS frame that ends one
    group earlier does not for ``<``; ``>=`` and ``>`` order descending. The block's rows add nothing to the totals. Rows of
    ``t`` whose ``k`` is NULL are left out; a row of the block whose ``k`` or ``g`` is NULL gets NULL, or 0 for COUNT. The
    compared types are of one kind, so that UNION ALL changes no value. All conditions of the block move below the window but
    those that use a total.
Source: the merge of both inputs of a band join, DeWitt, Naughton and Schneider, "An evaluation of non-equijoin algorithms",
    VLDB 1991; SQL:2003 OLAP functions.
Example:
    >>> show(
    ...     "SELECT m.day, (SELECT SUM(s.amount) FROM sales AS s WHERE s.day <= m.day) AS total FROM months AS m",
    ...     sales="day DATE, amount INT",
    ...     months="day DATE NOT NULL",
    ... )
    SELECT running_sales.day AS day, running_sales.sum_amount AS total FROM (SELECT merged_sales.day AS day,
    SUM(merged_sales.partial_sum_amount) OVER (ORDER BY merged_sales.reached ASC
    RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sum_amount, merged_sales.is_own AS is_own
    FROM (SELECT m.day AS day, m.day AS reached, NULL AS partial_sum_amount, 1 AS is_own FROM months AS m
    UNION ALL SELECT NULL AS day, s.day AS reached, SUM(s.amount) AS partial_sum_amount, 0 AS is_own FROM sales AS s
    WHERE NOT s.day IS NULL GROUP BY s.day) AS merged_sales) AS running_sales WHERE running_sales.is_own = 1
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import grouped, one_group_matches
from querywright.sql.facts import NONE_NEEDED, Facts
from querywright.sql.order import order_sensitive
from querywright.sql.predicates import conjunction, set_where, unwrap, where_conjuncts
from querywright.sql.pruning import reads_whole_rows
from querywright.transforms._derived_columns import DerivedColumns
from querywright.transforms._partial_aggregates import PARTIAL, Aggregate, merged, undecomposable
from querywright.transforms._scalar_aggregates import ScalarAggregate, call_stem, conditional, counts, scalar_aggregates
from querywright.transforms._shared_subqueries import shared_body, signature
from querywright.transforms._windowed_rows import WindowSite, is_not_null, running_frame, window_sites
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "decorrelate"
ENGINES = ("duckdb", "sqlite", "postgres")

_CLAUSES = ("where", "expressions", "order")


@dataclass(frozen=True)
class RunningLookup(Site):
    """Subqueries of one block that one pass over both inputs answers; ``guards`` of the block may be NULL and are compared."""

    members: tuple[ScalarAggregate, ...]
    guards: tuple[exp.Expr, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[RunningLookup | Blocked]:
    """Aggregates over the rows of other tables up to a value of the current row."""
    own = [site for site in window_sites(facts, ranged=True) if isinstance(site, WindowSite)]
    over_own_rows = {id(part.found.subquery) for site in own for part in site.parts}
    together: dict[tuple[int, str], list[ScalarAggregate]] = {}
    for found in scalar_aggregates(facts):
        if isinstance(found, Blocked) or len(found.correlation.ranges) != 1 or id(found.subquery) in over_own_rows:
            continue
        obstacle = _obstacle(found, facts)
        if obstacle:
            yield Blocked(found.subquery, obstacle)
        else:
            together.setdefault((id(found.outer), signature(found, facts)), []).append(found)
    for members in together.values():
        guards: list[exp.Expr] = []
        premises = NONE_NEEDED
        related = members[0].correlation
        for comparison in (*related.keys, *related.ranges):
            proof = facts.not_null(comparison.outer, related.outer)
            guards += [comparison.outer] if proof is None else []
            premises |= proof or NONE_NEEDED
        yield RunningLookup(members[0].subquery, tuple(members), tuple(guards), premises=premises)


def _obstacle(found: ScalarAggregate, facts: Facts) -> str | None:
    outer, related = found.outer, found.correlation
    compared = (*related.keys, *related.ranges)
    if related.outside or found.body.args.get("with_"):
        return "the subquery has conditions on the outer row alone or common table expressions of its own"
    reason = next((reason for call in found.calls if (reason := undecomposable(call, facts))), None)
    if reason:
        return reason
    if not all(one_group_matches(*sides) for c in compared for sides in ((c.inner, c.outer), (c.outer, c.inner))):
        return "the compared columns must be of one known kind of type"
    if found.clause not in _CLAUSES or (found.clause != "where" and not found.within_aggregate and grouped(outer)):
        return "the subquery stands in a join condition or in a block that groups"
    if facts.correlated_columns(outer) or not facts.sources(outer) or reads_whole_rows(outer):
        return "the outer block depends on rows of a further one or reads whole rows"
    if (clause := outer.find_ancestor(exp.With)) is not None and clause.args.get("recursive"):
        return "a recursive common table expression may not read itself below a window"
    if order_sensitive(outer) or not facts.deterministic(outer):
        return "the outer block must not depend on chance or on the order of rows"
    return None


def rewrite(site: RunningLookup, facts: Facts) -> exp.Query:
    """Merge the sums with the rows of the block, add up, and read the rows back."""
    return _Merge(site, facts).rewritten()


class _Merge:
    """The blocks under construction: both inputs united, the totals over them, and the block that reads its own rows back."""

    def __init__(self, site: RunningLookup, facts: Facts) -> None:
        self.site, self.facts = site, facts
        self.first = site.members[0]
        self.outer = self.first.outer
        related = self.first.correlation
        self.compared = (*related.keys, *related.ranges)
        stem = next(iter(facts.sources(self.first.body).values())).node.name or "rows"
        self.united = facts.fresh_name(f"merged_{stem}")
        self.places = [
            *(facts.fresh_name(f"match_{number}") for number, _ in enumerate(related.keys, 1)),
            facts.fresh_name("reached"),
        ]
        self.mark = facts.fresh_name("is_own")
        self.carried = DerivedColumns(self.united, facts.dialect)
        self.partials = DerivedColumns(self.united, facts.dialect)
        self.published = DerivedColumns(facts.fresh_name(f"running_{stem}"), facts.dialect)

    def rewritten(self) -> exp.Query:
        subqueries = [member.subquery for member in self.site.members]
        filters = where_conjuncts(self.outer)
        staying = [p for p in filters if any(node is subquery for node in p.walk() for subquery in subqueries)]
        moving = [p for p in filters if not any(p is other for other in staying)]
        entries = [self.outer.args["from_"], *(self.outer.args.get("joins") or [])]
        self._carry([*entries, *moving, *subqueries])
        sums, own_filters = shared_body(self.site.members, self.facts)
        for member, own in zip(self.site.members, own_filters, strict=True):
            self._answer(member, own)
        own_rows = exp.Select(from_=entries[0], joins=entries[1:])
        set_where(own_rows, moving)
        totals = exp.Select(from_=exp.From(this=self._union(own_rows, sums)))
        is_own = exp.EQ(this=self.published.reference(self._united(self.mark), self.mark), expression=exp.Literal.number(1))
        self.outer.set("from_", exp.From(this=self.published.table(totals)))
        self.outer.set("joins", None)
        set_where(self.outer, [is_own, *staying])
        return self.facts.tree

    def _carry(self, consumed: list[exp.Expr]) -> None:
        """Let the block read its columns, except those within ``consumed``, from the totals."""
        inside = {id(node) for root in consumed for node in root.walk()}
        for alias in self.facts.sources(self.outer):
            for column in self.facts.references(self.outer, alias):
                if id(column) not in inside:
                    carried = self.carried.reference(column.copy(), column.name)
                    reference = self.published.reference(carried, carried.name)
                    column.set("this", reference.this)
                    column.set("table", reference.args["table"])

    def _answer(self, member: ScalarAggregate, own: list[exp.Expr]) -> None:
        """Put columns of the totals for a subquery, whose filter ``own`` the others do not share."""
        names = dict(zip(self.facts.sources(member.body), self.facts.sources(self.first.body), strict=True))
        calls = {id(call): conditional(member.renamed(call, names, self.facts), own) for call in member.calls}

        def total(call: exp.Expr) -> exp.Expr:
            return self.published.reference(self._running(calls[id(call)]), call_stem(call))

        member.subquery.replace(member.evaluated_by(total))

    def _running(self, call: exp.Expr) -> exp.Expr:
        """The aggregate over all sums up to the current row; of no rows where a compared value of the row is NULL."""
        value = merged(
            Aggregate(call), lambda part: self.partials.reference(part, f"{PARTIAL}{call_stem(part)}"), self.facts.dialect
        )
        holder = exp.Paren(this=value)
        operator = self.first.correlation.ranges[0].operator
        *keys, reached = self.places
        for aggregate in list(holder.find_all(exp.AggFunc)):
            order = exp.Ordered(this=self._united(reached), desc=operator in (exp.GT, exp.GTE))
            window = exp.Window(
                this=aggregate.copy(),
                partition_by=[self._united(key) for key in keys],
                order=exp.Order(expressions=[order]),
                spec=running_frame(operator),
            )
            aggregate.replace(window)
        guards = [
            is_not_null(self._united(place))
            for place, comparison in zip(self.places, self.compared, strict=True)
            if any(comparison.outer is guard for guard in self.site.guards)
        ]
        value = unwrap(holder)
        guard = conjunction(guards)
        if guard is None:
            return value
        return exp.Case(ifs=[exp.If(this=guard, true=value)], default=exp.Literal.number(0) if counts(call) else None)

    def _union(self, own_rows: exp.Select, sums: exp.Select) -> exp.Subquery:
        """``own_rows`` without sums and ``sums`` without the columns of the block, under the same names."""
        carried, partials = self.carried.projections(), self.partials.projections()
        own_rows.set(
            "expressions",
            [
                *carried,
                *(exp.alias_(c.outer.copy(), place) for c, place in zip(self.compared, self.places, strict=True)),
                *(exp.alias_(exp.Null(), partial.args["alias"].copy()) for partial in partials),
                exp.alias_(exp.Literal.number(1), self.mark),
            ],
        )
        sums.set(
            "expressions",
            [
                *(exp.alias_(exp.Null(), column.args["alias"].copy()) for column in carried),
                *(exp.alias_(c.inner.copy(), place) for c, place in zip(self.compared, self.places, strict=True)),
                *partials,
                exp.alias_(exp.Literal.number(0), self.mark),
            ],
        )
        set_where(sums, [*where_conjuncts(sums), is_not_null(self.compared[-1].inner)])
        sums.set("group", exp.Group(expressions=[comparison.inner.copy() for comparison in self.compared]))
        union = exp.Union(this=own_rows, expression=sums, distinct=False)
        return exp.Subquery(this=union, alias=exp.TableAlias(this=exp.to_identifier(self.united)))

    def _united(self, name: str) -> exp.Column:
        return exp.column(name, self.united)
