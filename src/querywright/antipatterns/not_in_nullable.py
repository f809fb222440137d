"""Excludes by NOT IN where NULLs can occur.

Cost: one NULL in the list makes every answer unknown and the result empty; so that this stays true, the engine cannot use a
    plain anti-join and may compare each row with the whole list.
Why: NOT IN is the word for it, and the list held no NULL when it was tried.
Uncured: NOT EXISTS gives another answer as soon as there is a NULL, so that only the author can choose it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import plain
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import set_where, unwrap, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ()


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """NOT IN (SELECT …) of a column that may hold NULLs (high), or for a value that may be NULL (medium)."""
    for negation in facts.tree.find_all(exp.Not, bfs=False):
        test = unwrap(negation.this)
        subquery = test.args.get("query") if isinstance(test, exp.In) else None
        body = subquery.unnest() if isinstance(subquery, exp.Subquery) else subquery
        select = negation.parent_select
        if not isinstance(body, exp.Query) or not isinstance(select, exp.Select):
            continue
        listed = body.named_selects[0]
        if facts.not_null_output(body, listed) is None:
            yield Occurrence(negation, f"{listed} of the subquery may be NULL, and one NULL empties the answer")
        elif facts.not_null(test.this, select) is None:
            value = test.this.sql(facts.dialect)
            yield Occurrence(negation, f"{value} may be NULL, and such rows are lost unless the subquery is empty", "medium")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``x IS NULL OR x NOT IN (SELECT y …)`` for ``NOT EXISTS (SELECT … WHERE y = x)``, where x may be NULL."""
    for negation in facts.tree.find_all(exp.Not, bfs=False):
        test, select = unwrap(negation.this), negation.parent_select
        body = test.this if isinstance(test, exp.Exists) else None
        if not isinstance(body, exp.Select) or not isinstance(select, exp.Select) or not plain(body, "distinct", "order"):
            continue
        outer = facts.correlated_columns(body)
        link = next((part for part in where_conjuncts(body) if _links(part, outer)), None)
        if link is None or facts.home(outer[0]) is not select or facts.not_null(outer[0], select) is not None:
            continue
        value, listed = outer[0], link.expression if link.this is outer[0] else link.this
        others = [part for part in where_conjuncts(body) if part is not link]
        set_where(body, others)  # the link itself keeps NULLs out, but it goes
        if facts.not_null(listed, body) is None:
            others.append(exp.Not(this=exp.Is(this=listed.copy(), expression=exp.Null())))
        missing = exp.Is(this=value.copy(), expression=exp.Null())
        body.set("expressions", [exp.alias_(listed.copy(), "excluded")])
        body.set("order", None)
        set_where(body, others)
        excluded = exp.Not(this=exp.In(this=value.copy(), query=exp.Subquery(this=body)))
        negation.replace(exp.Paren(this=exp.Or(this=missing, expression=excluded)))
        return query
    return None


def _links(predicate: exp.Expr, outer: list[exp.Column]) -> bool:
    """Whether ``predicate`` is ``expression = outer column``, the only correlation there is."""
    return len(outer) == 1 and isinstance(predicate, exp.EQ) and (predicate.this is outer[0] or predicate.expression is outer[0])
