"""Makes a LEFT JOIN an inner join where its NULL-extended rows cannot survive.

What: ``a LEFT JOIN b ON … WHERE b.x = c.y`` becomes ``a JOIN b ON … WHERE b.x = c.y``.
When: engines do this for comparisons with constants, often not where a later join condition rejects the NULLs (TPC-DS
    93: 2.7x); an inner join can be reordered and starts from the smaller side.
Sound: a WHERE conjunct, or the ON of a later inner join, is not true when a column of the right side is NULL; every
    NULL-extended row has only NULLs there, so none of them reaches the result. The right side is a single source, and
    no RIGHT or FULL join takes part.
Source: Galindo-Legaria and Rosenthal, "Outerjoin simplification and reordering for query optimization", TODS 1997.
Example:
    >>> show("SELECT a.id FROM a LEFT JOIN b ON a.id = b.id WHERE b.x > 1", a="id INT", b="id INT, x INT")
    SELECT a.id AS id FROM a AS a JOIN b AS b ON a.id = b.id WHERE b.x > 1
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, null_rejected_columns, where_conjuncts
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "early_filter"
ENGINES = ("duckdb", "sqlite", "postgres", "spark")


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """LEFT JOINs whose right side a later predicate needs."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        if any(join.side in ("RIGHT", "FULL") for join in joins):
            continue
        for position, join in enumerate(joins):
            if join.side != "LEFT" or join.kind not in ("", "OUTER") or join.args.get("on") is None:
                continue
            later = [other for other in joins[position + 1 :] if other.side == "" and other.kind in ("", "INNER", "CROSS")]
            predicates = [*where_conjuncts(select), *(p for other in later for p in conjuncts(other.args.get("on")))]
            rejected = {alias for predicate in predicates for alias, _ in null_rejected_columns(predicate)}
            if join.alias_or_name in rejected:
                yield Site(join)
            elif any(join.alias_or_name == column.table for predicate in predicates for column in predicate.find_all(exp.Column)):
                yield Blocked(join, "no predicate on the right side rejects NULLs")


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Drop the side."""
    site.node.set("side", None)
    site.node.set("kind", None)
    return facts.tree
