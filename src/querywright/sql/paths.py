"""Where in a query a node stands, in words."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp


def path_of(node: exp.Expr) -> str:
    """Where a node stands, from the outermost query inwards, such as ``cte frequent > where > subquery``."""
    return " > ".join(reversed(list(_places(node)))) or "query"


def _places(node: exp.Expr) -> Iterator[str]:
    labels: dict[type[exp.Expr], str] = {exp.Where: "where", exp.Having: "having", exp.Order: "order by", exp.Group: "group by"}
    current: exp.Expr | None = node
    while current is not None:
        parent = current.parent
        if isinstance(current, exp.CTE):
            yield f"cte {current.alias}"
        elif isinstance(current, exp.Subquery):
            yield f"derived table {current.alias}" if current.alias else "subquery"
        elif isinstance(current, exp.Exists):
            yield "exists"
        elif isinstance(current, exp.Join):
            yield f"join {current.alias_or_name}"
        elif type(current) in labels:
            yield labels[type(current)]
        elif isinstance(parent, exp.SetOperation):
            yield f"{parent.key} branch {'1' if current.arg_key == 'this' else '2'}"
        elif isinstance(parent, exp.Select) and current.arg_key == "expressions":
            yield f"column {current.alias_or_name}"
        current = parent
