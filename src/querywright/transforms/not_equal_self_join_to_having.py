"""Finds the keys that have two different values by grouping instead of joining a table with itself.

What: ``SELECT a.k FROM t a, t b WHERE a.k = b.k AND a.x <> b.x`` (also with ``<`` or ``>``), read as a set of keys, becomes
    ``SELECT a.k FROM t a GROUP BY a.k HAVING MIN(a.x) <> MAX(a.x)``; ``EXISTS (SELECT … FROM t b WHERE b.k = a.k AND
    b.x <> a.x)`` in a query over the same table becomes ``a.x IS NOT NULL AND a.k IN`` (the same subquery).
When: the self-join has a row for each pair of rows of a key (TPC-DS 95: 5x; 16 and 94 have the EXISTS form).
Sound: a key has two rows with different values exactly if the smallest value differs from the largest; NULL values take
    part in neither, and NULL keys are filtered out. The number of rows changes, so every reader must treat them as a set:
    IN, EXISTS, or DISTINCT, directly or through derived tables and common table expressions of which only keys are read.
    For EXISTS the outer row itself must be among the rows that the subquery reads, which therefore must not filter.
    Other predicates must be on the key or be the same for both rows.
Source: TPC-DS 95, 16, 94; measured in this project.
Example:
    >>> show("SELECT id FROM o WHERE id IN (SELECT a.k FROM s AS a, s AS b WHERE a.k = b.k AND a.x <> b.x)",
    ...      o="id INT", s="k INT, x INT")
    SELECT o.id AS id FROM o AS o WHERE o.id IN (SELECT a.k AS k FROM s AS a WHERE NOT a.k IS NULL GROUP BY a.k
    HAVING MIN(a.x) <> MAX(a.x))
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.duplicates import input_is_a_set, output_is_a_set
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, set_where, unwrap, where_conjuncts
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_ROW_CHANGING = ("group", "having", "qualify", "limit", "offset", "fetch", "laterals", "with_", "sample")
_ORDERED_TYPES = exp.DataType.NUMERIC_TYPES | exp.DataType.TEXT_TYPES | exp.DataType.TEMPORAL_TYPES


@dataclass(frozen=True)
class SelfJoin(Site):
    """``node`` is a block that joins ``kept`` and ``dropped``, two readings of one table.

    ``keys`` and ``value`` are column names; ``filters`` the predicates that stay.
    """

    kept: str
    dropped: str
    keys: tuple[str, ...]
    value: str
    filters: tuple[exp.Expr, ...]


@dataclass(frozen=True)
class OtherValue(Site):
    """``node`` is an EXISTS for another ``value`` under the ``key`` of the outer row; ``body`` its block."""

    body: exp.Select
    key: exp.Column
    value: exp.Column


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Self-joins on a key with different values, and EXISTS with the same pattern."""
    for select in facts.selects():
        found = _self_join(select, facts)
        if isinstance(found, str):
            yield Blocked(select, found)
        elif found is not None:
            yield found
        for predicate in where_conjuncts(select):
            bare = unwrap(predicate)
            if isinstance(bare, exp.Exists):
                other = other_value(predicate, bare, select, facts)
                if isinstance(other, str):
                    yield Blocked(predicate, other)
                elif other is not None:
                    yield other


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Group by the key."""
    if isinstance(site, OtherValue):
        return _rewrite_exists(site, facts)
    assert isinstance(site, SelfJoin) and isinstance(site.node, exp.Select)
    block = site.node
    outputs = _key_outputs(block, site.keys)
    for column in [*block.find_all(exp.Column), *(column for part in site.filters for column in part.find_all(exp.Column))]:
        if column.table == site.dropped and facts.home(column) is block:
            column.set("table", exp.to_identifier(site.kept))
    kept = facts.sources(block)[site.kept].node.copy()
    keys = [exp.column(name, site.kept) for name in site.keys]
    if block.args.get("distinct") is None:
        block.set("order", None)  # nobody sees the order of a set
    elif {output.unalias().name for output in outputs} == set(site.keys):
        block.set("distinct", None)
    block.set("expressions", [output.copy() for output in outputs] or [keys[0].copy()])
    block.set("from_", exp.From(this=kept))
    block.set("joins", [])
    present = [exp.Not(this=exp.Is(this=key.copy(), expression=exp.null())) for key in keys]
    set_where(block, [*present, *(part.copy() for part in site.filters)])
    _group(block, keys, exp.column(site.value, site.kept))
    return facts.tree


def _rewrite_exists(site: OtherValue, facts: Facts) -> exp.Query:
    body = site.body
    alias = next(iter(facts.sources(body)))
    key = exp.column(site.key.this.copy(), alias)
    for clause in ("distinct", "order", "where"):
        body.set(clause, None)
    body.set("expressions", [exp.alias_(key.copy(), site.key.name)])
    _group(body, [key], exp.column(site.value.this.copy(), alias))
    present = exp.Not(this=exp.Is(this=site.value.copy(), expression=exp.null()))
    membership = exp.In(this=site.key.copy(), query=exp.Subquery(this=body.copy()))
    site.node.replace(exp.And(this=present, expression=membership))
    return facts.tree


def _group(block: exp.Select, keys: list[exp.Column], value: exp.Column) -> None:
    block.set("group", exp.Group(expressions=[key.copy() for key in keys]))
    differs = exp.NEQ(this=exp.Min(this=value.copy()), expression=exp.Max(this=value.copy()))
    block.set("having", exp.Having(this=differs))


# ---------------------------------------------------------------------- self-join


def _self_join(select: exp.Select, facts: Facts) -> SelfJoin | str | None:
    sources = list(facts.sources(select).values())
    if len(sources) != 2 or sources[0].table is None or sources[0].table is not sources[1].table:
        return None
    join = sources[1].join
    if join is None or join.side or join.method or join.kind not in ("", "INNER", "CROSS"):
        return None
    first, second = sources[0].alias, sources[1].alias
    predicates = [*conjuncts(join.args.get("on")), *where_conjuncts(select)]
    keys = {column.name: column for part in predicates if (column := _same_column(part, exp.EQ, select, facts))}
    unequal = [column for part in predicates if (column := _same_column(part, (exp.NEQ, exp.LT, exp.GT), select, facts))]
    if not keys or not unequal:
        return None
    if len(unequal) > 1:
        return "the two rows must differ in one column"
    rest = [part for part in predicates if not _same_column(part, (exp.EQ, exp.NEQ, exp.LT, exp.GT), select, facts)]
    filters = _common_filters(rest, first, second, tuple(keys), select, facts)
    if filters is None:
        return "both rows must be filtered alike, or by their key"
    if any(select.args.get(clause) for clause in _ROW_CHANGING) or _computes(select):
        return "the block computes from the pairs of rows"
    if not _sortable(unequal[0]) or not all(_groupable(column, facts) for column in keys.values()):
        return "the columns must be numbers, dates or text that compare in one way"
    if not _read_as_key_set(select, tuple(keys), facts):
        return "a reader may count the pairs of rows, or reads more than the key"
    return SelfJoin(select, first, second, tuple(keys), unequal[0].name, tuple(filters))


def _same_column(
    part: exp.Expr, kind: type[exp.Expr] | tuple[type[exp.Expr], ...], select: exp.Select, facts: Facts
) -> exp.Column | None:
    """The left side of a comparison of ``kind`` between one column of the two sources of ``select``."""
    bare = unwrap(part)
    if not isinstance(bare, kind):
        return None
    left, right = unwrap(bare.this), unwrap(bare.args["expression"])
    if (
        not isinstance(left, exp.Column)
        or not isinstance(right, exp.Column)
        or left.name != right.name
        or left.table == right.table
    ):
        return None
    return left if facts.home(left) is select and facts.home(right) is select else None


def _common_filters(
    parts: list[exp.Expr], first: str, second: str, keys: tuple[str, ...], select: exp.Select, facts: Facts
) -> list[exp.Expr] | None:
    """Predicates on the key, and predicates that both rows have to meet; None where there are others."""
    on_key: list[exp.Expr] = []
    own: dict[str, dict[str, exp.Expr]] = {first: {}, second: {}}
    for part in parts:
        columns = facts.local_columns(part, select)
        if part.find(exp.Query) is not None or not facts.deterministic(part) or not columns:
            return None
        aliases = {column.table for column in columns}
        if all(column.name in keys for column in columns):
            on_key.append(part)
        elif len(aliases) == 1:
            renamed = part.copy()
            for column in renamed.find_all(exp.Column):
                if column.table == second:
                    column.set("table", exp.to_identifier(first))
            own[aliases.pop()][renamed.sql()] = part
        else:
            return None
    return [*on_key, *own[first].values()] if own[first].keys() == own[second].keys() else None


def _computes(select: exp.Select) -> bool:
    return any(node.parent_select is select for node in select.find_all(exp.AggFunc, exp.Window))


def _sortable(column: exp.Expr) -> bool:
    return isinstance(column.type, exp.DataType) and column.is_type(*_ORDERED_TYPES)


def _groupable(column: exp.Column, facts: Facts) -> bool:
    """Whether equal keys look alike: SQLite's text may have a collation under which they do not."""
    return _sortable(column) and not (facts.dialect == "sqlite" and column.is_type(*exp.DataType.TEXT_TYPES))


