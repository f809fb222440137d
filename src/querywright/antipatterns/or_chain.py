"""Lists alternatives for one column by OR instead of by IN.

Cost: engines test one comparison after the other, where IN looks up a list; DuckDB takes twice as long for eight values.
Why: the second value came a year after the first, then the third.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import constant, disjunction, disjuncts, pinned_column

SEVERITY: Severity = "low"
CURES: tuple[str, ...] = ("or_list_to_in",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """ORs whose alternatives are all ``column = constant`` for the same column."""
    for either in facts.tree.find_all(exp.Or, bfs=False):
        columns = [pinned_column(part) for part in disjuncts(either)]
        if not _alternative(either) and columns[0] is not None and all(column == columns[0] for column in columns):
            yield Occurrence(either, f"{len(columns)} values of {columns[0].sql(facts.dialect)} are a list for IN")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """OR of equalities for IN with a list of constants."""
    for test in facts.tree.find_all(exp.In, bfs=False):
        values, column = test.expressions, test.this
        listed = len(values) > 1 and all(constant(value) for value in values)
        if isinstance(column, exp.Column) and listed and not _alternative(test):
            chain = disjunction(exp.EQ(this=column.copy(), expression=value.copy()) for value in values)
            test.replace(exp.Paren(this=chain))
            return query
    return None


def _alternative(node: exp.Expr) -> bool:
    """Whether ``node`` is one of the alternatives of a larger OR."""
    above = node.parent
    while isinstance(above, exp.Paren):
        above = above.parent
    return isinstance(above, exp.Or)
