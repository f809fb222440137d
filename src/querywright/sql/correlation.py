"""How a subquery depends on the block around it: its WHERE split into local filters and comparisons with outer columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import comparison_type, unwrap, where_conjuncts

_MIRRORED: dict[type[exp.Expr], type[exp.Binary]] = {
    exp.EQ: exp.EQ,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.NEQ: exp.NEQ,
}
_NUMBER, _FLOAT, _TEXT, _TIME, _ZONED, _TRUTH = "number", "float", "text", "time", "zoned time", "truth"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``inner operator outer``: one side of columns of the subquery, the other of columns of the enclosing block."""

    predicate: exp.Expr
    inner: exp.Expr
    operator: type[exp.Binary]
    outer: exp.Expr


@dataclass(frozen=True, slots=True)
class Correlation:
    """The WHERE of a correlated subquery, taken apart.

    ``keys`` are its equalities with outer columns, ``ranges`` its <, <=, > and >= (and <> where asked for), ``local`` the
    conjuncts that mention no outer column, ``outside`` those that mention nothing else.
    """

    outer: exp.Select
    keys: tuple[Comparison, ...]
    ranges: tuple[Comparison, ...]
    local: tuple[exp.Expr, ...]
    outside: tuple[exp.Expr, ...]


def correlation(facts: Facts, body: exp.Select, *, unequal: bool = False) -> Correlation | str | None:
    """How ``body`` depends on the block right around it; None where it does not; a sentence where it is in no separable way.

    Outer columns in the projections of ``body`` are not looked at. With ``unequal``, <> is one of the ranges.
    """
    columns = facts.correlated_columns(body)
    outer = body.parent_select
    if not columns or outer is None:
        return None
    if any(facts.home(column) is not outer for column in columns):
        return "the subquery refers to a block further out than the one around it"
    outer_columns = {id(column) for column in columns}
    predicates = where_conjuncts(body)
    placed = {id(column) for part in (*body.expressions, *predicates) for column in part.find_all(exp.Column)}
    related = separated(outer, predicates, outer_columns, unequal=unequal)
    if isinstance(related, Correlation) and not outer_columns <= placed:
        return "outer columns are used outside of the subquery's WHERE"
    return related


def separated(
    outer: exp.Select, predicates: Iterable[exp.Expr], outer_columns: set[int], *, unequal: bool = False
) -> Correlation | str:
    """``predicates`` sorted by how they depend on ``outer_columns``, given by ``id``; a sentence where one does otherwise."""
    keys: list[Comparison] = []
    ranges: list[Comparison] = []
    local: list[exp.Expr] = []
    outside: list[exp.Expr] = []
    for predicate in predicates:
        mentioned = {id(column) for column in predicate.find_all(exp.Column)}
        if not mentioned & outer_columns:
            local.append(predicate)
        elif predicate.find(exp.Query):
            return "a nested query uses columns of the outer block"
        elif mentioned <= outer_columns:
            outside.append(predicate)
        else:
            comparison = _comparison(predicate, outer_columns)
            if comparison is None or (comparison.operator is exp.NEQ and not unequal):
                return (
                    "the subquery depends on the outer block by something other than comparisons of its columns with outer ones"
                )
            (keys if comparison.operator is exp.EQ else ranges).append(comparison)
    return Correlation(outer, tuple(keys), tuple(ranges), tuple(local), tuple(outside))


def _comparison(predicate: exp.Expr, outer_columns: set[int]) -> Comparison | None:
    bare = unwrap(predicate)
    if type(bare) not in _MIRRORED or not isinstance(bare, exp.Binary):
        return None
    left, right = ({id(column) for column in side.find_all(exp.Column)} for side in (bare.this, bare.expression))
    if left and right and not left & outer_columns and right <= outer_columns:
        return Comparison(predicate, bare.this, type(bare), bare.expression)
    if left and right and not right & outer_columns and left <= outer_columns:
        return Comparison(predicate, bare.expression, _MIRRORED[type(bare)], bare.this)
    return None


