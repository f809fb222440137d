"""Work that does not depend on the machine: the rows that a plan's operators process."""

from __future__ import annotations

from querywright.engines.protocol import PlanNode
from querywright.sql.schema import Schema


def rows_processed(plan: PlanNode, schema: Schema) -> int:
    """The rows that all operators of an executed plan take in, at least 1; a scan takes in its table."""
    if plan.children:
        own = sum(child.actual_rows or 0 for child in plan.children)
    else:
        table = schema.table(plan.table) if plan.table else None
        own = max(plan.actual_rows or 0, (table.rows or 0) if table else 0)
    return max(1, own + sum(rows_processed(child, schema) for child in plan.children))
