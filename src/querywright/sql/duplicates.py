"""Where it cannot be seen that rows repeat."""

from __future__ import annotations

from sqlglot import exp

from querywright.sql.disjointness import branches, disjoint
from querywright.sql.facts import NONE_NEEDED, Facts, Premises
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


def union_is_union_all(union: exp.Union, facts: Facts) -> Premises | None:
    """Premises under which ``union`` may or may not remove duplicates and nobody can tell: there are none, or they are invisible.

    None if not known.
    """
    if output_is_a_set(union):
        return NONE_NEEDED
    if union.args.get("by_name") or _recursive(union) or not _same_types(list(branches(union)), facts.dialect):
        return None
    proofs = [_duplicate_free(union.left, facts), _duplicate_free(union.right, facts), disjoint(facts, union.left, union.right)]
    known = [proof for proof in proofs if proof is not None]
    return frozenset().union(*known) if len(known) == len(proofs) else None


def _duplicate_free(query: exp.Query, facts: Facts) -> Premises | None:
    inner = query.unnest() if isinstance(query, exp.Subquery) else query
    if isinstance(inner, exp.Union) and not inner.args.get("distinct"):
        return union_is_union_all(inner, facts)
    return facts.duplicate_free(inner) if isinstance(inner, exp.Query) else None


def _recursive(union: exp.Union) -> bool:
    """Whether ``union`` stands in a WITH RECURSIVE clause, where removing duplicates may end the recursion."""
    clause = union.find_ancestor(exp.With)
    return clause is not None and bool(clause.args.get("recursive"))


def _same_types(blocks: list[exp.Query], dialect: str) -> bool:
    """Whether no value is converted on its way into the union, which could make different values equal."""
    if dialect == "sqlite":
        return True
    rows = [[projection.type for projection in block.selects] for block in blocks]
    return all(_same_type(first, other) for row in rows for first, other in zip(rows[0], row, strict=False))


def _same_type(first: exp.DataType | None, other: exp.DataType | None) -> bool:
    if first is None or other is None or exp.DataType.Type.UNKNOWN in (first.this, other.this):
        return False
    families = (exp.DataType.INTEGER_TYPES, exp.DataType.TEXT_TYPES)
    return first == other or any(first.is_type(*family) and other.is_type(*family) for family in families)
