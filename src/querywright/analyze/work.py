"""How a query's work is shared out among its blocks, as far as the rows of its tables tell."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.engines.protocol import PlanNode
from querywright.sql.facts import Facts


class Work:
    """Rows read by the blocks of one query: of the tables, or of the scans in ``plan`` where there is one."""

    def __init__(self, facts: Facts, plan: PlanNode | None = None) -> None:
        self._facts = facts
        self._scanned = dict(_scans(plan)) if plan is not None else {}
        self._rows: dict[int, float] = {}
        self._total = self._read(facts.tree) or 1.0

    def share(self, node: exp.Expr) -> float:
        """The share of all rows read, 0 to 1, that are read by the block ``node`` stands in, common tables included.

        A correlated block counts in full: it may run again for every row outside of it.
        """
        block = node if isinstance(node, exp.Query) else node.parent_select
        if block is None or (block is not self._facts.tree and self._facts.correlated_columns(block)):
            return 1.0
        return min(1.0, self._read(block) / self._total)

    def _read(self, block: exp.Expr) -> float:
        known = self._rows.get(id(block))
        if known is None:
            known = self._rows[id(block)] = sum(rows for _, rows in self._tables(block, set()))
        return known

    def _tables(self, block: exp.Expr, seen: set[int]) -> Iterator[tuple[str, float]]:
        """(name, rows) of each table that the block reads; a common table expression counts once, however often it is read."""
        for select in block.find_all(exp.Select):
            if id(select) in seen:
                continue
            seen.add(id(select))
            for source in self._facts.sources(select).values():
                if source.table is not None:
                    yield source.table.name, self._scanned.get(source.table.name.lower(), float(source.table.rows or 0))
                elif source.common and source.query is not None:
                    yield from self._tables(source.query, seen)


def _scans(plan: PlanNode) -> Iterator[tuple[str, float]]:
    """(table, rows that its largest scan hands on)."""
    found: dict[str, float] = {}
    pending = [plan]
    while pending:
        node = pending.pop()
        pending += node.children
        rows = node.actual_rows if node.actual_rows is not None else node.estimated_rows
        if node.table is not None and rows is not None:
            found[node.table.lower()] = max(found.get(node.table.lower(), 0.0), float(rows))
    yield from found.items()
