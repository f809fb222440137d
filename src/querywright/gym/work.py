"""Work that does not depend on the machine: the rows that a plan's operators process."""

from __future__ import annotations

from querywright.engines.protocol import PlanNode
from querywright.engines.session import Session
from querywright.errors import ExecutionError
from querywright.sql.schema import Schema


def work_ratio(session: Session, schema: Schema, original: str, candidate: str, limit_s: float) -> float | None:
    """How many times the candidate's rows the original processes; None where the engine's plans hold no actual rows."""
    if not session.capabilities.actual_rows:
        return None
    try:
        before, after = (
            rows_processed(session.explain(text, analyze=True, limit_s=limit_s), schema) for text in (original, candidate)
        )
    except ExecutionError:
        return None
    return round(before / after, 3)


def rows_processed(plan: PlanNode, schema: Schema) -> int:
    """The rows that all operators of an executed plan take in, at least 1; a scan takes in its table."""
    if plan.children:
        own = sum(child.actual_rows or 0 for child in plan.children)
    else:
        table = schema.table(plan.table) if plan.table else None
        own = max(plan.actual_rows or 0, (table.rows or 0) if table else 0)
    return max(1, own + sum(rows_processed(child, schema) for child in plan.children))
