"""Common table expressions made for one block: where they may stand, and putting them there."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from querywright.sql.facts import Facts


def obstacle_to_definitions(block: exp.Select, facts: Facts) -> str | None:
    """Why nothing of ``block`` can move into the WITH clause of the whole query; None where it can."""
    clauses = list(facts.tree.find_all(exp.With))
    if any(clause is not facts.tree.args.get("with_") or clause.args.get("recursive") for clause in clauses):
        return "there must be no recursive or nested WITH"
    if facts.correlated_columns(block) or block.args.get("laterals"):
        return "the block must not depend on outer rows"
    return None


def define_before(root: exp.Query, reader: exp.Select, steps: Sequence[tuple[str, exp.Select]]) -> exp.Query:
    """Put materialized common table expressions before the one that holds their reader, or last; returns ``root``."""
    added = [exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(name)), materialized=True) for name, body in steps]
    clause = root.args.get("with_")
    if clause is None:
        root.set("with_", exp.With(expressions=added))
        return root
    holder = reader.find_ancestor(exp.CTE)
    known = list(clause.expressions)
    position = next((index for index, definition in enumerate(known) if definition is holder), len(known))
    clause.set("expressions", [*known[:position], *added, *known[position:]])
    return root
