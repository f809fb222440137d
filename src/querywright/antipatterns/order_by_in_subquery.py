"""Sorts the rows of a subquery whose order nobody can see.

Cost: many engines sort for real, in memory or on disk, and then hash or aggregate the sorted rows.
Why: the subquery was a query of its own once, and its ORDER BY moved along.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.order import order_sensitive, readers

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("remove_inner_order_by",)

_CHOOSING = ("limit", "offset", "fetch")


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """ORDER BY of an inner block that keeps all of its rows and has no reader for which order matters."""
    for block in facts.tree.find_all(exp.Select, exp.SetOperation, bfs=False):
        order = block.args.get("order")
        if block is not facts.tree and order is not None and _unseen(block, facts):
            yield Occurrence(order, f"{order.sql(facts.dialect).strip()} sorts rows that the enclosing query takes in any order")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """ORDER BY of the first column for a derived table, a common table expression or the subquery of IN."""
    for block in facts.selects():
        parent = block.parent
        inner = isinstance(parent, exp.CTE) or (
            isinstance(parent, exp.Subquery) and isinstance(parent.parent, (exp.From, exp.Join, exp.In))
        )
        if inner and block.args.get("order") is None and _unseen(block, facts):
            key = exp.column(exp.to_identifier(block.named_selects[0]))
            block.set("order", exp.Order(expressions=[exp.Ordered(this=key)]))
            return query
    return None


def _unseen(block: exp.Query, facts: Facts) -> bool:
    distinct = block.args.get("distinct")
    chooses = any(block.args.get(clause) for clause in _CHOOSING) or (
        isinstance(distinct, exp.Distinct) and distinct.args.get("on") is not None
    )
    return not chooses and not any(order_sensitive(reader) for reader in readers(block, facts.tree))
