"""Steps that join some tables of a block before the others: where they are allowed, and reading them in their place."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import set_where, where_conjuncts
from querywright.sql.trees import copied
from querywright.transforms._definitions import obstacle_to_definitions
from querywright.transforms._from_clause import freely_joined, write_inner_joins
from querywright.transforms._key_joins import inner, inner_filters


def obstacle_to_steps(select: exp.Select, facts: Facts) -> str | None:
    """Why no tables of ``select`` can be joined in a step before; None where they can."""
    joins: list[exp.Join] = select.args.get("joins") or []
    if any(not inner(join) and join.side != "LEFT" for join in joins):
        return "only inner and left joins can follow"
    if not all(facts.deterministic(predicate) for predicate in inner_filters(select)):
        return "the predicates must be deterministic"
    return obstacle_to_definitions(select, facts)


def read_steps(
    select: exp.Select,
    readers: Sequence[exp.Expr],
    joined: Collection[str],
    outside: Sequence[exp.Expr],
    after: Sequence[exp.Expr],
    facts: Facts,
) -> None:
    """Let ``select`` read ``readers`` in place of the entries ``joined``; outer joins stay after all inner ones.

    ``outside`` are the remaining predicates over freely joined entries, ``after`` those that need outer joins.
    """
    following = [copied(join) for join in select.args.get("joins") or [] if not inner(join)]
    sources = facts.sources(select).items()
    rest = [copied(source.node) for alias, source in sources if alias not in joined and freely_joined(source, facts)]
    write_inner_joins(select, [*readers, *rest], [copied(predicate) for predicate in outside])
    set_where(select, [*where_conjuncts(select), *(copied(predicate) for predicate in after)])
    select.set("joins", [*select.args["joins"], *following])
