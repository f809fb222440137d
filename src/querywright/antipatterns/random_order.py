"""Sorts by a random number.

Cost: a number is drawn and sorted for every row, even where LIMIT keeps a few; sampling reads a part of the table.
Why: ``ORDER BY random() LIMIT 10`` is the answer that everyone finds for "some rows, please".
Uncured: the answer is drawn by lot, so that no rewrite of it can be checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ()


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """ORDER BY keys that are drawn anew for each row."""
    for order in facts.tree.find_all(exp.Order, bfs=False):
        if any(not facts.deterministic(ordered.this) for ordered in order.expressions):
            yield Occurrence(order, "every row gets a random number, and all rows are sorted by it")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """ORDER BY RANDOM() for the result of a query that leaves the order open and keeps all rows."""
    open_order = not any(query.args.get(clause) for clause in ("order", "limit", "offset", "fetch", "distinct"))
    if not isinstance(query, exp.Select) or not open_order or query.args.get("from_") is None:
        return None
    query.set("order", exp.Order(expressions=[exp.Ordered(this=exp.Anonymous(this="RANDOM"))]))
    return query
