"""Where it cannot be seen that rows repeat."""

from __future__ import annotations

from sqlglot import exp

from querywright.sql.order import order_sensitive_calls


def output_is_a_set(block: exp.Query) -> bool:
    """Whether whoever reads ``block`` takes its rows as a set: IN, EXISTS, or a set operation without ALL."""
    if any(block.args.get(clause) for clause in ("limit", "offset", "fetch")):
        return False
    parent = block.parent
    if isinstance(parent, exp.Subquery) and not parent.alias:
        return output_is_a_set(parent)
    if isinstance(parent, exp.SetOperation):
        return bool(parent.args.get("distinct")) and block.arg_key in ("this", "expression")
    return isinstance(parent, exp.Exists) or (isinstance(parent, exp.In) and block.arg_key == "query")


def input_is_a_set(select: exp.Select) -> bool:
    """Whether the answer of ``select`` stays the same when rows of its FROM clause repeat."""
    if order_sensitive_calls(select):
        return False
    calls = [node for node in select.find_all(exp.AggFunc, exp.Anonymous, exp.Window) if node.parent_select is select]
    if calls or select.args.get("group") is not None:
        return all(isinstance(call, (exp.Max, exp.Min)) or isinstance(call.this, exp.Distinct) for call in calls)
    distinct = select.args.get("distinct")
    return (isinstance(distinct, exp.Distinct) and distinct.args.get("on") is None) or output_is_a_set(select)
