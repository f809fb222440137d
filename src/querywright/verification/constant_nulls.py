"""Output columns that are NULL whatever the data is: such a column has no values whose type could differ from others."""

from __future__ import annotations

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap


def constant_nulls(facts: Facts) -> frozenset[int]:
    """Positions of the output columns that hold NULL and nothing else."""
    width = len(facts.tree.selects)
    return frozenset(position for position in range(width) if _is_null(facts, facts.tree, position))


def _is_null(facts: Facts, query: exp.Expr, position: int) -> bool:
    if isinstance(query, exp.Subquery):
        return _is_null(facts, query.this, position)
    if isinstance(query, exp.SetOperation):
        return _is_null(facts, query.left, position) and _is_null(facts, query.right, position)
    if isinstance(query, exp.Values):
        rows = [row.expressions for row in query.expressions if isinstance(row, exp.Tuple)]
        return bool(rows) and all(position < len(row) and isinstance(row[position], exp.Null) for row in rows)
    if not isinstance(query, exp.Select) or position >= len(query.selects):
        return False
    return _names_null(facts, query, query.selects[position].unalias())


def _names_null(facts: Facts, select: exp.Select, node: exp.Expr) -> bool:
    bare = unwrap(node)
    if isinstance(bare, exp.Cast):
        return _names_null(facts, select, bare.this)
    if isinstance(bare, exp.Column):
        source = facts.sources(select).get(bare.table)
        if source is None or source.table is not None:
            return False
        query = source.query or source.node
        names = query.named_selects if isinstance(query, exp.Query) else []
        names = source.node.alias_column_names or names
        lower = [name.lower() for name in names]
        return bare.name.lower() in lower and _is_null(facts, query, lower.index(bare.name.lower()))
    return isinstance(bare, exp.Null)