def _key_outputs(select: exp.Select, keys: tuple[str, ...]) -> list[exp.Expr]:
    outputs = ((projection, unwrap(projection.unalias())) for projection in select.expressions)
    return [projection for projection, bare in outputs if isinstance(bare, exp.Column) and bare.name in keys]


# ---------------------------------------------------------------------- readers


def _read_as_key_set(block: exp.Select, keys: tuple[str, ...], facts: Facts) -> bool:
    """Whether readers of ``block`` see only outputs that are keys, and cannot tell how often a row occurs."""
    outputs = _key_outputs(block, keys)
    complete = len(outputs) == len(block.expressions)
    if block.args.get("distinct") is not None:
        sorted_by = block.args["order"].find_all(exp.Column) if block.args.get("order") is not None else []
        known = all(not column.table or column.name in keys for column in sorted_by)
        return complete and known and block.args["distinct"].args.get("on") is None
    if output_is_a_set(block):
        return complete or isinstance(block.parent, exp.Exists)
    names = {output.alias_or_name for output in outputs}
    return bool(names) and _readers_agree(block, names, facts)


def _readers_agree(block: exp.Query, names: set[str], facts: Facts) -> bool:
    """Whether every FROM entry that reads ``block`` reads only ``names``, and its own block is read as a set."""
    readers = [
        (select, source) for select in facts.selects() for source in facts.sources(select).values() if source.query is block
    ]
    definition = block.parent
    if isinstance(definition, exp.CTE):
        mentions = sum(table.name == definition.alias for table in facts.tree.find_all(exp.Table))
        if mentions != len(readers):
            return False
    elif not isinstance(definition, exp.Subquery):
        return False
    return bool(readers) and all(
        {column.name for column in facts.references(select, source.alias)} <= names and _read_as_set(select, facts)
        for select, source in readers
    )


