"""Skips many rows by OFFSET to reach a page.

Cost: all skipped rows are computed, sorted and thrown away, so that each page takes longer than the one before.
Why: page number times page size is the first idea, and the first pages are fast.
Uncured: the fast way, starting after the last key of the page before, needs that key as a parameter, which the query lacks.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import only_source, plain
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import column_keys, where_conjuncts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ()

DEEP = 1000
"""Rows from which skipping them costs more than a page."""


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """OFFSET of at least `DEEP` rows."""
    for offset in facts.tree.find_all(exp.Offset, bfs=False):
        rows = offset.expression
        if isinstance(rows, exp.Literal) and rows.is_int and int(rows.name) >= DEEP:
            yield Occurrence(offset, f"{int(rows.name):,} rows are computed and thrown away")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """LIMIT and OFFSET for a range of row numbers over a total order."""
    for select in facts.selects():
        source = only_source(select, facts)
        body = source.query if source is not None and isinstance(source.node, exp.Subquery) else None
        if source is None or not isinstance(body, exp.Select) or not plain(select, "order", "limit"):
            continue
        numbering = next((p for p in body.expressions if isinstance(p.unalias(), exp.Window)), None)
        window = numbering.unalias() if numbering is not None else None
        bounds = _bounds(select, source.alias, numbering.alias_or_name) if numbering is not None else None
        if window is None or bounds is None or not _numbers_all(window, body, facts):
            continue
        body.set("expressions", [projection for projection in body.expressions if projection is not numbering])
        body.set("order", window.args["order"])
        body.set("limit", exp.Limit(expression=exp.Literal.number(bounds[1] - bounds[0])))
        body.set("offset", exp.Offset(expression=exp.Literal.number(bounds[0])))
        select.set("where", None)
        return query
    return None


def _numbers_all(window: exp.Expr, body: exp.Select, facts: Facts) -> bool:
    """Whether ``window`` numbers all rows of ``body`` in an order without ties."""
    bare = body.copy()
    bare.set("expressions", [])
    order = window.args.get("order")
    if not isinstance(window.this, exp.RowNumber) or window.args.get("partition_by") or order is None or not plain(bare):
        return False
    keys = [ordered.this for ordered in order.expressions]
    others = [node for node in body.find_all(exp.AggFunc, exp.Window) if node.parent_select is body and node is not window]
    return (
        all(other.parent is window for other in others)
        and len(body.expressions) > 1
        and all(isinstance(key, exp.Column) for key in keys)
        and facts.identifying(body, frozenset().union(*map(column_keys, keys))) is not None
    )


def _bounds(select: exp.Select, alias: str, name: str) -> tuple[int, int] | None:
    """(a, b) where WHERE says ``a < alias.name AND alias.name <= b`` with a of at least `DEEP`, and nothing else mentions it."""
    found: dict[type[exp.Expr], int] = {}
    for predicate in where_conjuncts(select):
        limit = predicate.expression
        if not isinstance(predicate, (exp.GT, exp.LTE)) or not isinstance(limit, exp.Literal) or not limit.is_int:
            return None
        if predicate.this != exp.column(name, alias):
            return None
        found[type(predicate)] = int(limit.name)
    uses = [column for column in select.find_all(exp.Column) if column.name == name and column.table == alias]
    if len(uses) != 2 or len(found) != 2 or not DEEP <= found[exp.GT] < found[exp.LTE]:
        return None
    return found[exp.GT], found[exp.LTE]
