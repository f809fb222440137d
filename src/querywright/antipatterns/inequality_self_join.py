"""Asks for groups with two different values by comparing all pairs of rows of a group.

Cost: a group of n rows makes up to n * n pairs, of which one would do.
Why: "another row with the same key and another value" is said by comparing two copies of the table.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import conditions_of, only_source
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, equated_columns, unwrap, where_conjuncts

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ("not_equal_self_join_to_having",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """``a.k = b.k AND a.x <> b.x`` for two sources that read the same table, in one block or across an EXISTS."""
    for select in facts.selects():
        predicates = [unwrap(part) for condition in conditions_of(select) for part in conjuncts(condition)]
        for different in predicates:
            if not isinstance(different, exp.NEQ) or not _twins(different.this, different.expression, facts):
                continue
            aliases = {different.this.table, different.expression.table}
            equal = [pair for part in predicates if (pair := equated_columns(part)) and _twins(*pair, facts)]
            if any({one.table, other.table} == aliases for one, other in equal):
                yield Occurrence(different, f"compares all pairs of rows that have the same {equal[0][0].name}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A self-join with ``<>`` for the subquery ``IN (SELECT k … GROUP BY k HAVING COUNT(DISTINCT x) > 1)``."""
    for select in facts.selects():
        for test in where_conjuncts(select):
            body = test.args["query"].unnest() if isinstance(test, exp.In) and test.args.get("query") else None
            source = only_source(body, facts) if isinstance(body, exp.Select) else None
            having = body.args.get("having") if isinstance(body, exp.Select) else None
            if source is None or source.table is None or having is None or not isinstance(body, exp.Select):
                continue
            group, bound = body.args.get("group"), having.this
            key = group.expressions[0] if group is not None and len(group.expressions) == 1 else None
            values = bound.this.this if isinstance(bound, exp.GT) and isinstance(bound.this, exp.Count) else None
            if not isinstance(key, exp.Column) or body.selects[0].unalias() != key or where_conjuncts(body):
                continue
            value = values.expressions[0] if isinstance(values, exp.Distinct) and len(values.expressions) == 1 else None
            if not isinstance(value, exp.Column) or bound.expression != exp.Literal.number(1):
                continue
            _join_with_itself(body, source.node, key, value, facts)
            return query
    return None


def _join_with_itself(body: exp.Select, node: exp.Expr, key: exp.Column, value: exp.Column, facts: Facts) -> None:
    name = facts.fresh_name(f"other_{key.table}")
    other = node.copy()
    other.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
    on = exp.EQ(this=exp.column(key.name, name), expression=key.copy())
    body.set("joins", [exp.Join(this=other, on=on)])
    body.set("where", exp.Where(this=exp.NEQ(this=value.copy(), expression=exp.column(value.name, name))))
    body.set("group", None)
    body.set("having", None)


def _twins(left: exp.Expr, right: exp.Expr, facts: Facts) -> bool:
    """Whether both are the same column of two sources that read the same base table."""
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column) or left.name != right.name:
        return False
    homes = [(facts.home(column), column.table) for column in (left, right)]
    sources = [facts.sources(home).get(alias) for home, alias in homes if home is not None]
    tables = {source.table.name for source in sources if source is not None and source.table is not None}
    return len(sources) == 2 and homes[0] != homes[1] and len(tables) == 1 and all(s and s.table for s in sources)
