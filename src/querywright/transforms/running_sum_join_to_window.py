"""Replaces a running total written as a join of a table with itself by a window function.

What: ``FROM t AS a JOIN t AS b ON b.k <= a.k GROUP BY a.id`` with aggregates over ``b`` becomes one read of ``t`` with
    ``SUM(x) OVER (ORDER BY k)``; HAVING becomes WHERE.
When: always worth a try: the join is quadratic. Measured 1.5x to 24x, growing with the size of a
    group.
Sound: the grouping columns hold a key of ``a``, so every group is one row of it; the key is a premise. An inner join under ``<=``
    loses only rows whose compared columns are NULL, because every other row meets itself, provided that what filters ``b``
    filters ``a`` as well. A LEFT JOIN loses none; COUNT(*) would count its unmatched rows and blocks it. Peers are handled as
    in running_sum_to_window.
Source: SQL:2003 OLAP functions; Celko, "SQL for Smarties", running totals.
Example:
    >>> show(
    ...     "SELECT a.day, SUM(b.amount) AS total FROM sales AS a JOIN sales AS b ON b.day <= a.day GROUP BY a.day",
    ...     sales="day DATE PRIMARY KEY, amount INT",
    ... )
    SELECT sales_rows.day AS day, sales_rows.sum_amount AS total FROM (SELECT a.day AS day, SUM(a.amount) OVER (ORDER BY a.day ASC
    RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sum_amount FROM sales AS a) AS sales_rows
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import conjuncts, set_where, unwrap, where_conjuncts
from querywright.transforms._derived_columns import DerivedColumns
from querywright.transforms._scalar_aggregates import call_stem, conditional
from querywright.transforms._windowed_rows import (
    WINDOW_CALLS,
    filters_of,
    is_not_null,
    running_frame,
    same_relation,
    stored_not_null,
)
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE}
_CLAUSES = {"expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct", "with_"}


@dataclass(frozen=True)
class SelfJoin(Site):
    """``current`` and ``earlier`` are aliases of one table.

    ``keys`` are columns of both that must be equal; ``column`` of ``earlier`` stands left of ``operator``, that of ``current``
    right of it. ``shared`` filter both, ``own`` only ``earlier``, ``kept`` only ``current``. ``nullable`` are compared
    columns that may be NULL.
    """

    current: Source
    earlier: Source
    keys: tuple[exp.Column, ...]
    column: exp.Column
    operator: type[exp.Expr]
    shared: tuple[exp.Expr, ...]
    own: tuple[exp.Expr, ...]
    kept: tuple[exp.Expr, ...]
    nullable: tuple[exp.Column, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[SelfJoin | Blocked]:
    """Grouped blocks that join a table with itself by one comparison of order."""
    for select in facts.selects():
        sources = list(facts.sources(select).values())
        group = select.args.get("group")
        if group is None or len(sources) != 2 or not same_relation(*sources):
            continue
        grouping = {column.table for column in group.find_all(exp.Column) if facts.home(column) is select}
        for current, earlier in (sources, sources[::-1]):
            if grouping == {current.alias} and _compared(select, current, earlier):
                yield _site(select, current, earlier, facts)


def _compared(select: exp.Select, current: Source, earlier: Source) -> bool:
    pair = {current.alias, earlier.alias}
    return any(
        type(unwrap(predicate)) in _MIRRORED and {column.table for column in predicate.find_all(exp.Column)} == pair
        for predicate in filters_of(select)
    )


def _site(select: exp.Select, current: Source, earlier: Source, facts: Facts) -> SelfJoin | Blocked:
    left = earlier.join is not None and earlier.join.side == "LEFT"
    obstacle = _obstacle(select, current, earlier, facts)
    if obstacle:
        return Blocked(select, obstacle)
    keys: list[exp.Column] = []
    ranges: list[tuple[exp.Column, type[exp.Expr]]] = []
    filters: dict[str, list[exp.Expr]] = {current.alias: [], earlier.alias: []}
    for predicate in filters_of(select):
        tables = {column.table for column in predicate.find_all(exp.Column)}
        if tables == {current.alias, earlier.alias}:
            compared = _same_column(predicate, current.alias)
            if compared is None:
                return Blocked(predicate, "the table must be compared with itself in the same columns")
            column, operator = compared
            ranges += [] if operator is exp.EQ else [(column, operator)]
            keys += [column] if operator is exp.EQ else []
        elif len(tables) == 1 and not predicate.find(exp.Query):
            filters[tables.pop()].append(predicate)
        else:
            return Blocked(predicate, "a filter is constant or holds a subquery")
    if len(ranges) != 1:
        return Blocked(select, "exactly one comparison of order makes a running aggregate")
    own_texts = {_under(p, current.alias).sql(facts.dialect) for p in filters[earlier.alias]}
    shared = [predicate for predicate in filters[current.alias] if predicate.sql(facts.dialect) in own_texts]
    shared_texts = {predicate.sql(facts.dialect) for predicate in shared}
    own = [p for p in filters[earlier.alias] if _under(p, current.alias).sql(facts.dialect) not in shared_texts]
    column, operator = ranges[0]
    on = conjuncts(earlier.join.args.get("on")) if left and earlier.join is not None else []
    if left and any(predicate is other for predicate in filters[current.alias] for other in on):
        return Blocked(select, "the ON of the LEFT JOIN filters the preserved side")
    if left and any(_mentions(predicate, earlier.alias) for predicate in where_conjuncts(select)):
        return Blocked(select, "WHERE filters the NULL-filled side of the LEFT JOIN")
    if not left and (own or operator not in (exp.LTE, exp.GTE)):
        return Blocked(select, "the inner join drops rows that meet no earlier row")
    if operator in (exp.LT, exp.GT) and facts.dialect in ("mysql", "spark"):
        return Blocked(select, "this engine has no GROUPS frames, which < and > need")
    names = [node.name for node in select.args["group"].expressions if isinstance(unwrap(node), exp.Column)]
    premises = facts.unique_source(current, names)
    if premises is None:
        return Blocked(select, "the grouping columns must hold a key of the table")
    kept = [p for p in filters[current.alias] if p.sql(facts.dialect) not in shared_texts]
    proofs = {id(compared): stored_not_null(compared, current, facts) for compared in (*keys, column)}
    nullable = tuple(compared for compared in (*keys, column) if proofs[id(compared)] is None)
    premises = premises.union(*(proof for proof in proofs.values() if proof is not None))
    return SelfJoin(
        select,
        current,
        earlier,
        tuple(keys),
        column,
        operator,
        tuple(shared),
        tuple(own),
        tuple(kept),
        nullable,
        premises=premises,
    )


def _obstacle(select: exp.Select, current: Source, earlier: Source, facts: Facts) -> str | None:
    joins: list[exp.Join] = select.args["joins"]
    left_of_current = joins[0].side == "LEFT" and earlier.join is None
    if joins[0].side not in ("", "LEFT") or joins[0].kind not in ("", "INNER", "CROSS") or left_of_current:
        return "outer, semi or lateral joins decide which rows there are"
    if has_grouping_sets(select) or {name for name, value in select.args.items() if value} - _CLAUSES:
        return "the block has grouping sets, windows or other clauses"
    outermost = [node for node in select.walk() if node.parent_select is select]
    if any(isinstance(node, exp.Window) for node in outermost) or not facts.deterministic(select):
        return "the block has windows or is not deterministic"
    calls = _calls(select)
    if not all(isinstance(call, WINDOW_CALLS) and not isinstance(call.this, exp.Distinct) for call in calls):
        return "the aggregate has no window form (DISTINCT, FILTER, statistics)"
    if any(isinstance(call.parent, exp.Filter) or _mentions(call, current.alias) for call in calls):
        return "an aggregate has a FILTER or takes columns of the current row"
    if joins[0].side == "LEFT" and not all(_mentions(call, earlier.alias) for call in calls):
        return "COUNT(*) counts the unmatched rows of a LEFT JOIN"
    inside = {id(node) for root in (*calls, *filters_of(select)) for node in root.walk()}
    if any(id(column) not in inside for column in facts.references(select, earlier.alias)):
        return "columns of the earlier rows are used outside of aggregates"
    definitions = [cte.this for clause in [select.args.get("with_")] if clause for cte in clause.expressions]
    nested = [node for node in outermost if isinstance(node, exp.Query) and not any(node is body for body in definitions)]
    if nested or any(facts.home(node) is not select for node in outermost if isinstance(node, exp.Column) and node.table):
        return "the block has nested queries or outer columns"
    return None


def _calls(select: exp.Select) -> list[exp.Expr]:
    return [call for call in select.find_all(exp.AggFunc) if call.parent_select is select]


def _mentions(node: exp.Expr, alias: str) -> bool:
    return any(column.table == alias for column in node.find_all(exp.Column))


def _same_column(predicate: exp.Expr, current: str) -> tuple[exp.Column, type[exp.Expr]] | None:
    """The compared column (of ``current``) and the operator as read from the earlier row's side."""
    bare = unwrap(predicate)
    if not isinstance(bare, (exp.EQ, *_MIRRORED)):
        return None
    left, right = unwrap(bare.this), unwrap(bare.expression)
    if not (isinstance(left, exp.Column) and isinstance(right, exp.Column)) or left.name != right.name:
        return None
    if right.table == current:
        return right, type(bare)
    return left, _MIRRORED.get(type(bare), type(bare))


