"""Groups once where a grouped table is joined with itself, each side under a constant of its own: one column for each constant.

What: ``WITH y AS (SELECT k, year, SUM(v) AS s FROM t GROUP BY k, year) SELECT … FROM y AS a JOIN y AS b ON b.k = a.k WHERE
    a.year = 1 AND b.year = 2`` becomes one table ``SELECT k, SUM(v) FILTER (WHERE year = 1), SUM(v) FILTER (WHERE year = 2) FROM
    t WHERE year = 1 OR year = 2 GROUP BY k HAVING`` both years have rows. The same for derived tables, for tables that filter by
    their constants inside, for more than two, and for LEFT JOIN, which shows NULLs where the second year has no rows.
When: year over year, channel against channel, state against state. Measured 2.6x on SQLite, 1.2x to 1.3x on
    DuckDB; TPC-DS 31 1.4x there, 75 0.7x.
Sound: a key that an equality with a constant fixes has one value in all groups that are left, so the other keys tell these apart,
    and the fixed one is the minimum of its values. What remains are grouped tables over the same rows joined by their keys, which
    merge_grouped_joins merges: NULL keys, keys with rows under one constant only, counts of no rows, and expressions that may
    fail are its concern. Every reader of a common table expression takes part, or it would be computed as well. Keys with a
    collation block, since equal ones need not look alike.
Source: QO-Verify; conditional aggregation as in reports, and the PIVOT of Cunningham, Galindo-Legaria and Graefe, VLDB 2004.
Example:
    >>> show(
    ...     "WITH t AS (SELECT id, y, SUM(x) AS s FROM f GROUP BY id, y) "
    ...     "SELECT a.id, b.s - a.s AS growth FROM t AS a JOIN t AS b ON a.id = b.id WHERE a.y = 1 AND b.y = 2",
    ...     f="id INT NOT NULL, y INT, x INT",
    ... )
    SELECT a.id AS id, a.s_2 - a.s AS growth FROM (SELECT f.id AS id, SUM(f.x) FILTER(WHERE f.y = 1) AS s,
    SUM(f.x) FILTER(WHERE f.y = 2) AS s_2 FROM f AS f WHERE (f.y = 1 OR f.y = 2) GROUP BY f.id
    HAVING COUNT(*) FILTER(WHERE f.y = 1) > 0 AND COUNT(*) FILTER(WHERE f.y = 2) > 0) AS a
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from querywright.sql.correlation import with_aliases
from querywright.sql.facts import Facts, Premises, Source
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.order import order_sensitive
from querywright.sql.predicates import collated, constant, equality_identifies, pinned_column, unwrap, where_conjuncts
from querywright.sql.trees import copied, printed
from querywright.transforms import merge_grouped_joins
from querywright.transforms._filter_passage import push_inside
from querywright.transforms._filtered_readers import Reader, drop_filters, filtered_reader
from querywright.transforms._relocation import relocated
from querywright.transforms._with_clauses import means_the_same_elsewhere, readings, remove_definition
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("duckdb", "sqlite")


@dataclass(frozen=True)
class Slices(Site):
    """FROM entries of ``node``, a SELECT, that read the groups of one constant; ``definitions`` are what else nobody reads."""

    slices: tuple[Reader, ...]
    definitions: tuple[exp.CTE, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Blocks with two or more entries over the same rows, grouped by a key that a constant fixes."""
    for select in facts.selects():
        alike: dict[str, list[Reader]] = {}
        for source in facts.sources(select).values():
            reader = _slice(select, source, facts)
            if reader is not None:
                alike.setdefault(_tables(reader.source.query, facts), []).append(reader)
        for slices in alike.values():
            if len(slices) > 1:
                yield _examine(select, tuple(slices), facts)


def _slice(select: exp.Select, source: Source, facts: Facts) -> Reader | None:
    """``source`` with the filters that fix some of its keys, if any are fixed and any are not."""
    if not isinstance(source.query, exp.Select) or source.query.args.get("group") is None or has_grouping_sets(source.query):
        return None
    node = source.node
    if {name for name, value in node.args.items() if value} != {"this", "alias"} or node.args["alias"].columns:
        return None
    if not all(entry.node.args.get("alias") for entry in facts.sources(source.query).values()):
        return None
    found = filtered_reader(select, source, facts)
    reader = replace(found, filters=tuple(predicate for predicate in found.filters if pinned_column(predicate) is not None))
    body = _filtered(reader)
    fixed = _fixed_keys(body, facts)
    return reader if 0 < len(fixed) < len(body.args["group"].expressions) else None


def _tables(body: exp.Query | None, facts: Facts) -> str:
    assert isinstance(body, exp.Select)
    copy = with_aliases(facts, body, {alias: f"source_{number}" for number, alias in enumerate(facts.sources(body))})
    return "\n".join(printed(part, facts.dialect) for part in (copy.args["from_"], *(copy.args.get("joins") or [])))


def _filtered(reader: Reader) -> exp.Select:
    """A copy of the query of ``reader`` that applies its filters."""
    assert isinstance(reader.source.query, exp.Select)
    body = copied(reader.source.query)
    for predicate in reader.filters:
        push_inside(body, predicate)
    return body


