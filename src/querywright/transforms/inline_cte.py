"""Puts a common table expression in place of its readers.

What: a CTE that is read once becomes a derived table where it is read. One that is read several times is marked AS NOT
    MATERIALIZED, where the engine has the keyword, so that every reader has a copy of its own.
When: the engine computes the CTE apart from its readers, so that their filters, joins and indexes do not reach it, or computes
    columns that nobody reads; TPC-DS 4 on DuckDB: 1.25x. Loses where the CTE is expensive and read as it is (TPC-DS 2: 0.4x,
    TPC-H 15 on SQLite: 0.5x), so timing decides.
Sound: the CTE is deterministic, and no LIMIT, row number or order-sensitive aggregate chooses among its rows, so evaluating it in
    several places gives the same rows. Its name has one definition and is not the name of a table that is read as well.
Source: the WITH clause of SQL:1999; NOT MATERIALIZED of PostgreSQL 12, SQLite 3.35 and DuckDB 1.4.
Example:
    >>> show("WITH t AS (SELECT x FROM f WHERE x > 1) SELECT t.x FROM t", f="x INT")
    SELECT t.x AS x FROM (SELECT f.x AS x FROM f AS f WHERE f.x > 1) AS t
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.transforms._with_clauses import (
    MATERIALIZATION_KEYWORDS,
    Reading,
    means_the_same_elsewhere,
    readings,
    remove_definition,
    repeatable,
    self_contained,
)
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "inline_cte"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


@dataclass(frozen=True)
class Inlining(Site):
    """``node`` is the CTE; ``reading`` where it is read, None where several readers keep its name."""

    reading: Reading | None


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Common table expressions with a reader, those read several times only if they are not marked yet."""
    for cte in query.find_all(exp.CTE, bfs=False):
        found = readings(cte, facts)
        once = len(found) == 1
        if not found or not (once or (cte.args.get("materialized") is not False and facts.dialect in MATERIALIZATION_KEYWORDS)):
            continue
        if not repeatable(cte.this, facts):
            yield Blocked(cte, "the rows of the CTE must be determined by the data alone")
        elif not self_contained(cte.this, facts):
            yield Blocked(cte, "the CTE uses columns of an outer block")
        elif once and not means_the_same_elsewhere(cte.this, facts):
            yield Blocked(cte, "a table that the CTE reads has a name that means something else where the CTE is read")
        else:
            yield Inlining(cte, found[0] if once else None)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Move the query to its reader, or mark it."""
    assert isinstance(site, Inlining) and isinstance(site.node, exp.CTE)
    if site.reading is None:
        site.node.set("materialized", False)
        return facts.tree
    source = site.reading.source
    remove_definition(site.node)
    source.node.replace(
        exp.Subquery(this=site.node.this, alias=exp.TableAlias(this=exp.to_identifier(source.alias, quoted=_quoted(source.node))))
    )
    return facts.tree


def _quoted(node: exp.Expr) -> bool | None:
    alias = node.args.get("alias")
    return alias.this.quoted or None if isinstance(alias, exp.TableAlias) else None