def _read_as_set(select: exp.Select, facts: Facts) -> bool:
    """Whether nobody can tell how often a row of FROM of ``select`` occurs."""
    if input_is_a_set(select):
        return True
    passes_on = not any(select.args.get(clause) for clause in _ROW_CHANGING if clause != "with_") and not _computes(select)
    return passes_on and _readers_agree(select, set(select.named_selects), facts)


# ---------------------------------------------------------------------- EXISTS


def other_value(predicate: exp.Expr, exists: exp.Exists, select: exp.Select, facts: Facts) -> OtherValue | str | None:
    """An EXISTS in the WHERE of ``select`` for another value under the key of the outer row; a sentence where it is not quite."""
    body = exists.this.unnest() if isinstance(exists.this, exp.Subquery) else exists.this
    if not isinstance(body, exp.Select):
        return None
    sources = list(facts.sources(body).values())
    if len(sources) != 1 or sources[0].table is None:
        return None
    keys: list[exp.Column] = []
    values: list[exp.Column] = []
    others: list[exp.Expr] = []
    for part in where_conjuncts(body):
        bare = unwrap(part)
        outer = _outer_twin(bare, body, select, facts) if isinstance(bare, (exp.EQ, exp.NEQ)) else None
        if outer is None:
            others.append(part)
        else:
            (keys if isinstance(bare, exp.EQ) else values).append(outer)
    if not keys or not values:
        return None
    if len(keys) > 1 or len(values) > 1 or keys[0].table != values[0].table:
        return "the two rows must share one column and differ in one column"
    outer_source = facts.sources(select)[keys[0].table]
    if outer_source.table is not sources[0].table:
        return "the subquery must read the table of the outer row"
    if others or any(body.args.get(clause) for clause in _ROW_CHANGING) or _computes(body):
        return "the subquery must read all rows of the table"
    if not _sortable(values[0]) or not _groupable(keys[0], facts):
        return "the columns must be numbers, dates or text that compare in one way"
    return OtherValue(predicate, body, keys[0], values[0])


def _outer_twin(comparison: exp.Expr, body: exp.Select, select: exp.Select, facts: Facts) -> exp.Column | None:
    """The outer column that a comparison holds against the column of the same name inside."""
    left, right = unwrap(comparison.this), unwrap(comparison.args["expression"])
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column) or left.name != right.name:
        return None
    for inner, outer in ((left, right), (right, left)):
        if facts.home(inner) is body and facts.home(outer) is select:
            return outer
    return None
