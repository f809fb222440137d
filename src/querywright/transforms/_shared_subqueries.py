"""Correlated aggregate subqueries over the same rows but for their local filters: one grouped table answers them all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from querywright.sql.correlation import with_aliases
from querywright.sql.facts import Facts
from querywright.sql.predicates import conjunction, disjunction, set_where, where_conjuncts
from querywright.transforms._scalar_aggregates import ScalarAggregate


def signature(found: ScalarAggregate, facts: Facts) -> str:
    """Equal for subqueries that may share a table: same FROM, same comparisons with outer columns, other filters fit for CASE."""
    body = found.body
    names = {alias: f"source_{number}" for number, alias in enumerate(facts.sources(body))}
    plain = not body.find(exp.Subquery, exp.Exists, exp.Filter) and not body.args.get("with_")
    plain &= all(isinstance(source.node, exp.Table) for source in facts.sources(body).values())
    plain &= all(isinstance(call, exp.AggFunc) and not isinstance(call.this, exp.Distinct) for call in found.calls)
    copy = with_aliases(facts, body, names) if plain else body.copy()
    local = [index for index, predicate in enumerate(where_conjuncts(body)) if _within(predicate, found.correlation.local)]
    parts = [copy.args[clause] for clause in ("with_", "from_") if copy.args.get(clause)]
    parts += copy.args.get("joins") or []
    parts += [predicate for index, predicate in enumerate(where_conjuncts(copy)) if not plain or index not in local]
    return "\n".join(part.sql(facts.dialect) for part in parts)


def _within(node: exp.Expr, nodes: tuple[exp.Expr, ...]) -> bool:
    return any(node is other for other in nodes)


def shared_body(members: Sequence[ScalarAggregate], facts: Facts) -> tuple[exp.Select, list[list[exp.Expr]]]:
    """FROM and WHERE of the shared table, without the comparisons, and for each member the filter that only it has."""
    first = members[0]
    wheres = [_local_filters(member, first, facts) for member in members]
    common = [text for text in wheres[0] if all(text in where for where in wheres)]
    own = [[node for text, node in where.items() if text not in common] for where in wheres]
    derived = first.body.copy()
    for clause in ("order", "limit"):
        derived.set(clause, None)
    filters = [wheres[0][text] for text in common]
    if all(own):
        distinct = {node.sql(facts.dialect): node for nodes in own if (node := conjunction([part.copy() for part in nodes]))}
        filters += [either] if (either := disjunction(distinct.values())) else []
    set_where(derived, filters)
    return derived, own


def _local_filters(member: ScalarAggregate, first: ScalarAggregate, facts: Facts) -> dict[str, exp.Expr]:
    names = dict(zip(facts.sources(member.body), facts.sources(first.body), strict=True))
    nodes = [member.renamed(predicate, names, facts) for predicate in member.correlation.local]
    return {node.sql(facts.dialect): node for node in nodes}
