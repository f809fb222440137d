"""Translates IN, EXISTS, quantified comparisons and scalar subqueries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.verification.proof.kinds import Unsupported, common_kind, literal
from querywright.verification.proof.operators import COMPARISONS, member
from querywright.verification.proof.scope import Scope
from querywright.verification.proof.simplify import call, conjunction, existence, negation
from querywright.verification.proof.terms import Branch, Call, Constant, Single, Term, bag_rows, fresh_row, null, with_outputs

if TYPE_CHECKING:
    from querywright.verification.proof.scalars import Scalars


def quantified(scalars: Scalars, node: exp.Expr, right: exp.Expr, scope: Scope) -> Term:
    """``x < ALL (…)`` and ``x < ANY (…)``."""
    name, swapped, negated = COMPARISONS[type(node)]
    query = right.this.unnest() if isinstance(right.this, (exp.Subquery, exp.Paren)) else right.this
    if not isinstance(query, exp.Query):
        raise Unsupported("a quantified comparison with a list")
    left = scalars.term(node.this, scope)

    def compared(branch: Branch) -> Term:
        pair = (branch.outputs[0], left) if swapped else (left, branch.outputs[0])
        found = scalars.compare(name, *pair)
        return negation(found) if negated else found

    bag = scalars.queries.subquery(query, scope)
    if any(len(branch.outputs) != 1 for branch in bag.branches):
        raise Unsupported("a quantified comparison of tuples")
    if isinstance(right, exp.Any):
        return member(bag, compared)
    return negation(member(bag, lambda branch: negation(compared(branch))))


def in_(scalars: Scalars, node: exp.Expr, scope: Scope, *, asserted_only: bool = False) -> Term:
    """``x IN (…)`` with a list or a query; ``asserted_only``: all that counts is whether it is TRUE."""
    left = scalars.items(node.this, scope)
    query = node.args.get("query")
    if query is None and len(node.expressions) == 1 and isinstance(node.expressions[0], (exp.Subquery, exp.Select)):
        query = node.expressions[0]
    if query is None:
        if node.args.get("unnest") is not None or node.args.get("field") is not None:
            raise Unsupported("IN with an array")
        options = [scalars.items(option, scope) for option in node.expressions]
        for pair in (pair for option in options for pair in zip(left, option, strict=False)):
            kinds = {one.kind for one in pair}
            if scalars.dialect == "sqlite" and len(kinds) > 1 and "text" in kinds and not isinstance(pair[1], Constant):
                raise Unsupported("IN with a list of columns of another type, which SQLite does not convert there")
        return call("or", [scalars.all_equal(left, option) for option in options])
    body = query.unnest() if isinstance(query, exp.Subquery) else query
    if not isinstance(body, exp.Query):
        raise Unsupported("IN with something else than a query")
    bag = scalars.queries.subquery(body, scope)
    found = member(bag, lambda branch: scalars.all_equal(left, branch.outputs, structs=False))
    if len(left) == 1 or scalars.dialect != "duckdb" or asserted_only:
        return found
    # Where a tuple holds a NULL, DuckDB has rules of its own: there it is any function of the left side.
    if bag_rows(bag):
        raise Unsupported(
            "IN with tuples and a correlated subquery below a negation, where DuckDB has rules of its own for NULLs"
        )
    gaps = existence(
        with_outputs(bag, lambda _: (), lambda branch: [call("or", [call("is_null", (one,)) for one in branch.outputs])])
    )
    odd = call("or", (*(call("is_null", (one,)) for one in left), gaps))
    unclear = Call(f"call:tuple_in:{fresh_row()}", tuple(left), "boolean")
    return call("case", (odd, unclear, found))


def exists(scalars: Scalars, node: exp.Expr, scope: Scope) -> Term:
    """``EXISTS (…)``."""
    query = node.this.unnest() if isinstance(node.this, exp.Subquery) else node.this
    if not isinstance(query, exp.Query):
        raise Unsupported("EXISTS of something else than a query")
    return some_row(scalars, query, scope)


def some_row(scalars: Scalars, query: exp.Query, scope: Scope) -> Term:
    """Whether a query has a row, for which a LIMIT of one or more without OFFSET makes no difference."""
    bag = scalars.queries.subquery(query, scope, existing=True)
    return existence(with_outputs(bag, lambda _: (), lambda _: ()))


def single(scalars: Scalars, node: exp.Expr, scope: Scope) -> Term:
    """A scalar subquery."""
    query = node.unnest()
    if not isinstance(query, exp.Query):
        raise Unsupported("a parenthesized join as a value")
    if (constant := _limited_constant(query)) is not None:
        # Whichever row LIMIT 1 takes, its value is the constant; without a row the value is NULL.
        value = literal(constant, scalars.dialect)
        return call("case", (some_row(scalars, query, scope), value, null(value.kind)), value.kind)
    if scalars.dialect == "sqlite" and query.args.get("order") is not None and query.args.get("limit") is None:
        query = query.copy()
        query.set("limit", exp.Limit(expression=exp.Literal.number(1)))  # of several rows SQLite takes the first
    bag = scalars.queries.subquery(query, scope)
    if any(len(branch.outputs) != 1 for branch in bag.branches):
        raise Unsupported("a subquery of several columns as a value")
    kind = common_kind([branch.outputs[0].kind for branch in bag.branches])
    if not bag.branches:
        return null(kind)
    if len(bag.branches) == 1 and not bag.branches[0].atoms:
        branch = bag.branches[0]
        return call("case", (conjunction(branch.conditions), branch.outputs[0], null(kind)), kind)
    return Single(bag, kind)


def _limited_constant(query: exp.Query) -> exp.Literal | None:
    """The literal that every row of a SELECT with LIMIT 1 holds as its only column; None for any other query."""
    limit = query.args.get("limit")
    if not isinstance(query, exp.Select) or not isinstance(limit, exp.Limit) or query.args.get("offset") is not None:
        return None
    value = query.expressions[0].unalias() if len(query.expressions) == 1 else None
    return value if isinstance(value, exp.Literal) and limit.expression.name == "1" else None
