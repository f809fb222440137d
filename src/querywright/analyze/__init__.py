"""What can be said about a query before anything is tried: its graph, its plan, where transforms apply, and hints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from querywright.analyze.hints import Hint, hints
from querywright.analyze.rankers.driver import trained_gains
from querywright.analyze.work import Work
from querywright.antipatterns.driver import habits
from querywright.engines.protocol import PlanNode
from querywright.sql.facts import Facts
from querywright.sql.graph import QueryGraph, query_graph
from querywright.sql.parse import parse_query
from querywright.sql.schema import Schema
from querywright.transforms.driver import Finding, Obstacle, survey, transforms
from querywright.values import Query


@dataclass(frozen=True)
class Analysis:
    """A query as ``engine`` sees it, from all sides; ``tree`` is its qualified form, ``plan`` None where it was not asked for."""

    engine: str
    query: Query
    tree: exp.Query
    schema: Schema
    facts: Facts
    findings: tuple[Finding, ...]
    blocked: tuple[Obstacle, ...]
    hints: tuple[Hint, ...]
    work: Work
    plan: PlanNode | None = None

    @cached_property
    def graph(self) -> QueryGraph:
        """The blocks of the query and who reads whom."""
        return query_graph(self.facts)


def analyze(
    query: Query,
    tree: exp.Query,
    schema: Schema,
    engine: str,
    plan: PlanNode | None = None,
    *,
    everywhere: bool = False,
    ml_hints: bool = True,
) -> Analysis:
    """Analyze a qualified query for ``engine``.

    ``everywhere`` also surveys transforms that do not pay on this engine; ``ml_hints`` asks the trained rankers installed.
    """
    facts = Facts(tree, schema, query.dialect)
    names = tuple(transforms(None if everywhere else engine))
    findings, obstacles = survey(tree, schema, query.dialect, names, facts)
    work = Work(facts, plan)
    expected = trained_gains(facts, engine, findings) if ml_hints else {}
    found = habits(tree, parse_query(query.sql, query.dialect), schema, query.dialect, facts)
    return Analysis(
        engine,
        query,
        tree,
        schema,
        facts,
        tuple(findings),
        tuple(obstacles),
        hints(findings, facts, engine, found, work, expected),
        work,
        plan,
    )


__all__ = ["Analysis", "Hint", "analyze"]
