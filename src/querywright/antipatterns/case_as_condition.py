"""Wraps a condition into CASE and compares the outcome with a constant.

Cost: the condition inside is opaque to the optimizer: no index, no statistics, no push-down into tables or joins.
Why: CASE reads like the IF of a programming language, and it began as a column of the SELECT list.
Uncured: transforms leave CASE in conditions alone; where each branch gives a constant, write the conditions of the branches that
    give the wanted one.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import constant, unwrap, where_conjuncts

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ()

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Comparisons of a CASE of constants with a constant, in WHERE and in conditions of joins."""
    for select in facts.selects():
        for condition in conditions_of(select):
            for test in condition.find_all(*_COMPARISONS, bfs=False):
                sides = [unwrap(test.this), unwrap(test.expression)] if test.parent_select is select else []
                if any(map(_chooses_constants, sides)) and any(map(constant, sides)):
                    yield Occurrence(test, "the conditions inside of CASE can be stated without it")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``CASE WHEN p THEN 1 ELSE 0 END = 1`` for a comparison p in WHERE."""
    for select in facts.selects():
        for predicate in where_conjuncts(select):
            if isinstance(predicate, _COMPARISONS) and not predicate.find(exp.Query):
                one, zero = exp.Literal.number(1), exp.Literal.number(0)
                case = exp.Case(ifs=[exp.If(this=predicate.copy(), true=one)], default=zero)
                predicate.replace(exp.EQ(this=case, expression=one.copy()))
                return query
    return None


def _chooses_constants(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Case) or node.this is not None:
        return False
    results = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default") or exp.null()]
    return node.find(exp.Column) is not None and all(constant(result) for result in results)
