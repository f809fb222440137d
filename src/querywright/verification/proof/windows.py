"""Translates window functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.verification.proof.grouping import Context, aggregate_call
from querywright.verification.proof.kinds import Unsupported, kind_of_type
from querywright.verification.proof.scope import Scope
from querywright.verification.proof.simplify import call
from querywright.verification.proof.terms import Bag, Branch, Term, Window, opened

if TYPE_CHECKING:
    from querywright.verification.proof.translate import Translation

_TIE_FREE = (exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist)
_FIRST = {"offset": exp.Literal.number(1)}
_WHOLE = (exp.Sum, exp.Min, exp.Max, exp.Avg, exp.Count)


def window(translation: Translation, node: exp.Window, context: Context) -> Term:
    """The value of a window function for the row ``context`` among the rows of its block."""
    if node.args.get("alias") or node.args.get("first") is not None:
        raise Unsupported("a named window")
    function, condition = node.this, None
    if isinstance(function, exp.Filter):
        function, condition = function.this, function.expression.this
    partition = node.args.get("partition_by") or []
    order = node.args["order"].expressions if node.args.get("order") is not None else []
    spec = node.args.get("spec")
    if type(function) in _WHOLE and not order and spec is None:
        return _of_partition(translation, function, condition, partition, context)
    if condition is not None:
        raise Unsupported("a filtered window function")
    name = function.key
    while isinstance(function, (exp.IgnoreNulls, exp.RespectNulls)):
        function = function.this
        name += f":{function.key}"
    arguments = [part for part in function.iter_expressions() if isinstance(part, exp.Condition)]
    unclear = [part for part in (*function.iter_expressions(), spec) if part is not None and not isinstance(part, exp.Condition)]
    if isinstance(function, exp.Anonymous) or any(list(part.find_all(exp.Column)) for part in unclear):
        raise Unsupported("this window function")
    if isinstance(function, exp.NthValue) and {key: part for key, part in function.args.items() if key != "this"} == _FIRST:
        function = exp.FirstValue(this=function.this)
        name, arguments = name.replace("nthvalue", function.key), arguments[:1]
    given = ",".join(key for key, value in function.args.items() if value)
    frame = spec.sql(translation.dialect) if spec is not None else ""
    directions = ",".join(direction(part) for part in order)
    keys = [*partition, *(part.this for part in order), *arguments]
    branches = (
        Branch(one.atoms, tuple(one.conditions), tuple(translation.scalars.term(key, one.scope) for key in keys))
        for one in context.rows
    )
    bag = Bag(tuple(opened(branch) for branch in branches))
    return Window(
        f"{name}|{given}|{len(partition)}|{directions}|{frame}",
        bag,
        next(place for place, one in enumerate(context.rows) if one is context),
        tuple(atom.row for atom in context.atoms),
        0 if isinstance(function, _TIE_FREE) else translation.instance(node, bag),
        kind_of_type(node.type, translation.dialect),
    )


def _of_partition(
    translation: Translation, function: exp.Expr, condition: exp.Expr | None, partition: Sequence[exp.Expr], context: Context
) -> Term:
    """An aggregate over a whole partition: the aggregate over copies of the rows with equal partition keys."""
    mine = [translation.scalars.term(part, context.scope) for part in partition]
    copies: list[Context] = []
    keys: list[list[Term]] = []
    for one in context.rows:
        if one.scope.special is not None:
            if partition:
                raise Unsupported("a partitioned aggregate of groups")
            copies.append(one)
            keys.append([])
            continue
        names = list(one.scope.columns)
        copy = opened(Branch(one.atoms, tuple(one.conditions), tuple(one.scope.columns[name] for name in names)))
        inside = Scope(dict(zip(names, copy.outputs, strict=True)), one.scope.outer, {}, None, one.scope.common)
        copies.append(Context(copy.atoms, list(copy.conditions), inside))
        keys.append([translation.scalars.term(part, inside) for part in partition])
    return aggregate_call(
        translation,
        function,
        condition,
        copies,
        lambda place: [call("same", pair) for pair in zip(keys[place], mine, strict=True)],
    )


def direction(ordered: exp.Expr) -> str:
    """How a sort key sorts, in words."""
    if not isinstance(ordered, exp.Ordered) or ordered.args.get("with_fill"):
        raise Unsupported("this ORDER BY")
    down, first = bool(ordered.args.get("desc")), ordered.args.get("nulls_first")
    return f"{'desc' if down else 'asc'} nulls {'first' if first else 'last'}"
