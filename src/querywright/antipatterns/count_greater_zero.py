"""Counts all matching rows to learn whether there is one.

Cost: every match is read and counted where the first one would answer.
Why: "has at least one" is thought of as "the number is above zero", and COUNT comes to mind before EXISTS.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import plain
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("count_to_exists", "decorrelate_scalar_aggregate")

_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {exp.LT: exp.GT, exp.GT: exp.LT, exp.LTE: exp.GTE, exp.GTE: exp.LTE}
_SOME = {(exp.GT, "0"), (exp.GTE, "1"), (exp.NEQ, "0")}
_NONE = {(exp.EQ, "0"), (exp.LT, "1"), (exp.LTE, "0")}


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Comparisons of (SELECT COUNT … ) that ask only whether it is zero."""
    for test in facts.tree.find_all(exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, bfs=False):
        kind = type(test)
        sides = ((kind, test.this, test.expression), (_MIRRORED.get(kind, kind), test.expression, test.this))
        for comparison, counted, bound in sides:
            if isinstance(bound, exp.Literal) and _counts(unwrap(counted)):
                if (comparison, bound.name) in _SOME:
                    yield Occurrence(test, "counts all matches; EXISTS stops at the first")
                elif (comparison, bound.name) in _NONE:
                    yield Occurrence(test, "counts all matches; NOT EXISTS stops at the first")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``(SELECT COUNT(*) …) > 0`` for EXISTS, ``= 0`` for NOT EXISTS."""
    for test in facts.tree.find_all(exp.Exists, bfs=False):
        body = test.this
        if not isinstance(body, exp.Select) or not plain(body, "distinct", "order"):
            continue
        negated = isinstance(test.parent, exp.Not)
        body.set("distinct", None)
        body.set("order", None)
        body.set("expressions", [exp.Count(this=exp.Star())])
        comparison = exp.EQ if negated else exp.GT
        place = test.parent if negated and test.parent is not None else test
        place.replace(comparison(this=exp.Subquery(this=body), expression=exp.Literal.number(0)))
        return query
    return None


def _counts(node: exp.Expr) -> bool:
    """Whether ``node`` is a subquery that gives one count."""
    body = node.unnest() if isinstance(node, exp.Subquery) else None
    if not isinstance(body, exp.Select) or body.args.get("group") is not None or body.args.get("having") is not None:
        return False
    return len(body.expressions) == 1 and isinstance(body.expressions[0].unalias(), exp.Count)
