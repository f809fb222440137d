"""Finds the row with the largest value of each group by searching, for each row, for one with a larger value.

Cost: each row is compared with the rows of its group until a larger one turns up; without a good index that is all pairs of rows.
Why: "there is no later order of the same customer" is how the latest order is explained.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._ranked_rows import ranked_rows
from querywright.antipatterns._self_comparison import compared_with_itself
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("exists_comparison_to_extreme",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """NOT EXISTS of a row of the same table whose value in one column is larger, or smaller."""
    for select in facts.selects():
        for predicate in where_conjuncts(select):
            bare = unwrap(predicate)
            test = unwrap(bare.this) if isinstance(bare, exp.Not) else None
            body = test.this if isinstance(test, exp.Exists) else None
            for comparison in compared_with_itself(body, facts) if isinstance(body, exp.Select) else ():
                yield Occurrence(predicate, f"looks for a row beyond {comparison.outer.sql(facts.dialect)} for each row")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """NOT EXISTS of a row ahead for ``RANK() OVER (PARTITION BY … ORDER BY …) = 1``."""
    for rows in ranked_rows(facts):
        again = rows.reread(exp.Literal.number(1), facts, ahead=True)
        rows.keep(exp.Not(this=exp.Exists(this=again)))
        return query
    return None
