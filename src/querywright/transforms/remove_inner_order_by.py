"""Removes ORDER BY from subqueries whose row order nobody can see.

What: a derived table, common table expression or subquery with an ORDER BY but no LIMIT loses the ORDER BY.
When: people sort in an inner query "to be safe", and engines often sort for real; measured 9x to 28x where the inner
    result is large.
Sound: SQL gives the rows of a subquery no order. The ORDER BY stays where LIMIT, OFFSET, FETCH or DISTINCT ON use it,
    and where an enclosing block might observe it by accident: an order-sensitive aggregate (string_agg, array_agg,
    first, last, …) or a window without ORDER BY in the reading block, or a reading block that only passes the rows on
    with a LIMIT of its own.
Source: SQL:2016 7.15 <subquery>; measured in this project.
Example:
    >>> show("SELECT count(*) AS n FROM (SELECT id FROM users ORDER BY id) AS u", users="id INT, name TEXT")
    SELECT COUNT(*) AS n FROM (SELECT users.id AS id FROM users AS users) AS u
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.order import order_sensitive, readers
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "remove_redundant"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Inner blocks with an ORDER BY and no LIMIT."""
    for block in query.find_all(exp.Select, exp.SetOperation, bfs=False):
        if block is query or block.args.get("order") is None:
            continue
        if any(block.args.get(clause) for clause in ("limit", "offset", "fetch")) or _distinct_on(block):
            yield Blocked(block, "the ORDER BY decides which rows a LIMIT or DISTINCT ON keeps")
        elif any(order_sensitive(reader) for reader in readers(block, query)):
            yield Blocked(block, "an enclosing block may observe the order of these rows")
        else:
            yield Site(block)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Drop the clause."""
    site.node.set("order", None)
    return facts.tree


def _distinct_on(block: exp.Expr) -> bool:
    distinct = block.args.get("distinct")
    return isinstance(distinct, exp.Distinct) and distinct.args.get("on") is not None
