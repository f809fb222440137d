"""Finds the first row of each group by the MIN or MAX of its order column instead of numbering all rows.

What: ``SELECT … FROM (SELECT …, ROW_NUMBER() OVER (PARTITION BY k ORDER BY id DESC) AS n FROM t) AS d WHERE d.n = 1`` reads the
    rows of ``t`` WHERE ``id IN (SELECT MAX(id) FROM t GROUP BY k)``, or ``(k, id) IN (SELECT k, MAX(id) …)`` where only both
    are a key. If only ``k`` and ``id`` are read, it groups by ``k`` instead.
When: the window sorts whole rows, the grouping only keys: SQLite 2.4x to 2.8x, PostgreSQL 3.9x; DuckDB gains nothing,
    MariaDB loses.
Sound: the order column, or it and the partition, is a key of the rows, so that one row holds the extreme; where the columns read
    are the partition and the order column, rows that tie are equal. The columns of the key are NOT NULL, and of NULLs the order
    must put none first, for MIN and MAX pass over them. The number is read nowhere else, and the block only selects
    from one table.
Source: the group-wise maximum of the manuals of MySQL; measured in this project.
Example:
    >>> show(
    ...     "SELECT d.id, d.x FROM (SELECT id, x, ROW_NUMBER() OVER (PARTITION BY k ORDER BY id DESC) AS n FROM t) AS d "
    ...     "WHERE d.n = 1",
    ...     t="id INT PRIMARY KEY, k INT, x INT",
    ... )
    SELECT d.id AS id, d.x AS x FROM (SELECT t.id AS id, t.x AS x FROM t AS t
    WHERE t.id IN (SELECT MAX(t.id) AS extreme FROM t AS t GROUP BY t.k)) AS d
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import NONE_NEEDED, Facts, Premises, Source
from querywright.sql.predicates import set_where, unwrap, where_conjuncts
from querywright.sql.pruning import reads_whole_rows
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("sqlite", "postgres")

_PLAIN = {"expressions", "from_", "where"}


@dataclass(frozen=True)
class FirstRows(Site):
    """``node`` is the numbering block, ``number`` its projection, ``test`` the conjunct of the block around it.

    ``key`` are the columns that find the row, the order column last; empty where grouping alone gives the answer.
    """

    number: exp.Alias
    test: exp.Expr
    key: tuple[exp.Column, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Derived tables of numbered rows of which the first of each group are read."""
    for select in facts.selects():
        for source in facts.sources(select).values():
            body = source.query
            if not isinstance(body, exp.Select) or source.common or source.outer or source.nullable:
                continue
            for predicate in where_conjuncts(select):
                number = _numbered(predicate, source, body, facts)
                if number is not None and not reads_whole_rows(select):
                    yield _examine(select, source, body, number, predicate, facts)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Replace numbering by grouping."""
    assert isinstance(site, FirstRows) and isinstance(site.node, exp.Select)
    body, window = site.node, site.number.this
    around = site.test.parent_select
    assert around is not None
    set_where(around, [part for part in where_conjuncts(around) if part is not site.test])
    partition = [node.copy() for node in window.args["partition_by"]]
    ordered = window.args["order"].expressions[0]
    extreme = _extreme(ordered)
    body.set("expressions", [projection for projection in body.expressions if projection is not site.number])
    if not site.key:
        for projection in body.expressions:
            if unwrap(projection.unalias()) == unwrap(ordered.this):
                projection.set("this", extreme.copy())
        body.set("group", exp.Group(expressions=partition))
        return facts.tree
    inside = body.copy()
    inside.set("expressions", [*(column.copy() for column in site.key[:-1]), exp.alias_(extreme, "extreme")])
    inside.set("group", exp.Group(expressions=partition))
    key = [column.copy() for column in site.key]
    subject = key[0] if len(key) == 1 else exp.Tuple(expressions=key)
    set_where(body, [*where_conjuncts(body), exp.In(this=subject, query=exp.Subquery(this=inside))])
    return facts.tree


def _numbered(predicate: exp.Expr, source: Source, body: exp.Select, facts: Facts) -> exp.Alias | None:
    """The ROW_NUMBER projection that ``predicate`` compares with 1."""
    bare = unwrap(predicate)
    if not isinstance(bare, (exp.EQ, exp.LTE)) or unwrap(bare.expression) != exp.Literal.number(1):
        return None
    column = unwrap(bare.this)
    if not isinstance(column, exp.Column) or column.table != source.alias:
        return None
    for projection in body.expressions:
        if isinstance(projection, exp.Alias) and projection.alias == column.name and isinstance(projection.this, exp.Window):
            return projection if isinstance(projection.this.this, exp.RowNumber) else None
    return None


def _examine(
    select: exp.Select, source: Source, body: exp.Select, number: exp.Alias, test: exp.Expr, facts: Facts
) -> Site | Blocked:
    window = number.this
    partition = [unwrap(node) for node in window.args.get("partition_by") or []]
    order = window.args.get("order")
    if not partition or order is None or not all(isinstance(node, exp.Column) for node in partition):
        return Blocked(body, "the window must have a PARTITION BY of columns and an ORDER BY")
    if len([c for c in facts.references(select, source.alias) if c.name == number.alias]) > 1:
        return Blocked(body, "the number of the row is read elsewhere too")
    if {name for name, value in body.args.items() if value} - _PLAIN or len(facts.sources(body)) != 1:
        return Blocked(body, "the numbering block must only select from one table")
    others = [projection for projection in body.expressions if projection is not number]
    if any(projection.find(exp.Window, exp.AggFunc) for projection in others) or facts.correlated_columns(body):
        return Blocked(body, "the block must not depend on other rows")
    if not others or not facts.deterministic(body):
        return Blocked(body, "the block must select columns and not depend on chance")
    ordered = order.expressions[0]
    last = unwrap(ordered.this)
    if not isinstance(last, exp.Column):
        return Blocked(body, "the order must begin with a column")
    present = facts.not_null(last, body)
    first = ordered.args.get("nulls_first")
    if present is None and (first or first is None):
        return Blocked(body, "the order may put NULLs first")
    columns = [*partition, last]
    text = last.type is None or last.type.is_type(*exp.DataType.TEXT_TYPES)
    alone = len(order.expressions) == 1 and all(unwrap(projection.unalias()) in columns for projection in others)
    if alone and not text:  # under a collation, texts that tie may differ
        premises = present if present is not None and first is not False else NONE_NEEDED
        return FirstRows(body, number, test, (), premises=premises)
    return _by_key(body, number, test, partition, last, facts)


def _by_key(
    body: exp.Select, number: exp.Alias, test: exp.Expr, partition: list[exp.Expr], last: exp.Column, facts: Facts
) -> Site | Blocked:
    source = next(iter(facts.sources(body).values()))
    for key in ([last], [*partition, last]):
        unique = facts.at_most_one(source, {column.name for column in key})
        present: list[Premises | None] = [facts.not_null(column, body) for column in key]
        if unique is not None and all(premises is not None for premises in present):
            used = unique.union(*(premises for premises in present if premises is not None))
            columns = tuple(column for column in key if isinstance(column, exp.Column))
            return FirstRows(body, number, test, columns, premises=used)
    return Blocked(body, "rows may tie: the partition and the order column are not known to be a key without NULLs")


def _extreme(ordered: exp.Ordered) -> exp.Expr:
    return (exp.Max if ordered.args.get("desc") else exp.Min)(this=ordered.this.copy())
