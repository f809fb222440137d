"""What in a query depends on the order in which rows arrive."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.sql.volatility import function_name

_ORDER_SENSITIVE = (
    exp.ArrayAgg,
    exp.GroupConcat,
    exp.First,
    exp.Last,
    exp.AnyValue,
    exp.JSONArrayAgg,
    exp.JSONObjectAgg,
)
_ORDER_SENSITIVE_NAMES = {
    "string_agg", "group_concat", "listagg", "list", "array_agg", "first", "last", "any_value", "arbitrary", "arg_min", "arg_max",
    "min_by", "max_by", "json_group_array", "json_group_object", "histogram", "mode",
}  # fmt: skip


def order_sensitive_calls(block: exp.Query) -> list[exp.Expr]:
    """Aggregate and window calls of this block whose value depends on the order of its input rows."""
    found: list[exp.Expr] = []
    for node in block.walk():
        if not isinstance(node, exp.Func | exp.Window) or node.parent_select is not block:
            continue
        if isinstance(node, exp.Window):
            if node.args.get("order") is None and isinstance(
                node.this, (exp.RowNumber, exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead, exp.NthValue)
            ):
                found.append(node)
        elif isinstance(node, _ORDER_SENSITIVE) or function_name(node) in _ORDER_SENSITIVE_NAMES:
            found.append(node)
    return found


def order_sensitive(block: exp.Query) -> bool:
    """Whether the rows of ``block`` can depend on the order of its input: an order-sensitive call, or a LIMIT of its
    own without an order."""
    unordered_limit = block.args.get("limit") is not None and block.args.get("order") is None
    return unordered_limit or bool(order_sensitive_calls(block))


def readers(block: exp.Query, root: exp.Query) -> Iterator[exp.Query]:
    """Blocks that may see the rows of ``block``: every enclosing one, or for a CTE conservatively every block of the query."""
    if block.find_ancestor(exp.CTE) is not None:
        yield from root.find_all(exp.Select)
        return
    ancestor = block.parent_select
    while ancestor is not None:
        yield ancestor
        ancestor = ancestor.parent_select
