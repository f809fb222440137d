"""Aggregates the right side of each LEFT JOIN by its join key before the join.

What: ``SELECT c.id, COUNT(o.id) FROM c LEFT JOIN o ON o.c_id = c.id GROUP BY c.id`` joins ``c`` with ``(SELECT o.c_id,
    COUNT(o.id) FROM o GROUP BY o.c_id)`` and does not group any more. So do several LEFT JOINs that multiply each other's rows.
When: an engine without hash joins builds an index over all columns of the right side that are used and walks it for every row
    of the left; TPC-H 13 on SQLite 5.8x, where the right side has a filter that reads a long text. DuckDB 1.4x there. With two
    LEFT JOINs, which join every match of the one with every match of the other, 11x on DuckDB and 6.7x on SQLite.
Sound: the grouping columns hold a key of every table on the left, so that a group is one row of the left with its matches,
    and those share the key: the aggregate over them is the aggregate of the key's group. A row without a match has one row of
    NULLs: COUNT of a column gives 0, COUNT(*) 1, the others NULL, as their arguments are NULL when the columns are. The ON holds
    equalities of columns of the same kind and filters of the right side; right columns are used in aggregates only. Where
    several right sides multiply each other's rows, all aggregates are MIN, MAX or of DISTINCT values, which repetitions do not
    change; DISTINCT values of a key of the right side are the values.
Source: Yan and Larson, "Eager aggregation and lazy aggregation", VLDB 1995; TPC-H 13.
Example:
    >>> show(
    ...     "SELECT c.id, COUNT(o.x) AS n FROM c LEFT JOIN o ON o.c_id = c.id AND o.x > 1 GROUP BY c.id",
    ...     c="id INT PRIMARY KEY",
    ...     o="c_id INT, x INT",
    ... )
    SELECT c.id AS id, COALESCE(grouped_o.n, 0) AS n FROM c AS c
    LEFT JOIN (SELECT o.c_id AS c_id, COUNT(o.x) AS n FROM o AS o WHERE o.x > 1 GROUP BY o.c_id) AS grouped_o
    ON grouped_o.c_id = c.id
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import one_group_matches
from querywright.sql.facts import NONE_NEEDED, Facts, Premises, Source
from querywright.sql.failures import may_fail
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.order import order_sensitive
from querywright.sql.predicates import (
    column_key,
    conjunction,
    conjuncts,
    equated_columns,
    propagating_columns,
    set_where,
    where_conjuncts,
)
from querywright.sql.pruning import reads_whole_rows
from querywright.transforms._derived_columns import DerivedColumns
from querywright.transforms._from_clause import aggregate_calls, aliases, freely_joined, self_contained
from querywright.transforms.eliminate_left_join import plain_left_join
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "pushdown"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql")

_KNOWN = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg)


@dataclass(frozen=True)
class Branch:
    """A FROM entry ``right`` that is left joined on ``keys`` (right, left) and its own filters ``local``."""

    right: Source
    keys: tuple[tuple[exp.Column, exp.Column], ...]
    local: tuple[exp.Expr, ...]


@dataclass(frozen=True)
class Grouping(Site):
    """``node`` is the SELECT; ``distinct`` are its aggregates of DISTINCT values that are a key of their table."""

    branches: tuple[Branch, ...]
    distinct: tuple[exp.Expr, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """SELECTs that aggregate the right sides of their LEFT JOINs by a key of the left side."""
    for select in facts.selects():
        sources, group = list(facts.sources(select).values()), select.args.get("group")
        if len(sources) < 2 or group is None or has_grouping_sets(select) or select.args.get("laterals"):
            continue
        calls = aggregate_calls(select)
        if reads_whole_rows(select):
            continue
        rights = [source for source in sources if _only_aggregated(select, source, calls, facts)]
        left = [source for source in sources if source not in rights]
        plain = all(freely_joined(source, facts) or (source.join and plain_left_join(source.join)) for source in left)
        if rights and left and left[0] is sources[0] and plain:
            yield _examine(select, left, rights, calls, facts)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Group each right side in a derived table, and take GROUP BY off the block."""
    assert isinstance(site, Grouping) and isinstance(site.node, exp.Select)
    select = site.node
    for call in site.distinct:
        call.this.replace(call.this.expressions[0])
    for branch in site.branches:
        _group(branch, select, facts)
    having = select.args.get("having")
    select.set("group", None)
    select.set("having", None)
    set_where(select, [*where_conjuncts(select), *conjuncts(having.this if having is not None else None)])
    return facts.tree


def _group(branch: Branch, select: exp.Select, facts: Facts) -> None:
    """Put a derived table for one right side and its columns for the aggregates over it."""
    right = branch.right
    assert right.join is not None
    columns = DerivedColumns(facts.fresh_name(f"grouped_{right.alias}"), facts.dialect)
    on: list[exp.Expr] = [
        exp.EQ(this=columns.reference(own.copy(), own.name), expression=left.copy()) for own, left in branch.keys
    ]
    for call in aggregate_calls(select):
        if not isinstance(call.this, exp.Star) and aliases(call, select, facts) != {right.alias}:
            continue
        stem = call.parent.alias if isinstance(call.parent, exp.Alias) else call.key
        column = columns.reference(call.copy(), stem)
        if isinstance(call, exp.Count):
            none = exp.Literal.number(1 if isinstance(call.this, exp.Star) else 0)
            call.replace(exp.Coalesce(this=column, expressions=[none]))
        else:
            call.replace(column)
    body = exp.Select(from_=exp.From(this=right.node.copy()))
    set_where(body, [predicate.copy() for predicate in branch.local])
    body.set("group", exp.Group(expressions=[own.copy() for own, _ in branch.keys]))
    right.join.set("this", columns.table(body))
    right.join.set("on", conjunction(on))