def _fixed_keys(body: exp.Select, facts: Facts) -> set[str]:
    """The texts of the grouping expressions that WHERE equates with a constant."""
    given: set[str] = set()
    for predicate in map(unwrap, where_conjuncts(body)):
        if isinstance(predicate, exp.EQ):
            for key, other in ((predicate.this, predicate.expression), (predicate.expression, predicate.this)):
                if constant(other) and not constant(key) and equality_identifies(unwrap(key), other):
                    given.add(printed(unwrap(key), facts.dialect))
    return given & {printed(unwrap(key), facts.dialect) for key in body.args["group"].expressions}


def _examine(select: exp.Select, slices: tuple[Reader, ...], facts: Facts) -> Site | Blocked:
    queries = {id(reader.source.query) for reader in slices if reader.source.common}
    definitions = tuple(cte for cte in facts.tree.find_all(exp.CTE) if id(cte.this) in queries)
    entries = {id(reader.source.node) for reader in slices}
    known = [readings(cte, facts) for cte in definitions]
    if any(not found or any(id(reading.source.node) not in entries for reading in found) for found in known):
        return Blocked(select, "the grouped table has other readers, for whom it is computed anyway")
    if not all(means_the_same_elsewhere(cte.this, facts) for cte in definitions):
        return Blocked(select, "a table that the CTE reads has a name that means something else where the CTE is read")
    obstacle = next((reason for reader in slices if (reason := _obstacle(reader, facts))), None)
    if obstacle is None and order_sensitive(select):
        obstacle = "the block depends on the order of its rows"
    if obstacle is not None:
        return Blocked(select, obstacle)
    site = Slices(select, slices, definitions)
    trial, twins = facts.of_copy()
    outcome = _merge(relocated(site, twins), trial)
    if isinstance(outcome, str):
        return Blocked(select, outcome)
    return replace(site, premises=outcome.union(*(reader.premises for reader in slices)))


def _obstacle(reader: Reader, facts: Facts) -> str | None:
    body = reader.source.query
    assert isinstance(body, exp.Select)
    if any(map(collated, body.args["group"].expressions)):
        return "keys that are equal under a collation need not look alike"
    fixed = _fixed_keys(_filtered(reader), facts)
    names = {p.alias_or_name for p in body.expressions if printed(unwrap(p.unalias()), facts.dialect) in fixed}
    read = [column for column in _read(reader, facts) if column.name in names]
    if any(not isinstance(column.parent, exp.Alias) or column.parent_select is not reader.select for column in read):
        return "the fixed key is used in an expression, where a column and a minimum may convert differently"
    return None


def _read(reader: Reader, facts: Facts) -> list[exp.Column]:
    """The columns of ``reader`` that are read outside of its filters."""
    filters = {id(column) for predicate in reader.filters for column in predicate.find_all(exp.Column)}
    return [c for c in facts.references(reader.select, reader.source.alias) if id(c) not in filters]


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Give each entry a grouped table of its own without the fixed keys, and merge these tables."""
    assert isinstance(site, Slices)
    outcome = _merge(site, facts)
    assert not isinstance(outcome, str), outcome
    return facts.tree


def _merge(site: Slices, facts: Facts) -> Premises | str:
    """Change the tree of ``facts``; the premises of that, or a sentence why the tables cannot be merged."""
    bodies = [_without_fixed_keys(reader, facts) for reader in site.slices]
    for reader, body in zip(site.slices, bodies, strict=True):
        drop_filters(reader)
        node = reader.source.node
        node.replace(exp.Subquery(this=body, alias=node.args["alias"].copy()))
    for definition in site.definitions:
        remove_definition(definition)
    names = {reader.source.alias for reader in site.slices}
    premises: Premises = frozenset()
    while len(names) > 1:
        changed = Facts(facts.tree, facts.schema, facts.dialect)
        obstacle = "the tables must be joined by all keys that no constant fixes, and by nothing else"
        merger: merge_grouped_joins.Merger | None = None
        for found in merge_grouped_joins.find(changed.tree, changed):
            if not _between(found, site.node, names):
                continue
            if isinstance(found, merge_grouped_joins.Merger):
                merger = found
                break
            obstacle = found.precondition if isinstance(found, Blocked) else obstacle
        if merger is None:
            return obstacle
        premises |= merger.premises
        merge_grouped_joins.rewrite(merger, changed)
        names.remove(merger.second.alias)
    return premises


def _between(found: Site | Blocked, select: exp.Expr, names: set[str]) -> bool:
    """Whether something that merge_grouped_joins found is about these entries of ``select``."""
    if isinstance(found, merge_grouped_joins.Merger):
        return found.select is select and {found.first.alias, found.second.alias} <= names
    return found.node.parent_select is select and found.node.alias_or_name in names


def _without_fixed_keys(reader: Reader, facts: Facts) -> exp.Select:
    """The filtered query of ``reader``, not grouped by what a constant fixes, with the columns that are read."""
    body = _filtered(reader)
    fixed = _fixed_keys(body, facts)
    group: exp.Group = body.args["group"]
    group.set("expressions", [key for key in group.expressions if printed(unwrap(key), facts.dialect) not in fixed])
    read = {column.name for column in _read(reader, facts)}
    body.set("expressions", [projection for projection in body.expressions if projection.alias_or_name in read])
    having = body.args.get("having")
    for node in [*body.expressions, *([having] if having is not None else [])]:
        for part in list(node.walk(prune=lambda n: isinstance(n, exp.AggFunc) or printed(n, facts.dialect) in fixed)):
            if not isinstance(part, exp.AggFunc) and printed(part, facts.dialect) in fixed:
                part.replace(exp.Min(this=part.copy()))
    return body
