"""Looks up several values of the same rows by one correlated subquery each.

Cost: for each row, the same rows of the same table are found once for every value.
Why: each value is a question of its own, answered by a copy of the line above.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._lookups import look_up_by_subqueries
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.correlation import Correlation, correlation, scalar_subqueries
from querywright.sql.facts import Facts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("decorrelate_scalar_aggregate", "decorrelate_key_lookup")


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Two or more scalar subqueries of one block that read the same tables by the same key."""
    groups: dict[object, list[exp.Expr]] = defaultdict(list)
    for subquery, body in scalar_subqueries(facts):
        found = correlation(facts, body)
        if isinstance(found, Correlation) and found.keys:
            tables = tuple(sorted(source.node.name for source in facts.sources(body).values()))
            keys = frozenset((_name(key.inner), key.outer.sql(facts.dialect)) for key in found.keys)
            groups[(id(found.outer), tables, keys)].append(subquery)
    for (_, tables, keys), subqueries in groups.items():  # type: ignore[misc]
        if len(subqueries) > 1:
            outer = " and ".join(sorted(key for _, key in keys))
            yield Occurrence(subqueries[0], f"{len(subqueries)} subqueries read {', '.join(tables)} for the same {outer}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A scalar subquery for each of several columns of a LEFT JOIN that finds one row at most."""
    return look_up_by_subqueries(facts, fewest=2)


def _name(node: exp.Expr) -> str:
    """``node`` without the aliases of tables, which differ from copy to copy."""
    return " ".join(column.name for column in node.find_all(exp.Column))
