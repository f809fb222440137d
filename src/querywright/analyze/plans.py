"""Execution plans as text."""

from __future__ import annotations

from collections.abc import Iterator

from querywright.engines.protocol import PlanNode

COSTLIEST = 5


def plan_lines(node: PlanNode, prefix: str = "", last: bool = True, root: bool = True) -> Iterator[str]:
    """The plan as a tree, one operator a line: name, table, rows estimated and actual, time, detail."""
    branch = "" if root else ("└─ " if last else "├─ ")
    yield prefix + branch + describe(node)
    below = prefix if root else prefix + ("   " if last else "│  ")
    for position, child in enumerate(node.children):
        yield from plan_lines(child, below, position == len(node.children) - 1, False)


def plan_summary(root: PlanNode) -> str:
    """How many operators of which kind, and the costliest of them by time, or else by rows."""
    nodes = list(operators(root))
    kinds = dict.fromkeys(node.operator for node in nodes)
    counts = ", ".join(f"{sum(node.operator == kind for node in nodes)} {kind}" for kind in kinds)
    costliest = sorted(nodes, key=lambda node: (-(node.milliseconds or 0.0), -(node.actual_rows or node.estimated_rows or 0.0)))
    lines = [f"{len(nodes)} operators: {counts}", "", "The costliest:"]
    return "\n".join([*lines, *(f"  {describe(node)}" for node in costliest[:COSTLIEST])]) + "\n"


def operators(node: PlanNode) -> Iterator[PlanNode]:
    """All operators of a plan, the root first."""
    yield node
    for child in node.children:
        yield from operators(child)


def describe(node: PlanNode) -> str:
    """One operator in words."""
    parts = [node.label.strip().lower()]
    if node.table:
        parts.append(node.table)
    rows = []
    if node.actual_rows is not None:
        rows.append(f"{node.actual_rows:,} rows")
    if node.estimated_rows is not None:
        rows.append(f"~{node.estimated_rows:,.0f} estimated")
    if rows:
        parts.append(f"({', '.join(rows)})")
    if node.milliseconds is not None:
        parts.append(f"{node.milliseconds:.1f} ms")
    detail = " ".join(node.detail.split())
    if detail:
        parts.append(f"[{detail[:100]}{'…' if len(detail) > 100 else ''}]")
    return " ".join(parts)
