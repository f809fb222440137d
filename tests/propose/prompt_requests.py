"""Requests to render and answers to read: one small store, analyzed, with attempts of rules and of a model."""

from __future__ import annotations

from functools import cache
from typing import Any

from querywright.analyze import Analysis, analyze
from querywright.chat.protocol import Finish, Reply
from querywright.engines.protocol import PlanNode
from querywright.propose.gold import GoldExample
from querywright.propose.model import printer
from querywright.propose.prompting import PromptRequest
from querywright.propose.protocol import Print
from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Attempt, Candidate, Counterexample, Origin, Query, Run, Step, Timing, Verdict

DDL = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), placed DATE, total DOUBLE);
"""

SQL = """-- what loyal customers spend
WITH late AS (
  SELECT customer_id, total FROM orders WHERE placed >= DATE '2024-03-01'
)
SELECT c.name, SUM(l.total) AS spent
FROM customers AS c JOIN late AS l ON l.customer_id = c.id
WHERE c.country = 'Atlantis'
  AND l.total > (SELECT AVG(o.total) FROM orders AS o WHERE o.customer_id = c.id)
GROUP BY c.name
ORDER BY spent DESC
LIMIT 10"""

OUTPUTS = ("name", "spent")

EXAMPLE = GoldExample(
    transform="decorrelate_scalar_aggregate",
    families=("decorrelate",),
    title="lines below the usual",
    engine="duckdb",
    version="1.5.5",
    database="tpch:sf=1",
    query="SELECT a.x FROM a WHERE a.y < (SELECT AVG(b.y) FROM b WHERE b.k = a.k)",
    rewrite="WITH usual AS (SELECT b.k, AVG(b.y) AS y FROM b GROUP BY b.k) "
    "SELECT a.x FROM a JOIN usual ON usual.k = a.k WHERE a.y < usual.y",
    speedup=9.54,
    low=8.1,
    relies_on=("a(k) has no NULLs (declared)",),
)

PLAN = PlanNode(
    "aggregate",
    "HASH_GROUP_BY",
    "groups: name; secret value: 'Bob'",
    estimated_rows=10.0,
    actual_rows=7,
    milliseconds=1.25,
    children=(PlanNode("scan", "SEQ_SCAN", "placed>='1999-12-31'", "orders", 1000.0, 950, 0.5),),
)


@cache
def schema() -> Schema:
    return schema_of(DDL, "duckdb")


@cache
def analyzed(sql: str = SQL, plan: PlanNode | None = None) -> Analysis:
    tree = qualify_text(sql, schema(), "duckdb", OUTPUTS)
    return analyze(Query(sql, "duckdb", fingerprint(tree, "duckdb")), tree, schema(), "duckdb", plan)


def request(**given: Any) -> PromptRequest:
    return PromptRequest(**{"analysis": analyzed(), "engine": "duckdb", "version": "1.5.5", **given})


def render() -> Print:
    analysis = analyzed()
    return printer(analysis.query, analysis.tree, schema())


def reply(content: str, finish: Finish = "stop", cost: float | None = 0.01) -> Reply:
    return Reply(content, "test-model", finish, 100, 20, cost, 0.5)


def attempt(
    sql: str,
    *transforms: str,
    proposer: str = "model",
    ratio: float | None = None,
    verdict: Verdict | None = None,
    failure: str = "",
) -> Attempt:
    candidate = Candidate(
        Query(sql, "duckdb", sql), "original", tuple(Step(name, "main_query") for name in transforms), Origin(proposer)
    )
    return Attempt(candidate, verdict or Verdict("tested"), _timing(ratio) if ratio else None, failure or None)


def _timing(ratio: float) -> Timing:
    run = Run(1, 1, 1, 0)
    return Timing(
        (run,), (run,), ratio, ratio, ratio, 0.05, 1.0, "screen", "store", original_ms=1200.0, candidate_ms=1200.0 / ratio
    )


REFUTED = attempt(
    "SELECT 1",
    "flatten_subquery",
    verdict=Verdict(
        "refuted",
        reason="The rows differ.",
        counterexample=Counterexample("CREATE TABLE customers (id INTEGER);\nINSERT INTO customers VALUES (1);", ((1,),), ()),
    ),
)
