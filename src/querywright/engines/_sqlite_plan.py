"""SQLite's EXPLAIN QUERY PLAN as the plan tree that all engines share; SQLite tells no rows and no times."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from querywright.engines.protocol import PlanNode

_ACCESS = re.compile(r"^(SCAN|SEARCH) (?:TABLE )?(?P<table>\S+)(?: AS \S+)?(?P<using> USING)?")
_OPERATORS = (
    ("SCAN CONSTANT ROW", "other"),
    ("USE TEMP B-TREE FOR GROUP BY", "aggregate"),
    ("USE TEMP B-TREE FOR DISTINCT", "distinct"),
    ("USE TEMP B-TREE FOR", "sort"),
    ("COMPOUND QUERY", "union"),
    ("UNION", "union"),
    ("INTERSECT", "union"),
    ("EXCEPT", "union"),
    ("MERGE", "union"),
    ("RECURSIVE STEP", "cte"),
    ("SETUP", "cte"),
    ("MATERIALIZE", "subquery"),
    ("CO-ROUTINE", "subquery"),
    ("SCALAR SUBQUERY", "subquery"),
    ("LIST SUBQUERY", "subquery"),
    ("CORRELATED", "subquery"),
    ("REUSE", "subquery"),
)


def read_plan(steps: Iterable[tuple[int, int, int, str]]) -> PlanNode:
    """The tree of EXPLAIN QUERY PLAN's rows (id, parent, unused, detail) below a root named ``QUERY PLAN``.

    A nested-loop join is the sequence of its scans and searches, outermost first, as SQLite prints it.
    """
    children: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for step, parent, _, detail in steps:
        children[parent].append((step, detail))

    def below(parent: int) -> tuple[PlanNode, ...]:
        return tuple(_node(detail, below(step)) for step, detail in children[parent])

    return PlanNode(operator="other", label="QUERY PLAN", children=below(0))


def _node(detail: str, children: tuple[PlanNode, ...]) -> PlanNode:
    for start, operator in _OPERATORS:
        if detail.startswith(start):
            return PlanNode(operator, detail, children=children)
    access = _ACCESS.match(detail)
    if access is None:
        return PlanNode("other", detail, children=children)
    operator = "index_scan" if access["using"] else "scan"
    label, _, rest = detail.partition(" ")
    return PlanNode(operator, label, detail=rest, table=access["table"], children=children)
