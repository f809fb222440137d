"""Filters the rows of a common table expression that several readers filter, each in its own way.

What: where the readers' filters exclude each other, the CTE is copied once per filter with the filter inside: below GROUP BY,
    into the branches of UNION ALL, of which those with a contradicting constant are dropped. Else, or as the second proposal,
    the disjunction of all readers' filters goes into the one CTE and the readers keep theirs.
When: a CTE that unites and aggregates large tables is joined with itself under different constants; engines that compute it
    once compute groups that nobody reads. TPC-DS 4, 11 and 74 on DuckDB: 1.8x, 1.1x and 1.3x; more together with grouping by a
    key. Hurts where the copies repeat a join that costs more than the groups (TPC-DS 31: 0.6x).
Sound: every reader filters by conjuncts that only mention its columns of the CTE and that may be applied to the input of the
    CTE (on grouping columns below GROUP BY, on what the rows of a partition share below windows, never below LIMIT or global
    aggregates). The CTE is deterministic, so copies agree. A reader that an outer join fills with NULLs counts only with the
    conjuncts of its own ON. Branches are dropped only where all have the same types.
Source: TPC-DS 4, 11, 74; Silva, Larson and Zhou, "Exploiting common subexpressions for cloud query processing", ICDE 2012.
Example:
    >>> show(
    ...     "WITH t AS (SELECT id, y, SUM(x) AS s FROM f GROUP BY id, y) "
    ...     "SELECT a.s, b.s AS later FROM t AS a JOIN t AS b ON a.id = b.id WHERE a.y = 1 AND b.y = 2",
    ...     f="id INT, y INT, x INT",
    ... )
    WITH t AS (SELECT f.id AS id, f.y AS y, SUM(f.x) AS s FROM f AS f WHERE f.y = 1 GROUP BY f.id, f.y),
    t_2 AS (SELECT f.id AS id, f.y AS y, SUM(f.x) AS s FROM f AS f WHERE f.y = 2 GROUP BY f.id, f.y)
    SELECT a.s AS s, b.s AS later FROM t AS a JOIN t_2 AS b ON a.id = b.id
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from sqlglot import exp
from sqlglot.optimizer.simplify import simplify

from querywright.sql.disjointness import exclusive
from querywright.sql.facts import NONE_NEEDED, Facts
from querywright.sql.predicates import conjunction, disjunction
from querywright.sql.trees import copied, printed
from querywright.transforms._decided_branches import without_decided
from querywright.transforms._filter_passage import push_inside
from querywright.transforms._filtered_readers import Reader, drop_filters, filtered_reader
from querywright.transforms._with_clauses import readings, repeatable
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "multi_push_predicate"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


@dataclass(frozen=True)
class Narrowing(Site):
    """``node`` is the CTE. Each group of readers gets a copy of its own, or one CTE serves ``together``."""

    groups: tuple[tuple[Reader, ...], ...]
    together: bool


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Common table expressions with two readers or more, all of which filter."""
    for cte in query.find_all(exp.CTE, bfs=False):
        readers = [filtered_reader(reading.select, reading.source, facts) for reading in readings(cte, facts)]
        if len(readers) < 2 or not any(reader.filters for reader in readers):
            continue
        if not all(reader.filters for reader in readers):
            yield Blocked(cte, "a reader of the CTE takes its rows without a filter that can move into it")
            continue
        if not repeatable(cte.this, facts):
            yield Blocked(cte, "the rows of the CTE must be determined by the data alone")
            continue
        grouped: dict[frozenset[str], list[Reader]] = {}
        for reader in readers:
            grouped.setdefault(reader.key, []).append(reader)
        groups = tuple(tuple(group) for group in grouped.values())
        premises = NONE_NEEDED.union(*(reader.premises for reader in readers))
        if all(_exclude(first[0], second[0]) for first, second in combinations(groups, 2)):
            yield Narrowing(cte, groups, together=False, premises=premises)
        if len(groups) > 1 and printed(_narrowed(cte.this, groups), facts.dialect) != printed(cte.this, facts.dialect):
            yield Narrowing(cte, groups, together=True, premises=premises)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Put the filters into the CTE, or into a copy for each filter, whose readers then lose it."""
    assert isinstance(site, Narrowing)
    cte = site.node
    clause = cte.parent
    assert isinstance(cte, exp.CTE) and isinstance(clause, exp.With)
    if site.together:
        cte.set("this", _narrowed(cte.this, site.groups))
        return facts.tree
    definitions = []
    for number, group in enumerate(site.groups, start=1):
        definition = cte.copy()
        definition.set("this", _narrowed(cte.this, [group]))
        if number > 1:
            name = exp.to_identifier(facts.fresh_name(f"{cte.alias}_{number}"), quoted=cte.args["alias"].this.quoted or None)
            definition.args["alias"].set("this", name)
            for reader in group:
                reader.source.node.set("this", name.copy())
        definitions.append(definition)
    for reader in (reader for group in site.groups for reader in group):
        drop_filters(reader)
    place = clause.expressions.index(cte)
    clause.set("expressions", [*clause.expressions[:place], *definitions, *clause.expressions[place + 1 :]])
    return facts.tree


def _exclude(first: Reader, second: Reader) -> bool:
    """Whether no row of the CTE passes the filters of both."""
    return any(exclusive(simplify(one), simplify(other)) for one in first.shared_filters() for other in second.shared_filters())


def _narrowed(body: exp.Query, groups: tuple[tuple[Reader, ...], ...] | list[tuple[Reader, ...]]) -> exp.Query:
    """A copy of the CTE's query without rows that no group of readers takes."""
    copy = copied(body)
    alternatives = [group[0].shared_filters() for group in groups]
    shared = [p for p in alternatives[0] if all(p in alternative for alternative in alternatives)]
    rest = [conjunction(p for p in alternative if p not in shared) for alternative in alternatives]
    different = disjunction(predicate for predicate in rest if predicate is not None)
    for predicate in shared:
        push_inside(copy, predicate)
    if different is not None and None not in rest:
        push_inside(copy, different)
    return without_decided(copy)
