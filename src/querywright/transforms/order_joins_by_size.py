"""Writes inner joins in the order that reads the fewest rows, with CROSS JOIN, which SQLite takes as an order to keep.

What: ``FROM a, b, c WHERE …`` becomes ``FROM c CROSS JOIN a CROSS JOIN b WHERE …``; conditions in ON move to WHERE.
When: SQLite without ANALYZE takes all tables for equally large and all filters for equally selective. The order chosen here
    goes by row counts, keys, foreign keys and indexes: filters that drop much come early, tables without an index for the join
    come first. TPC-H 2 8x, 3 1.3x, 5 1.4x, 8 2.3x, 10 1.9x, 16 1.9x and 21 1.6x, and more after key_join_to_in and
    transfer_filter_to_key; hurts where the row counts mislead (TPC-H 7 alone: 0.6x).
Sound: all joins are inner, and their order does not change which rows they give. Blocks that show the order of their rows are
    left alone, and so are tables that no equality connects.
Source: Selinger et al., "Access path selection in a relational database management system", SIGMOD 1979;
    sqlite.org/optoverview.html, "Manual control of query plans using CROSS JOIN".
Example:
    >>> show(
    ...     "SELECT f.x FROM f, a, b WHERE f.a = a.id AND f.b = b.id AND b.name LIKE 'x%'",
    ...     f="a INT, b INT, x INT",
    ...     a="id INT PRIMARY KEY",
    ...     b="id INT PRIMARY KEY, name TEXT",
    ... )
    SELECT f.x AS x FROM f AS f CROSS JOIN b AS b CROSS JOIN a AS a WHERE f.a = a.id AND f.b = b.id AND b.name LIKE 'x%'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.order import order_sensitive
from querywright.sql.predicates import set_where
from querywright.transforms._from_clause import freely_joined
from querywright.transforms._join_cost import JoinCosts
from querywright.transforms._key_joins import inner_filters
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "reorder_join"
ENGINES = ("sqlite",)

_FEWEST, _MOST = 2, 10


@dataclass(frozen=True)
class Order(Site):
    """``node`` is the SELECT; ``order`` the aliases of its FROM clause as they should be joined."""

    order: tuple[str, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Blocks with several inner joins in another order, or in an order that SQLite would not keep."""
    for select in facts.selects():
        sources = facts.sources(select)
        joins: list[exp.Join] = select.args.get("joins") or []
        if not _FEWEST <= len(sources) <= _MOST:
            continue
        if not all(freely_joined(source, facts) for source in sources.values()):
            yield Blocked(select, "every join must be an inner join of tables or derived tables")
            continue
        if select.args.get("laterals") or order_sensitive(select):
            yield Blocked(select, "the block shows the order in which rows arrive")
            continue
        costs = JoinCosts(select, facts)
        if not costs.connected:
            yield Blocked(select, "equalities must connect all tables")
            continue
        order = costs.cheapest_order()
        fixed = all(join.kind == "CROSS" and join.args.get("on") is None for join in joins)
        if not fixed or order != tuple(sources):
            yield Order(select, order)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Write FROM in the new order and all conditions in WHERE."""
    assert isinstance(site, Order)
    select = site.node
    assert isinstance(select, exp.Select)
    sources = facts.sources(select)
    predicates = [predicate.copy() for predicate in inner_filters(select)]
    first, *rest = (sources[alias].node.copy() for alias in site.order)
    select.set("from_", exp.From(this=first))
    select.set("joins", [exp.Join(this=entry, kind="CROSS") for entry in rest])
    set_where(select, predicates)
    return facts.tree
