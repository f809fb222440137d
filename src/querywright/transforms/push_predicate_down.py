"""Filters rows inside a derived table or common table expression instead of after it.

What: conjuncts of WHERE (or of a join's ON) on output columns of one derived table, or of a CTE that is read once, move into it:
    below GROUP BY, into every branch of UNION, UNION ALL and INTERSECT, into the left branch of EXCEPT, below window functions.
    Conjuncts of HAVING on grouping columns move to WHERE. ``a.k = b.k AND a.k = 5`` adds ``k = 5`` inside derived table ``b``.
When: the inner query aggregates, sorts or joins rows that the filter would have dropped; most engines do the simple cases
    themselves, few go through windows, set operations and joins. Measured 1.1x on DuckDB and 10x on SQLite
    for a constant that travels across a LEFT JOIN; 3x to 7x on both where it passes below a window.
Sound: below GROUP BY only on grouping expressions, without grouping sets and not for a global aggregate, which gives a row for
    no input; below windows only on expressions that every window partitions by, or on columns that those determine by a key;
    never below LIMIT or DISTINCT ON; not across the NULL-filled side of an outer join. What is pushed is deterministic, holds
    no subquery and cannot fail on rows that it did not see before.
Source: Levy, Mumick and Sagiv, "Query optimization by predicate move-around", VLDB 1994.
Example:
    >>> show(
    ...     "SELECT d.user_id, d.n FROM (SELECT user_id, COUNT(*) AS n FROM orders GROUP BY user_id) AS d WHERE d.user_id = 7",
    ...     orders="user_id INT",
    ... )
    SELECT d.user_id AS user_id, d.n AS n FROM (SELECT orders.user_id AS user_id, COUNT(*) AS n FROM orders AS orders
    WHERE orders.user_id = 7 GROUP BY orders.user_id) AS d
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import one_group_matches
from querywright.sql.facts import NONE_NEEDED, Facts, Source
from querywright.sql.failures import may_fail
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import (
    collated,
    conjunction,
    conjuncts,
    constant,
    equated_columns,
    set_where,
    unwrap,
    where_conjuncts,
)
from querywright.transforms._filter_passage import holds_inside, premises_inside, push_inside
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "pushdown"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


@dataclass(frozen=True)
class Push(Site):
    """``predicates`` go into ``query``; ``holder`` (a WHERE, a HAVING or a join) loses them, if they are its own."""

    predicates: tuple[exp.Expr, ...]
    holder: exp.Expr
    query: exp.Query


def find(query: exp.Query, facts: Facts) -> Iterator[Push | Blocked]:
    """Filters that can move inwards; implied ones first, before the filter they follow from is gone."""
    read_once = _read_once(query)
    for select in facts.selects():
        sources = {
            alias: source
            for alias, source in facts.sources(select).items()
            if source.query is not None and (not source.common or source.node.name.lower() in read_once)
        }
        yield from _implied(select, sources, facts)
        together: dict[tuple[int, int], list[Push]] = {}
        for predicate, holder, reach in _filters(select, facts):
            for found in _pushes(predicate, holder, reach, select, sources, facts):
                if isinstance(found, Blocked):
                    yield found
                else:
                    together.setdefault((id(holder), id(found.query)), []).append(found)
        for pushes in together.values():
            predicates = tuple(predicate for push in pushes for predicate in push.predicates)
            premises = NONE_NEEDED.union(*(push.premises for push in pushes))
            yield Push(predicates[0], predicates, pushes[0].holder, pushes[0].query, premises=premises)
        yield from _having(select, facts)


def _read_once(query: exp.Query) -> set[str]:
    """Names of common table expressions with one definition and one reader."""
    names = [cte.alias.lower() for cte in query.find_all(exp.CTE)]
    readers = [table.name.lower() for table in query.find_all(exp.Table) if not table.db]
    recursive = any(clause.args.get("recursive") for clause in query.find_all(exp.With))
    return set() if recursive else {name for name in names if names.count(name) == 1 and readers.count(name) == 1}


def _filters(select: exp.Select, facts: Facts) -> Iterator[tuple[exp.Expr, exp.Expr, set[str]]]:
    """Conjuncts that drop rows, where they stand, and the aliases whose rows they may drop early."""
    sources = facts.sources(select)
    steady = {alias for alias, source in sources.items() if not source.nullable}
    for predicate in where_conjuncts(select):
        yield predicate, select.args["where"], steady
    plain = not any(source.join is not None and source.join.side in ("RIGHT", "FULL") for source in sources.values())
    for alias, source in sources.items():
        join = source.join
        if join is None or not plain or join.kind not in ("", "INNER", "SEMI"):
            continue
        reach = {alias} if join.side == "LEFT" else steady
        for predicate in conjuncts(join.args.get("on")):
            yield predicate, join, reach


def _pushes(
    predicate: exp.Expr, holder: exp.Expr, reach: set[str], select: exp.Select, sources: dict[str, Source], facts: Facts
) -> Iterator[Push | Blocked]:
    columns = list(predicate.find_all(exp.Column))
    aliases = {column.table for column in columns if facts.home(column) is select}
    source = sources.get(next(iter(aliases))) if len(aliases) == 1 else None
    if source is None or source.query is None:
        return
    if source.alias not in reach:
        yield Blocked(predicate, "an outer join may fill these columns with NULLs before the filter")
    elif any(facts.home(column) is not select for column in columns) or predicate.find(exp.Query, exp.AggFunc, exp.Window):
        yield Blocked(predicate, "the filter mentions outer columns or holds a subquery")
    elif not facts.deterministic(predicate) or may_fail(predicate, facts.dialect):
        yield Blocked(predicate, "the filter may fail or is not deterministic")
    elif isinstance(premises := premises_inside(source.query, predicate, facts), str):
        yield Blocked(predicate, premises)
    else:
        yield Push(predicate, (predicate,), holder, source.query, premises=premises)


def _implied(select: exp.Select, sources: dict[str, Source], facts: Facts) -> Iterator[Push]:
    """``b.k op constant`` for derived tables ``b``, from ``a.k = b.k`` and ``a.k op constant``."""
    known = [
        (predicate, column)
        for predicate in where_conjuncts(select)
        if (column := _one_column(predicate)) is not None and facts.home(column) is select
    ]
    steady = {alias for alias, source in facts.sources(select).items() if not source.nullable}
    for equality, holder, reach in _filters(select, facts):
        pair = equated_columns(equality)
        if pair is None or any(facts.home(column) is not select for column in pair) or not one_group_matches(*pair):
            continue
        for target, origin in (pair, pair[::-1]):
            source = sources.get(target.table)
            # A derived table on the right of a LEFT JOIN may lose rows that its own ON rejects for every surviving left row.
            if source is None or source.query is None or target.table not in reach or origin.table not in steady - {target.table}:
                continue
            passing = [
                (moved, premises)
                for predicate, column in known
                if column.table == origin.table and column.name == origin.name
                for moved in [_of_column(predicate, target)]
                if not isinstance(premises := premises_inside(source.query, moved, facts), str)
                and not holds_inside(source.query, moved, facts)
            ]
            if passing:
                needed = NONE_NEEDED.union(*(premises for _, premises in passing))
                yield Push(equality, tuple(moved for moved, _ in passing), holder, source.query, premises=needed)


def _of_column(predicate: exp.Expr, target: exp.Column) -> exp.Expr:
    """A copy of a comparison of one column with constants, of another column."""
    copy = predicate.copy()
    for mention in list(copy.find_all(exp.Column)):
        mention.replace(target.copy())
    return copy


def _one_column(predicate: exp.Expr) -> exp.Column | None:
    """The column of a comparison of one column with constants."""
    bare = unwrap(predicate)
    if not isinstance(bare, (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In)):
        return None
    operands = [node for node in bare.iter_expressions()]
    columns = [node for node in operands if isinstance(node, exp.Column)]
    if len(columns) != 1 or not all(node is columns[0] or constant(node) for node in operands):
        return None
    return columns[0]


def _having(select: exp.Select, facts: Facts) -> Iterator[Push | Blocked]:
    """Conjuncts of HAVING on grouping expressions."""
    having, group = select.args.get("having"), select.args.get("group")
    if having is None or group is None:
        return
    if has_grouping_sets(select):
        if any(not predicate.find(exp.AggFunc) for predicate in conjuncts(having.this)):
            yield Blocked(having, "grouping sets make rows that WHERE does not see")
        return
    texts = {unwrap(node).sql(facts.dialect) for node in group.expressions}
    moving = [predicate for predicate in conjuncts(having.this) if _on_groups(predicate, texts, facts)]
    if moving:
        yield Push(moving[0], tuple(moving), having, select)


def _on_groups(predicate: exp.Expr, texts: set[str], facts: Facts) -> bool:
    """Whether nothing but grouping expressions varies in ``predicate``."""
    if predicate.find(exp.Query, exp.AggFunc, exp.Window) or not predicate.find(exp.Column):
        return False
    if not facts.deterministic(predicate) or may_fail(predicate, facts.dialect) or collated(predicate):
        return False

    def grouping(node: exp.Expr) -> bool:
        return node.sql(facts.dialect) in texts

    return not any(isinstance(node, exp.Column) and not grouping(node) for node in predicate.walk(prune=grouping))


def rewrite(site: Push, facts: Facts) -> exp.Query:
    """Take the filters out of their clause and apply them inside."""
    condition = site.holder.args.get("on") if isinstance(site.holder, exp.Join) else site.holder.this
    left = [p for p in conjuncts(condition) if not any(p is moved for moved in site.predicates)]
    if isinstance(site.holder, exp.Having) and isinstance(site.query, exp.Select):
        set_where(site.query, [*where_conjuncts(site.query), *(predicate.copy() for predicate in site.predicates)])
    else:
        for predicate in site.predicates:
            push_inside(site.query, predicate)
    if len(left) == len(conjuncts(condition)):
        return facts.tree
    remainder = conjunction([predicate.copy() for predicate in left])
    if isinstance(site.holder, exp.Join):
        site.holder.set("on", remainder or exp.true())
    elif remainder is None:
        site.holder.pop()
    else:
        site.holder.set("this", remainder)
    return facts.tree
