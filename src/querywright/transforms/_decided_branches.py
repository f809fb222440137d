"""Conjuncts, disjuncts and UNION ALL branches that constants alone decide, as they appear when filters meet constant columns."""

from __future__ import annotations

from decimal import Decimal

from sqlglot import exp

from querywright.sql.predicates import conjunction, conjuncts, disjunction, disjuncts, set_where, unwrap, where_conjuncts
from querywright.sql.trees import copied, printed


def without_decided(query: exp.Query) -> exp.Query:
    """``query``, changed in place, without repeated and true conjuncts, false alternatives and UNION ALL branches of no rows.

    A branch stays where the types of the union might depend on it, and the last one anyway.
    """
    if isinstance(query, exp.Subquery) and isinstance(query.this, exp.Query):
        query.set("this", without_decided(query.this))
    elif isinstance(query, exp.Select):
        _settle(query)
    elif isinstance(query, exp.Union):
        names = query.named_selects
        left, right = without_decided(query.left), without_decided(query.right)
        for branch, other in ((left, right), (right, left)):
            if _mere_union_all(query) and _false(branch) and _shape(_first(branch)) == _shape(_first(other)):
                _name_like(_first(other), names)
                return other
        query.set("this", left)
        query.set("expression", right)
    return query


def decided(predicate: exp.Expr) -> bool | None:
    """The truth of a predicate that constants decide; None where columns, NULLs or conversions are involved."""
    bare = unwrap(predicate)
    if isinstance(bare, (exp.And, exp.Or)):
        parts = [decided(part) for part in (conjuncts(bare) if isinstance(bare, exp.And) else disjuncts(bare))]
        absorbing = isinstance(bare, exp.Or)
        if absorbing in parts:
            return absorbing
        return None if None in parts else not absorbing
    if isinstance(bare, exp.EQ):
        return _equal(bare.this, bare.expression)
    if isinstance(bare, exp.NEQ):
        equal = _equal(bare.this, bare.expression)
        return None if equal is None else not equal
    if isinstance(bare, exp.In) and bare.expressions and not bare.args.get("query"):
        found = [_equal(bare.this, option) for option in bare.expressions]
        return True if True in found else None if None in found else False
    return None


def _equal(first: exp.Expr, second: exp.Expr) -> bool | None:
    """Whether two literals are equal under every collation; None where that is open."""
    one, other = unwrap(first), unwrap(second)
    if not isinstance(one, exp.Literal) or not isinstance(other, exp.Literal) or one.is_string != other.is_string:
        return None
    if not one.is_string:
        return Decimal(one.name) == Decimal(other.name)
    if one.name == other.name:
        return True
    same_folded = one.name.strip().casefold() == other.name.strip().casefold()
    return None if same_folded or not (one.name + other.name).isascii() else False


def _settle(select: exp.Select) -> None:
    """Write WHERE without what constants decide; one false conjunct alone stays to say that there are no rows."""
    before = where_conjuncts(select)
    kept: dict[str, exp.Expr] = {}
    for predicate in before:
        truth = decided(predicate)
        if truth is False:
            kept = {"": predicate}
            break
        if truth is None:
            settled = _without_false_alternatives(predicate)
            kept.setdefault(printed(settled, ""), settled)
    if [id(predicate) for predicate in kept.values()] != [id(predicate) for predicate in before]:
        set_where(select, [part.copy() for predicate in kept.values() for part in conjuncts(predicate)])


def _without_false_alternatives(predicate: exp.Expr) -> exp.Expr:
    alternatives = disjuncts(predicate)
    if len(alternatives) < 2:
        return predicate
    open_ones = [option for option in alternatives if decided(option) is not False]
    settled = [conjunction([part.copy() for part in conjuncts(o) if decided(part) is None]) for o in open_ones]
    distinct = list({printed(option, ""): option for option in settled if option is not None}.values())
    return disjunction(distinct) or predicate


def _false(query: exp.Query) -> bool:
    return isinstance(query, exp.Select) and any(decided(predicate) is False for predicate in where_conjuncts(query))


def _mere_union_all(union: exp.Union) -> bool:
    clauses = ("with_", "order", "limit", "offset", "by_name", "side", "distinct")
    return not any(union.args.get(clause) for clause in clauses)


def _first(query: exp.Query) -> exp.Select:
    while not isinstance(query, exp.Select):
        query = query.this
    return query


def _shape(select: exp.Select) -> list[str]:
    """The projections as far as their types depend on them: expressions of equal shape have equal types."""
    shapes = []
    for projection in select.selects:
        holder = exp.Paren(this=copied(projection.unalias()))
        for node in list(holder.find_all(exp.Column, exp.Literal)):
            if isinstance(node, exp.Column):
                node.replace(exp.Var(this=str(node.type)))
            elif node.is_string:
                node.replace(exp.Var(this="text"))
        shapes.append(holder.sql(copy=False))
    return shapes


def _name_like(select: exp.Select, names: list[str]) -> None:
    """Give the outputs the names that the dropped first branch gave them."""
    select.set("expressions", [exp.alias_(p.unalias(), name) for p, name in zip(select.selects, names, strict=True)])
