"""Joins tables by a comma instead of JOIN … ON.

Cost: with a condition that connects the tables, only clarity; without one, every row meets every row, and the result and the
    time grow with the product of both tables.
Why: it is how joins were written before SQL-92, and a forgotten condition raises no error.
Uncured: a comma whose tables a condition connects costs the engine nothing, and whether a product of tables is meant only the
    author knows: write JOIN … ON.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import by_comma, inner
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import conjuncts, disjuncts, pinned_column, set_where, where_conjuncts

SEVERITY: Severity = "critical"
CURES: tuple[str, ...] = ()


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Comma joins, once for each block where conditions connect all tables or one row at most is added; critical otherwise."""
    for select in facts.selects():
        sources = facts.sources(select)
        group = _connected(select, facts)
        harmless: list[Source] = []
        for alias, source in sources.items():
            if source.join is None or not by_comma(source.join) or _lateral(source, facts):
                continue
            if alias in group or _one_row(source, select, facts):
                harmless.append(source)
            else:
                others = ", ".join(other for other in sources if other in group)
                yield Occurrence(source.node, f"no condition connects {alias} with {others}: every row meets every row")
        if harmless:
            joined = ", ".join(source.alias for source in harmless)
            yield Occurrence(select, f"{joined} joined by commas: a forgotten condition would go unnoticed", "low")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """Commas for inner joins, their conditions moved to WHERE, in one block."""
    for select in facts.selects():
        joins: list[exp.Join] = select.args.get("joins") or []
        tables = all(isinstance(join.this, (exp.Table, exp.Subquery)) and not join.this.args.get("joins") for join in joins)
        if (
            not all(inner(join) and not join.args.get("using") for join in joins)
            or not tables
            or all(by_comma(join) for join in joins)
        ):
            continue
        conditions = [condition for join in joins for condition in conjuncts(join.args.get("on"))]
        set_where(select, [*conditions, *where_conjuncts(select)])
        select.set("joins", [exp.Join(this=join.this) for join in joins])
        return query
    return None


def _lateral(source: Source, facts: Facts) -> bool:
    """Whether the source is computed from the rows before it."""
    if isinstance(source.node, exp.Table) and (source.table is not None or source.query is not None):
        return False
    return source.query is None or bool(facts.correlated_columns(source.query))


def _one_row(source: Source, select: exp.Select, facts: Facts) -> bool:
    """Whether the source gives at most one row after its own filters."""
    pinned = [column for predicate in where_conjuncts(select) if (column := pinned_column(predicate)) is not None]
    return facts.at_most_one(source, [column.name for column in pinned if column.table == source.alias]) is not None


def _connected(select: exp.Select, facts: Facts) -> set[str]:
    """Aliases that a chain of conditions connects with the first source."""
    joins: list[exp.Join] = select.args.get("joins") or []
    conditions = [*where_conjuncts(select), *(condition for join in joins for condition in conjuncts(join.args.get("on")))]
    links = [_linked(condition, select, facts) for condition in conditions]
    group = set(list(facts.sources(select))[:1])
    while any(link & group and link - group for link in links):
        group |= {alias for link in links if link & group for alias in link}
    return group


def _linked(condition: exp.Expr, select: exp.Select, facts: Facts) -> set[str]:
    """Aliases that ``condition`` compares with each other; an OR does so if each of its alternatives does."""
    mentioned = [{column.table for column in facts.local_columns(part, select)} for part in disjuncts(condition)]
    return set().union(*mentioned) if all(len(aliases) > 1 for aliases in mentioned) else set()
