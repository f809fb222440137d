"""Marks a common table expression AS MATERIALIZED, so that the engine computes it once, apart from its readers.

What: ``WITH t AS (…)`` becomes ``WITH t AS MATERIALIZED (…)``.
When: the engine would put the CTE in place of its readers and compute it for each of them, or for each row of an outer block,
    or would plan its tables into the joins of the reader in a worse order; TPC-DS 95 on DuckDB: 1.4x, 64: 1.2x. Loses where
    the filters and indexes of the readers reach into the CTE, so timing decides.
Sound: the keyword only says when the rows are computed. The CTE must be deterministic, and not depend on the block around it.
Source: MATERIALIZED of PostgreSQL 12, SQLite 3.35 and DuckDB 1.4; common subexpressions: Silva, Larson and Zhou, ICDE 2012.
Example:
    >>> show("WITH t AS (SELECT k, SUM(x) AS s FROM f GROUP BY k) SELECT a.s FROM t AS a JOIN t AS b ON a.s = b.k",
    ...      f="k INT, x INT")
    WITH t AS MATERIALIZED (SELECT f.k AS k, SUM(f.x) AS s FROM f AS f GROUP BY f.k)
    SELECT a.s AS s FROM t AS a JOIN t AS b ON a.s = b.k
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.transforms._with_clauses import MATERIALIZATION_KEYWORDS, readings, self_contained
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "materialize_cte"
ENGINES = MATERIALIZATION_KEYWORDS


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Common table expressions with a reader that say nothing about materialization."""
    for cte in query.find_all(exp.CTE, bfs=False):
        if cte.args.get("materialized") is not None or not readings(cte, facts):
            continue
        if facts.deterministic(cte) and self_contained(cte.this, facts):
            yield Site(cte)
        else:
            yield Blocked(cte, "the CTE must be deterministic and must not use columns of an outer block")


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Add the keyword."""
    site.node.set("materialized", True)
    return facts.tree
