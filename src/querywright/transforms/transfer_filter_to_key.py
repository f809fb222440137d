"""Adds to a large table what the filters of the tables joined by key imply for it: an IN over the keys that pass.

What: ``FROM f, d WHERE f.d_id = d.id AND d.kind = 'a'`` gets ``AND f.d_id IN (SELECT d.id FROM d WHERE d.kind = 'a')``. The
    filters of tables that ``d`` itself joins by key count as well, and so does what an OR across tables says of ``d`` alone.
When: a nested-loop join fetches row after row of the large table, looks up the others and only then drops it, after correlated
    subqueries have run for it too. The set of keys is computed once. On SQLite TPC-H 7 2x, 8 2.9x, 21 4x, 5 3x with
    order_joins_by_size; an engine with hash joins and filters from them gains nothing.
Sound: the added predicate is true of every row that the inner joins give, so it drops none of them; no key or constraint is
    relied on. The filters must not depend on chance, on enclosing rows, or fail. A block that shows the order in which
    its rows arrive is left alone.
Source: Bernstein and Chiu, "Using semi-joins to solve relational queries", JACM 1981; Yang et al., "Predicate transfer",
    CIDR 2024.
Example:
    >>> show(
    ...     "SELECT f.x, d.name FROM f, d WHERE f.d_id = d.id AND d.kind = 'a'",
    ...     f="d_id INT, x INT",
    ...     d="id INT PRIMARY KEY, kind TEXT, name TEXT",
    ... )
    SELECT f.x AS x, d.name AS name FROM f AS f, d AS d WHERE f.d_id = d.id AND d.kind = 'a'
    AND f.d_id IN (SELECT d.id AS id FROM d AS d WHERE d.kind = 'a')
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import one_group_matches
from querywright.sql.facts import Facts, Source
from querywright.sql.failures import may_fail
from querywright.sql.order import order_sensitive
from querywright.sql.predicates import (
    conjunction,
    conjuncts,
    disjunction,
    disjuncts,
    equated_columns,
    set_where,
    unwrap,
    where_conjuncts,
)
from querywright.transforms._from_clause import aliases, self_contained
from querywright.transforms._key_joins import inner_filters
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "early_filter"
ENGINES = ("sqlite",)

_TIMES_LARGER = 10
_FEW_ROWS = 5000


@dataclass(frozen=True)
class Transfer(Site):
    """``node`` is the SELECT; ``reference`` equals a key of another entry; ``keys`` selects the keys that pass."""

    reference: exp.Column
    keys: exp.Select


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Columns of large entries that equal a key of an entry with filters."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if not joins or select.args.get("laterals") or any(join.side in ("RIGHT", "FULL") or join.method for join in joins):
            continue
        links = _links(select, facts)
        for reference, key in links:
            sources = facts.sources(select)
            if not _worthwhile(sources[reference.table], sources[key.table]) or _present(select, reference, key):
                continue
            keys = _passing_keys(select, key, links, frozenset([reference.table]), facts)
            if keys is not None:
                obstacle = order_sensitive(select)
                yield (
                    Blocked(select, "the block shows the order in which rows arrive")
                    if obstacle
                    else Transfer(select, reference, keys)
                )


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Add the predicate to WHERE."""
    assert isinstance(site, Transfer) and isinstance(site.node, exp.Select)
    member = exp.In(this=site.reference.copy(), query=exp.Subquery(this=site.keys))
    set_where(site.node, [*where_conjuncts(site.node), member])
    return facts.tree


def _links(select: exp.Select, facts: Facts) -> list[tuple[exp.Column, exp.Column]]:
    """Pairs of a column that is no key and the key of another entry that it equals, following equalities over several columns."""
    pairs = [pair for p in inner_filters(select) if (pair := equated_columns(p)) and all(facts.home(c) is select for c in pair)]
    classes: list[dict[str, exp.Column]] = []
    for pair in pairs:
        # equality of texts is not transitive where their collations differ
        text = pair[0].type is None or pair[0].type.is_type(*exp.DataType.TEXT_TYPES)
        together = {} if text or not one_group_matches(*pair) else {column.sql(): column for column in pair}
        for other in [known for known in classes if known.keys() & together.keys()]:
            together = {**other, **together}
            classes.remove(other)
        classes.append(together)
    sources = facts.sources(select)
    return [
        (reference, key)
        for equal in classes
        for key in equal.values()
        if sources[key.table].table is not None and facts.at_most_one(sources[key.table], {key.name}) is not None
        for reference in equal.values()
        if facts.at_most_one(sources[reference.table], {reference.name}) is None and one_group_matches(reference, key)
    ]


def _worthwhile(large: Source, small: Source) -> bool:
    """Whether the row counts, as far as they are known, promise less work."""
    rows = large.table.rows if large.table is not None else None
    keys = small.table.rows if small.table is not None else None
    return rows is None or keys is None or rows >= max(_FEW_ROWS, _TIMES_LARGER * keys)


def _present(select: exp.Select, reference: exp.Column, key: exp.Column) -> bool:
    """Whether a WHERE conjunct already tests this column against such keys."""
    for predicate in where_conjuncts(select):
        bare = unwrap(predicate)
        body = bare.args["query"].unnest() if isinstance(bare, exp.In) and bare.args.get("query") else None
        if isinstance(body, exp.Select) and bare.this == reference and body.selects[0].unalias() == key:
            return True
    return False


def _passing_keys(
    select: exp.Select, key: exp.Column, links: list[tuple[exp.Column, exp.Column]], seen: frozenset[str], facts: Facts
) -> exp.Select | None:
    """``SELECT key FROM its table WHERE its filters``; None where there are none."""
    alias = key.table
    filters = [part for predicate in inner_filters(select) if (part := _implied(predicate, alias, select, facts)) is not None]
    for reference, other in links:
        if reference.table == alias and other.table not in seen | {alias}:
            keys = _passing_keys(select, other, links, seen | {alias}, facts)
            filters += [exp.In(this=reference.copy(), query=exp.Subquery(this=keys))] if keys is not None else []
    if not filters:
        return None
    body = exp.Select(
        expressions=[exp.alias_(key.copy(), key.name)], from_=exp.From(this=facts.sources(select)[alias].node.copy())
    )
    set_where(body, dict.fromkeys(filters))
    return body


def _implied(predicate: exp.Expr, alias: str, select: exp.Select, facts: Facts) -> exp.Expr | None:
    """A copy of what ``predicate`` says of ``alias`` alone; None for nothing."""
    if aliases(predicate, select, facts) == {alias}:
        nested = [column for query in predicate.find_all(exp.Query) for column in query.find_all(exp.Column)]
        contained = self_contained(predicate, select, facts) and not any(facts.home(column) is select for column in nested)
        usable = contained and facts.deterministic(predicate) and not may_fail(predicate, facts.dialect)
        return predicate.copy() if usable else None
    branches = disjuncts(predicate)
    if len(branches) < 2 or predicate.find(exp.Query):
        return None
    parts = [
        conjunction([part for conjunct in conjuncts(branch) if (part := _implied(conjunct, alias, select, facts)) is not None])
        for branch in branches
    ]
    known = [part for part in parts if part is not None]
    return disjunction(dict.fromkeys(known)) if len(known) == len(parts) else None
