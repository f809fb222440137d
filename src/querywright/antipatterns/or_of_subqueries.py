"""Combines subqueries of EXISTS or IN by OR.

Cost: one such subquery becomes a semi-join, but an OR of several is tested row by row, or needs marks that rule out better plans.
Why: each way to qualify is its own subquery, and OR puts them together.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import disjunction, disjuncts, unwrap, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("or_exists_to_key_union",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Conjuncts of WHERE that are an OR with two or more subqueries of EXISTS or IN."""
    for select in facts.selects():
        for condition in where_conjuncts(select):
            tests = [test for part in disjuncts(condition) if (test := unwrap(part)) and _searches(test)]
            if len(tests) > 1:
                yield Occurrence(condition, f"{len(tests)} subqueries are tried for each row")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``x IN (a) OR x IN (b)`` for ``x IN (a UNION b)``."""
    for select in facts.selects():
        for test in where_conjuncts(select):
            body = test.args["query"].unnest() if isinstance(test, exp.In) and test.args.get("query") else None
            if not isinstance(body, exp.Union) or not isinstance(test.this, exp.Column):
                continue
            if any(body.args.get(clause) for clause in ("order", "limit", "offset", "with_", "by_name")):
                continue
            tests = [exp.In(this=test.this.copy(), query=exp.Subquery(this=side.copy())) for side in (body.left, body.right)]
            either = disjunction(tests)
            test.replace(exp.Paren(this=either))
            return query
    return None


def _searches(test: exp.Expr) -> bool:
    return isinstance(test, exp.Exists) or (isinstance(test, exp.In) and test.args.get("query") is not None)
