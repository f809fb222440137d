"""DuckDB's EXPLAIN in JSON, of versions 1.5 and 2.0, as the plan tree that all engines share."""

from __future__ import annotations

import json
from typing import Any

from querywright.engines.protocol import PlanNode

_OPERATORS = {
    "FILTER": "filter",
    "PROJECTION": "project",
    "CROSS_PRODUCT": "join",
    "HASH_GROUP_BY": "aggregate",
    "PERFECT_HASH_GROUP_BY": "aggregate",
    "PARTITIONED_AGGREGATE": "aggregate",
    "UNGROUPED_AGGREGATE": "aggregate",
    "STREAMING_WINDOW": "window",
    "WINDOW": "window",
    "ORDER_BY": "sort",
    "TOP_N": "limit",
    "LIMIT": "limit",
    "LIMIT_PERCENT": "limit",
    "STREAMING_LIMIT": "limit",
    "UNION": "union",
    "CTE": "cte",
    "RECURSIVE_CTE": "cte",
    "CTE_SCAN": "cte",
    "RECURSIVE_CTE_SCAN": "cte",
    "DUMMY_SCAN": "other",
    "EMPTY_RESULT": "other",
    "DELIM_SCAN": "subquery",
    "COLUMN_DATA_SCAN": "scan",
}
_WRAPPERS = {"", "QUERY", "RESULT_COLLECTOR", "EXPLAIN_ANALYZE"}
_SHOWN_APART = {"Table", "Estimated Cardinality"}


def read_plan(text: str) -> PlanNode:
    """The tree of ``EXPLAIN (FORMAT json)`` or ``EXPLAIN (ANALYZE, FORMAT json)``."""
    document = json.loads(text)
    if isinstance(document, dict):
        document = document.get("operator") or [document]
    node = document[0]
    while _label(node) in _WRAPPERS and node["children"]:
        node = node["children"][0]
    return _node(node)


def _label(node: dict[str, Any]) -> str:
    """1.5 says ``name`` in plans and ``operator_name`` in profiles, 2.0 ``type`` in profiles."""
    return str(node.get("operator_name") or node.get("name") or node.get("type") or "").strip()


def _node(node: dict[str, Any]) -> PlanNode:
    label = _label(node)
    facts: dict[str, Any] = node.get("extra_info") or {}
    children = tuple(_node(child) for child in node.get("children") or ())
    estimate = facts.get("Estimated Cardinality")
    seconds = node.get("operator_timing", node.get("timing"))
    table = facts.get("Table")
    return PlanNode(
        operator=_operator(label, facts),
        label=label,
        detail="; ".join(f"{name}: {_listed(fact)}" for name, fact in facts.items() if name not in _SHOWN_APART),
        table=_unqualified(str(table)) if table else None,
        estimated_rows=None if estimate is None else float(estimate),
        actual_rows=_actual_rows(label, node, children),
        milliseconds=None if seconds is None else 1000 * float(seconds),
        children=children,
    )


def _operator(label: str, facts: dict[str, Any]) -> str:
    if facts.get("Type") == "Index Scan":
        return "index_scan"
    if label in _OPERATORS:
        return _OPERATORS[label]
    if label.endswith("JOIN"):
        return "join"
    return "scan" if label.endswith("SCAN") or label.startswith("READ_") else "other"


def _actual_rows(label: str, node: dict[str, Any], children: tuple[PlanNode, ...]) -> int | None:
    rows = node.get("operator_cardinality", node.get("intermediate_rows"))
    if rows is None:
        return None
    # These two pass rows on without counting them, in some versions.
    if label == "CTE" and children:
        return children[-1].actual_rows
    if label == "UNION":
        return sum(child.actual_rows or 0 for child in children)
    return int(rows)


def _unqualified(table: str) -> str:
    """``database.schema.table`` as the catalog names it: without the database, and without the schema ``main``."""
    return table.split(".", 1)[-1].removeprefix("main.")


def _listed(fact: object) -> str:
    return ", ".join(str(item) for item in fact) if isinstance(fact, list) else str(fact).replace("\n", " ")