def scalar_subqueries(facts: Facts) -> Iterator[tuple[exp.Subquery, exp.Select]]:
    """Subqueries that stand for a value and their bodies, in the order of the text."""
    return iter(facts.once(_scalar_subqueries))


def _scalar_subqueries(facts: Facts) -> tuple[tuple[exp.Subquery, exp.Select], ...]:
    found = []
    for subquery in facts.tree.find_all(exp.Subquery, bfs=False):
        body = subquery.unnest()
        if isinstance(body, exp.Select) and len(body.expressions) == 1 and _stands_for_value(subquery):
            found.append((subquery, body))
    return tuple(found)


def _stands_for_value(subquery: exp.Subquery) -> bool:
    parent = subquery.parent
    if isinstance(parent, exp.In):
        return subquery.arg_key != "query"
    return isinstance(parent, (exp.Condition, exp.Alias, exp.Where, exp.Having, exp.Qualify, exp.Ordered, exp.Select)) and not (
        isinstance(parent, (exp.Exists, exp.Subquery, exp.Any, exp.All, exp.Table, exp.Lateral, exp.Array))
    )


def place(node: exp.Expr, block: exp.Select) -> tuple[str, bool]:
    """The clause of ``block`` that holds ``node``, and whether it stands within an aggregate call there."""
    aggregated = False
    current = node
    while current.parent is not None and current.parent is not block:
        current = current.parent
        aggregated |= isinstance(current, exp.AggFunc) and not isinstance(current.parent, exp.Window)
    return current.arg_key or "", aggregated


def grouped(block: exp.Select) -> bool:
    """Whether ``block`` aggregates its rows, with or without GROUP BY."""
    if block.args.get("group") is not None or block.args.get("having") is not None:
        return True
    return any(
        call.parent_select is block and not isinstance(call.find_ancestor(exp.Window, exp.Select), exp.Window)
        for projection in block.expressions
        for call in projection.find_all(exp.AggFunc)
    )


def one_group_matches(inner: exp.Expr, outer: exp.Expr) -> bool:
    """Whether ``inner = outer`` holds for at most one of the values that GROUP BY ``inner`` tells apart.

    False for types that are not known, and where comparing converts different inner values to the same one, as text to number.
    """
    first, second = _kind(inner), _kind(outer)
    return first is not None and (first == second or (first == _FLOAT and second == _NUMBER))


def membership_compares_alike(equality: exp.Expr, subject: exp.Expr, dialect: str) -> bool:
    """Whether ``subject IN (other side)`` compares as ``subject = other side`` in ``equality`` does.

    SQLite compares texts in the collation of the left operand, and schemas do not tell collations.
    """
    left = unwrap(unwrap(equality).this)
    return dialect != "sqlite" or unwrap(subject) is left or _kind(subject) not in (_TEXT, None)


def _kind(node: exp.Expr) -> str | None:
    kind = comparison_type(node)
    types = exp.DataType
    for name, members in (
        (_FLOAT, types.FLOAT_TYPES),
        (_NUMBER, types.NUMERIC_TYPES),
        (_TEXT, types.TEXT_TYPES),
        (_ZONED, {types.Type.TIMESTAMPTZ, types.Type.TIMESTAMPLTZ}),
        (_TIME, types.TEMPORAL_TYPES),
        (_TRUTH, {types.Type.BOOLEAN}),
    ):
        if kind in members:
            return name
    return None


def with_aliases(facts: Facts, block: exp.Select, names: Mapping[str, str]) -> exp.Select:
    """A copy of ``block`` whose FROM entries have other aliases; columns that belong to them follow."""
    copy = block.copy()
    for original, twin in zip(list(block.walk()), list(copy.walk()), strict=True):
        if isinstance(original, exp.Column) and original.table in names and facts.home(original) is block:
            twin.set("table", exp.to_identifier(names[original.table]))
    joins: list[exp.Join] = copy.args.get("joins") or []
    for entry in (copy.args["from_"], *joins):
        alias: exp.TableAlias = entry.this.args["alias"]
        alias.set("this", exp.to_identifier(names[alias.name]))
    return copy
