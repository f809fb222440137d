"""Turns the join with a table that only filters, by its key, into an IN subquery.

What: ``SELECT o.x FROM o, c WHERE o.c_id = c.id AND c.kind = 'a'`` becomes ``SELECT o.x FROM o WHERE o.c_id IN (SELECT c.id
    FROM c WHERE c.kind = 'a')``. A chain of such tables becomes nested subqueries, from its end.
When: a nested-loop join looks the row up and tests the filter once per row of the large table; IN tests it once per row of the
    small one and then looks up keys alone. TPC-H on SQLite: 8 2.8x, 9 2.4x (a LIKE), 11 2x, 3 2x with order_joins_by_size.
    Loses where few rows reach the join. Hash joins do as much by themselves.
Sound: the joins are inner, and the joined column is unique in the table that goes: a row of the others meets one row of it or
    none, so no row repeats and none is lost. No other column of that table is used but in filters of its own. A NULL meets
    nobody, and IN is not true of it. The columns are of one kind, so IN compares as the equality did.
Source: the SQLite documentation of its query planner on IN subqueries; Paulley and Larson, "Exploiting uniqueness in query
    optimization", 1994.
Example:
    >>> show(
    ...     "SELECT o.x FROM o, c WHERE o.c_id = c.id AND c.kind LIKE 'a%'",
    ...     o="c_id INT, x INT",
    ...     c="id INT PRIMARY KEY, kind TEXT",
    ... )
    SELECT o.x AS x FROM o AS o WHERE o.c_id IN (SELECT c.id AS id FROM c AS c WHERE c.kind LIKE 'a%')
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import membership_compares_alike, one_group_matches
from querywright.sql.facts import Facts, Source
from querywright.sql.failures import may_fail
from querywright.sql.order import order_sensitive
from querywright.sql.predicates import equated_columns, set_where, where_conjuncts
from querywright.sql.pruning import reads_whole_rows
from querywright.transforms._from_clause import aliases, freely_joined, leave_out, self_contained
from querywright.transforms._key_joins import inner_filters
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "flatten_subquery"
ENGINES = ("sqlite",)


@dataclass(frozen=True)
class Filter(Site):
    """``node`` is the SELECT; ``key`` of ``source``, which goes, equals ``reference``; ``local`` are its filters."""

    source: Source
    equality: exp.Expr
    reference: exp.Column
    key: exp.Column
    local: tuple[exp.Expr, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """FROM entries that filter by one equality."""
    for select in facts.selects():
        sources = facts.sources(select)
        if len(sources) < 2 or select.args.get("laterals") or reads_whole_rows(select):
            continue
        if all(freely_joined(source, facts) for source in sources.values()):
            for source in sources.values():
                found = _examine(select, source, facts)
                if found is not None:
                    yield found
                    break  # the next one is found in the rewritten block


def _examine(select: exp.Select, source: Source, facts: Facts) -> Site | Blocked | None:
    filters = inner_filters(select)
    own = [predicate for predicate in filters if source.alias in aliases(predicate, select, facts)]
    local = tuple(predicate for predicate in own if len(aliases(predicate, select, facts)) == 1)
    ties = [predicate for predicate in own if len(aliases(predicate, select, facts)) > 1]
    pair = equated_columns(ties[0]) if len(ties) == 1 else None
    if not local or pair is None or any(facts.home(column) is not select for column in pair):
        return None
    inside = {id(column) for predicate in own for column in predicate.find_all(exp.Column)}
    if any(id(column) not in inside for column in facts.references(select, source.alias)):
        return None
    key, reference = pair if pair[0].table == source.alias else pair[::-1]
    unique = facts.at_most_one(source, {key.name})
    if unique is None:
        return Blocked(source.node, "the joined column must be a key of the table that only filters")
    if not one_group_matches(key, reference) or not membership_compares_alike(ties[0], reference, facts.dialect):
        return Blocked(source.node, "the two columns must be of the same kind, so that IN compares them as the equality did")
    if order_sensitive(select):
        return Blocked(select, "the block shows the order in which rows arrive")
    if any(not facts.deterministic(part) or not self_contained(part, select, facts) for part in local):
        return Blocked(source.node, "the filter must not depend on chance or on rows of an enclosing query")
    if any(may_fail(part, facts.dialect) for part in local):
        return Blocked(source.node, "the filter would be evaluated for rows that the join drops, and may fail on them")
    return Filter(select, source, ties[0], reference, key, local, premises=unique)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Take the table out of FROM and test its keys in WHERE."""
    assert isinstance(site, Filter) and isinstance(site.node, exp.Select)
    key = site.key.copy()
    body = exp.Select(expressions=[exp.alias_(key, key.name)], from_=exp.From(this=site.source.node.copy()))
    set_where(body, [predicate.copy() for predicate in site.local])
    member = exp.In(this=site.reference.copy(), query=exp.Subquery(this=body))
    leave_out(site.node, site.source.alias, [site.equality, *site.local])
    set_where(site.node, [*where_conjuncts(site.node), member])
    return facts.tree
