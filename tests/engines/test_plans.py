"""EXPLAIN of each engine and version as one tree: recorded plans, and plans of the installed engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from querywright.engines import _duckdb_plan, _sqlite_plan
from querywright.engines.protocol import PlanNode
from querywright.engines.session import Session

FIXTURES = Path(__file__).parent.parent / "fixtures" / "engines"
RECORDED = sorted(path.name.removesuffix(".explain.json") for path in FIXTURES.glob("*.explain.json"))
READERS: dict[str, Callable[[str], PlanNode]] = {
    "duckdb": _duckdb_plan.read_plan,
    "sqlite": lambda text: _sqlite_plan.read_plan(json.loads(text)),
}
SQL = (
    "SELECT c.name, count(*) AS n FROM customer c JOIN orders o ON o.customer_id = c.id "
    "WHERE o.line < 10 AND c.id IN (SELECT amount FROM plain) GROUP BY c.name ORDER BY n DESC, c.name"
)


def walk(node: PlanNode) -> Iterator[PlanNode]:
    yield node
    for child in node.children:
        yield from walk(child)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_plan(name: str, update: bool) -> None:
    text = (FIXTURES / f"{name}.explain.json").read_text()
    tree = json.dumps(asdict(READERS[name.partition("-")[0]](text)), indent=1) + "\n"
    expected = FIXTURES / f"{name}.tree.json"
    if update:
        expected.write_text(tree)
    assert tree == expected.read_text()


def test_every_engine_has_a_recorded_plan(engine: str) -> None:
    assert any(name.partition("-")[0] == engine for name in RECORDED)


@pytest.mark.parametrize("analyze", [False, True])
def test_plan_of_the_installed_engine(session: Session, analyze: bool) -> None:
    nodes = list(walk(session.explain(SQL, analyze=analyze)))
    accessed = {node.table for node in nodes if node.operator in ("scan", "index_scan")}
    aliased = bool(session.capabilities.gaps.get("plan tables"))
    assert accessed >= ({"o", "c"} if aliased else {"orders", "customer", "plain"})
    assert "sort" in {node.operator for node in nodes}
    assert all(node.label for node in nodes)
    if session.location.engine == "duckdb":
        assert {"join", "aggregate"} <= {node.operator for node in nodes}
        assert "other" not in {node.operator for node in nodes}
        assert any(node.estimated_rows for node in nodes)
    counted = [node for node in nodes if node.actual_rows is not None]
    timed = [node for node in nodes if node.milliseconds is not None]
    assert bool(counted) == bool(timed) == (analyze and session.capabilities.actual_rows)
    if not session.capabilities.actual_rows:
        assert session.capabilities.gaps["actual rows"]


def test_actual_rows_are_those_of_the_query(session: Session) -> None:
    root = session.explain("SELECT code FROM plain WHERE amount % 10 = 3", analyze=True)
    if session.capabilities.actual_rows:
        assert root.actual_rows == 100
    else:
        assert root.actual_rows is None
