"""Removes DISTINCT, GROUP BY and UNION's removal of duplicates where there are none, or where nobody can see them.

What: SELECT DISTINCT loses DISTINCT, a GROUP BY without aggregates goes and its HAVING joins the WHERE, COUNT(DISTINCT x) becomes
    COUNT(x), UNION becomes UNION ALL.
When: DISTINCT "to be safe" over rows that a key keeps apart already; engines hash or sort the whole result for it.
Sound: The output columns (or the grouping columns, or the argument of the aggregate) determine every row of the FROM clause by
    keys and equalities; keys of nullable columns do not count, since NULLs repeat. For UNION the branches must each be free of
    duplicates, have the same types, and be disjoint by contradictory predicates or constants; never in a recursive query, where
    UNION ends the recursion. Duplicates are invisible in a subquery of IN or EXISTS and in an operand of UNION, INTERSECT or
    EXCEPT without ALL, unless LIMIT or OFFSET counts them.
Source: Paulley and Larson, Exploiting uniqueness in query optimization, 1994.
Example:
    >>> show("SELECT DISTINCT id, name FROM users", users="id INT PRIMARY KEY, name TEXT")
    SELECT users.id AS id, users.name AS name FROM users AS users
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.sql.duplicates import output_is_a_set, union_is_union_all
from querywright.sql.facts import NONE_NEEDED, Facts, Premises
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.order import order_sensitive_calls
from querywright.sql.predicates import column_key, conjuncts, set_where, where_conjuncts
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "remove_redundant"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_NO_KEY = "the columns are not known to hold a key of every table read"
_WITH_DISTINCT = (exp.Count, exp.Sum, exp.Avg)


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """DISTINCT, GROUP BY without aggregates, aggregates of DISTINCT values, and UNION, outer blocks first."""
    for block in query.find_all(exp.Select, exp.Union, bfs=False):
        if isinstance(block, exp.Union) and block.args.get("distinct"):
            yield _found(
                block, union_is_union_all(block, facts), "the branches are not known to be disjoint and free of duplicates"
            )
        if not isinstance(block, exp.Select):
            continue
        if _plain_distinct(block):
            proof = NONE_NEEDED if output_is_a_set(block) else facts.duplicate_free_before_distinct(block)
            yield _found(block.args["distinct"], proof, _NO_KEY)
        if _groups_only(block):
            proof = NONE_NEEDED if output_is_a_set(block) else facts.identifying(block, _grouping_columns(block))
            yield _found(block.args["group"], proof, _NO_KEY)
        for distinct in _aggregated(block):
            keys = [column_key(node) for node in distinct.expressions if isinstance(node, exp.Column)]
            yield _found(distinct, facts.identifying(block, keys), _NO_KEY)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Drop the clause."""
    node, block = site.node, site.node.parent_select
    if isinstance(node, exp.Union):
        node.set("distinct", False)
    elif isinstance(node, exp.Group) and isinstance(block, exp.Select):
        having = block.args.get("having")
        block.set("group", None)
        block.set("having", None)
        if having is not None:
            set_where(block, [*where_conjuncts(block), *conjuncts(having.this)])
    elif isinstance(node.parent, exp.Select):
        node.parent.set("distinct", None)
    else:
        node.replace(node.expressions[0])
    return facts.tree


def _found(node: exp.Expr, premises: Premises | None, precondition: str) -> Site | Blocked:
    return Blocked(node, precondition) if premises is None else Site(node, premises=premises)


def _plain_distinct(select: exp.Select) -> bool:
    distinct = select.args.get("distinct")
    return isinstance(distinct, exp.Distinct) and distinct.args.get("on") is None


def _groups_only(select: exp.Select) -> bool:
    """Whether the GROUP BY of ``select`` serves as a DISTINCT: grouping columns and nothing that aggregates."""
    group = select.args.get("group")
    if group is None or not group.expressions or has_grouping_sets(select) or order_sensitive_calls(select):
        return False
    calls = (node for node in select.find_all(exp.AggFunc, exp.Anonymous, exp.Window) if node.parent_select is select)
    if next(calls, None) is not None:
        return False
    keys = set(_grouping_columns(select))
    return all(
        node in group.expressions or {column_key(column) for column in node.find_all(exp.Column)} <= keys
        for node in map(_bare, select.selects)
    )


def _bare(projection: exp.Expr) -> exp.Expr:
    return projection.this if isinstance(projection, exp.Alias) else projection


def _grouping_columns(select: exp.Select) -> list[tuple[str, str]]:
    return [column_key(node) for node in select.args["group"].expressions if isinstance(node, exp.Column)]


def _aggregated(select: exp.Select) -> Iterator[exp.Distinct]:
    """DISTINCT inside COUNT, SUM or AVG of one column, in this block."""
    for call in select.find_all(*_WITH_DISTINCT):
        inner = call.this
        if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1 and call.parent_select is select:
            yield inner