def _only_aggregated(select: exp.Select, right: Source, calls: list[exp.Expr], facts: Facts) -> bool:
    """Whether a left joined entry is read by its ON and by the aggregates alone, and by the latter at all."""
    if right.join is None or not plain_left_join(right.join):
        return False
    inside = {id(column) for part in (*calls, right.join) for column in part.find_all(exp.Column)}
    used = {id(column) for column in facts.references(select, right.alias)}
    return used <= inside and any(aliases(call, select, facts) == {right.alias} for call in calls)


def _examine(select: exp.Select, left: list[Source], rights: list[Source], calls: list[exp.Expr], facts: Facts) -> Site | Blocked:
    branches: list[Branch] = []
    for right in rights:
        branch = _branch(select, right, facts)
        if isinstance(branch, str):
            return Blocked(select, branch)
        branches.append(branch)
    if not all(_null_without_match(call, select, rights, facts) for call in calls):
        return Blocked(select, "an aggregate is not known to be NULL, or a count of 0, for a row without a match")
    if len(rights) > 1 and not all(_ignores_repetitions(call) for call in calls):
        return Blocked(select, "an aggregate counts the rows of one LEFT JOIN as often as another one repeats them")
    if order_sensitive(select) or not facts.deterministic(select):
        return Blocked(select, "the block must not depend on chance or on the order of rows")
    if any(may_fail(part, facts.dialect) for part in (*calls, *(part for branch in branches for part in branch.local))):
        return Blocked(select, "an aggregate or filter may fail on rows that no row of the left side meets")
    premises = _one_row_each(select, left, facts)
    if premises is None:
        return Blocked(select, "the grouping columns are not known to hold a key of every table of the left side")
    distinct: list[exp.Expr] = []
    for call in calls if len(rights) > 1 else []:
        proof = _key_values(call, select, rights, facts)
        if proof is not None:
            distinct.append(call)
            premises |= proof
    return Grouping(select, tuple(branches), tuple(distinct), premises=premises)


def _branch(select: exp.Select, right: Source, facts: Facts) -> Branch | str:
    """The ON of a LEFT JOIN taken apart, or why that cannot be."""
    assert right.join is not None
    keys: list[tuple[exp.Column, exp.Column]] = []
    local: list[exp.Expr] = []
    for predicate in conjuncts(right.join.args.get("on")):
        pair = equated_columns(predicate)
        used = aliases(predicate, select, facts)
        if not self_contained(predicate, select, facts) or not facts.deterministic(predicate):
            return "the ON must not depend on chance or on rows of an enclosing query"
        if used == {right.alias}:
            local.append(predicate)
        elif pair is not None and len(used) == 2 and right.alias in used:
            keys.append(pair if pair[0].table == right.alias else pair[::-1])
        else:
            return "the ON must hold equalities of columns and filters of the right side only"
    if not keys or not all(one_group_matches(own, other) for own, other in keys):
        return "grouping and comparing must agree: the types of the compared columns are unknown or convert"
    if right.query is not None and facts.correlated_columns(right.query):
        return "the right side depends on other rows"
    return Branch(right, tuple(keys), tuple(local))


def _null_without_match(call: exp.Expr, select: exp.Select, rights: list[Source], facts: Facts) -> bool:
    if not isinstance(call, _KNOWN) or call.args.get("expressions") or call.find(exp.Query):
        return False
    if isinstance(call.this, exp.Star):
        return isinstance(call, exp.Count)
    if isinstance(call.this, exp.Distinct) and len(call.this.expressions) != 1:
        return False
    argument = _argument(call)
    return bool(propagating_columns(argument)) and any(aliases(argument, select, facts) == {right.alias} for right in rights)


def _argument(call: exp.Expr) -> exp.Expr:
    argument: exp.Expr = call.this.expressions[0] if isinstance(call.this, exp.Distinct) else call.this
    return argument


def _ignores_repetitions(call: exp.Expr) -> bool:
    return isinstance(call, (exp.Min, exp.Max)) or isinstance(call.this, exp.Distinct)


def _key_values(call: exp.Expr, select: exp.Select, rights: list[Source], facts: Facts) -> Premises | None:
    """Premises under which no two rows of the right side give ``call`` the same value, NULLs aside; None if not known."""
    if not isinstance(call.this, exp.Distinct) or not isinstance(_argument(call), exp.Column):
        return None
    (alias,) = aliases(call, select, facts)
    right = next(source for source in rights if source.alias == alias)
    return facts.at_most_one(right, [_argument(call).name])


def _one_row_each(select: exp.Select, left: list[Source], facts: Facts) -> Premises | None:
    """Premises under which a group holds one row of the left side."""
    grouping = [column_key(node) for node in select.args["group"].expressions if isinstance(node, exp.Column)]
    known, premises = facts.determined(select, grouping)
    for source in left:
        proof = facts.unique_source(source, {name for alias, name in known if alias == source.alias})
        if proof is None:
            return None
        premises |= proof
    return premises or NONE_NEEDED