def _under(node: exp.Expr, alias: str) -> exp.Expr:
    """A copy in which every column belongs to ``alias``."""
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", exp.to_identifier(alias))
    return copy


def rewrite(site: SelfJoin, facts: Facts) -> exp.Query:
    """Read the table once, with windows, and drop the grouping."""
    select, current = site.node, site.current.alias
    assert isinstance(select, exp.Select)
    columns = DerivedColumns(facts.fresh_name(f"{site.current.node.name}_rows"), facts.dialect)
    nullable = site.nullable
    inner = site.earlier.join is None or site.earlier.join.side == ""
    own = [_under(predicate, current) for predicate in site.own]
    own += [is_not_null(column) for column in nullable if not inner and column is site.column]
    kept = list(site.kept)
    for root in (*kept, *(select.args[name] for name in ("having", "order") if select.args.get(name)), *select.expressions):
        for column in [root] if isinstance(root, exp.Column) else list(root.find_all(exp.Column)):
            if column.table == current:
                reference = columns.reference(column.copy(), column.name)
                column.set("this", reference.this)
                column.set("table", reference.args["table"])
    for call in _calls(select):
        window: exp.Expr = exp.Window(
            this=conditional(_under(call, current), own),
            partition_by=[column.copy() for column in site.keys],
            order=exp.Order(
                expressions=[exp.Ordered(this=site.column.copy(), desc=site.operator in (exp.GT, exp.GTE))],
            ),
            spec=running_frame(site.operator),
        )
        if nullable and not inner:
            zero = exp.Literal.number(0) if isinstance(call, exp.Count) else None
            condition = exp.and_(*(is_not_null(column) for column in nullable), copy=False)
            window = exp.Case(ifs=[exp.If(this=condition, true=window)], default=zero)
        call.replace(columns.reference(window, call_stem(call)))
    having = select.args.get("having")
    derived = exp.Select(from_=exp.From(this=site.current.node.copy()))
    guards = [is_not_null(column) for column in nullable if inner]
    set_where(derived, [*(predicate.copy() for predicate in site.shared), *guards])
    select.set("from_", exp.From(this=columns.table(derived)))
    for clause in ("joins", "group", "having"):
        select.set(clause, None)
    set_where(select, [*kept, *conjuncts(having.this if having is not None else None)])
    return facts.tree
