"""The keys of the rows of a FROM entry that pass its filters, and those of the entries that it joins by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import one_group_matches
from querywright.sql.facts import Facts
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
from querywright.transforms._from_clause import aliases, self_contained, write_inner_joins
from querywright.transforms._key_joins import inner_filters
from querywright.transforms.protocol import Blocked, Site

Link = tuple[exp.Column, exp.Column]
"""A column, and the key of another entry that it equals."""


@dataclass(frozen=True)
class KeyTest(Site):
    """``node`` is the SELECT; ``column`` is to be among the keys that ``keys`` selects."""

    column: exp.Column
    keys: exp.Select


def joining_blocks(facts: Facts) -> Iterator[exp.Select]:
    """Blocks with joins whose WHERE holds of every row that the first tables give."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if joins and not select.args.get("laterals") and not any(j.side in ("RIGHT", "FULL") or j.method for j in joins):
            yield select


def key_test(select: exp.Select, column: exp.Column, keys: exp.Select) -> Site | Blocked:
    """The site, blocked where fewer rows on the way would show."""
    if order_sensitive(select):
        return Blocked(select, "the block shows the order in which rows arrive")
    return KeyTest(select, column, keys)


def add_key_test(site: Site, facts: Facts) -> exp.Query:
    """Add the predicate to WHERE."""
    assert isinstance(site, KeyTest) and isinstance(site.node, exp.Select)
    member = exp.In(this=site.column.copy(), query=exp.Subquery(this=site.keys))
    set_where(site.node, [*where_conjuncts(site.node), member])
    return facts.tree


def key_links(select: exp.Select, facts: Facts) -> list[Link]:
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


def keys_tested(select: exp.Select, reference: exp.Column, key: exp.Column) -> bool:
    """Whether a WHERE conjunct already tests this column against such keys."""
    for predicate in where_conjuncts(select):
        bare = unwrap(predicate)
        body = bare.args["query"].unnest() if isinstance(bare, exp.In) and bare.args.get("query") else None
        if isinstance(body, exp.Select) and bare.this == reference and body.selects[0].unalias() == key:
            return True
    return False


def passing_keys(select: exp.Select, key: exp.Column, links: list[Link], seen: frozenset[str], facts: Facts) -> exp.Select | None:
    """``SELECT key FROM its table WHERE its filters``; None where there are none."""
    alias = key.table
    filters = _own_filters(select, alias, facts)
    for reference, other in links:
        if reference.table == alias and other.table not in seen | {alias}:
            keys = passing_keys(select, other, links, seen | {alias}, facts)
            filters += [exp.In(this=reference.copy(), query=exp.Subquery(this=keys))] if keys is not None else []
    if not filters:
        return None
    body = exp.Select(
        expressions=[exp.alias_(key.copy(), key.name)], from_=exp.From(this=facts.sources(select)[alias].node.copy())
    )
    set_where(body, dict.fromkeys(filters))
    return body


def filtered_entries(select: exp.Select, alias: str, links: list[Link], without: str, facts: Facts) -> frozenset[str]:
    """An entry and the filtered entries that it joins by key, directly or behind each other; none of them is ``without``."""
    found = {alias}
    for reference, other in links:
        if reference.table == alias and other.table not in found | {without}:
            reached = filtered_entries(
                select, other.table, [link for link in links if alias not in _tables(link)], without, facts
            )
            found |= reached if any(_own_filters(select, entry, facts) for entry in reached) else set()
    return frozenset(found)


def _tables(link: Link) -> set[str]:
    return {column.table for column in link}


def joined_keys(
    select: exp.Select, key: exp.Column, entries: frozenset[str], links: list[Link], facts: Facts
) -> exp.Select | None:
    """``SELECT key`` from the join of these entries with their filters; None where they have none."""
    between = [
        predicate.copy()
        for predicate in inner_filters(select)
        if len(used := aliases(predicate, select, facts)) > 1 and used <= entries and _usable(predicate, select, facts)
    ]
    written = [{pair[0], pair[1]} for predicate in between if (pair := equated_columns(predicate))]
    between += [
        exp.EQ(this=reference.copy(), expression=other.copy())
        for reference, other in links
        if reference.table != other.table and {reference.table, other.table} <= entries and {reference, other} not in written
    ]
    sources = facts.sources(select)
    filters = [part for alias in sources if alias in entries for part in _own_filters(select, alias, facts)]
    if not filters:
        return None
    keys = exp.Select(expressions=[exp.alias_(key.copy(), key.name)])
    write_inner_joins(keys, [sources[a].node.copy() for a in sources if a in entries], list(dict.fromkeys([*between, *filters])))
    return keys


def _usable(predicate: exp.Expr, select: exp.Select, facts: Facts) -> bool:
    """Whether a predicate means the same in a query of its own, whatever rows it meets."""
    nested = [column for query in predicate.find_all(exp.Query) for column in query.find_all(exp.Column)]
    contained = self_contained(predicate, select, facts) and not any(facts.home(column) is select for column in nested)
    return contained and facts.deterministic(predicate) and not may_fail(predicate, facts.dialect)


def _own_filters(select: exp.Select, alias: str, facts: Facts) -> list[exp.Expr]:
    return [part for predicate in inner_filters(select) if (part := _implied(predicate, alias, select, facts)) is not None]


def _implied(predicate: exp.Expr, alias: str, select: exp.Select, facts: Facts) -> exp.Expr | None:
    """A copy of what ``predicate`` says of ``alias`` alone; None for nothing."""
    if aliases(predicate, select, facts) == {alias}:
        return predicate.copy() if _usable(predicate, select, facts) else None
    branches = disjuncts(predicate)
    if len(branches) < 2 or predicate.find(exp.Query):
        return None
    parts = [
        conjunction([part for conjunct in conjuncts(branch) if (part := _implied(conjunct, alias, select, facts)) is not None])
        for branch in branches
    ]
    known = [part for part in parts if part is not None]
    return disjunction(dict.fromkeys(known)) if len(known) == len(parts) else None
