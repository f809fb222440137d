"""Predicates under SQL's three-valued logic: splitting, joining, and what a NULL does to them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

ColumnKey = tuple[str, str]
"""(alias of the source, column name) in a qualified tree."""

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.Between)
_NULL_PROPAGATING = (
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.IntDiv,
    exp.Mod,
    exp.Neg,
    exp.Paren,
    exp.Cast,
    exp.DPipe,
    exp.Lower,
    exp.Upper,
    exp.Abs,
    exp.Substring,
    exp.Round,
    exp.Year,
    exp.Month,
    exp.Day,
    exp.Extract,
    exp.Trim,
    exp.Length,
    exp.Floor,
    exp.Ceil,
)


def unwrap(node: exp.Expr) -> exp.Expr:
    """``node`` without enclosing parentheses."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def conjuncts(predicate: exp.Expr | None) -> list[exp.Expr]:
    """The operands of a conjunction, parentheses around ANDs opened; [] for None."""
    return _operands(predicate, exp.And)


def disjuncts(predicate: exp.Expr | None) -> list[exp.Expr]:
    """The operands of a disjunction, parentheses around ORs opened; [] for None."""
    return _operands(predicate, exp.Or)


def _operands(predicate: exp.Expr | None, connector: type[exp.Connector]) -> list[exp.Expr]:
    found: list[exp.Expr] = []
    pending = [predicate] if predicate is not None else []
    while pending:
        operand = pending.pop()
        bare = unwrap(operand)
        if isinstance(bare, connector):
            pending += [bare.expression, bare.this]
        else:
            found.append(operand)
    return found


def conjunction(predicates: Iterable[exp.Expr]) -> exp.Expr | None:
    """AND of the predicates (not copied), each wrapped in parentheses where needed; None for no predicates."""
    return _join(predicates, exp.And)


def disjunction(predicates: Iterable[exp.Expr]) -> exp.Expr | None:
    """OR of the predicates (not copied), each wrapped in parentheses where needed; None for no predicates."""
    return _join(predicates, exp.Or)


def _join(predicates: Iterable[exp.Expr], connector: type[exp.Connector]) -> exp.Expr | None:
    joined: exp.Expr | None = None
    for predicate in predicates:
        operand = exp.Paren(this=predicate) if isinstance(predicate, exp.Connector) else predicate
        joined = operand if joined is None else connector(this=joined, expression=operand)
    return joined


def where_conjuncts(select: exp.Select) -> list[exp.Expr]:
    """Conjuncts of the WHERE clause."""
    where = select.args.get("where")
    return conjuncts(where.this if where else None)


def set_where(select: exp.Select, predicates: Iterable[exp.Expr]) -> None:
    """Replace the WHERE clause by the conjunction of ``predicates``; no predicates remove it."""
    condition = conjunction(predicates)
    select.set("where", exp.Where(this=condition) if condition is not None else None)


def column_key(column: exp.Column) -> ColumnKey:
    """(alias, name) of a qualified column."""
    return column.table, column.name


def column_keys(node: exp.Expr) -> frozenset[ColumnKey]:
    """All columns mentioned in ``node``, nested queries included."""
    return frozenset(column_key(column) for column in node.find_all(exp.Column))


def equated_columns(predicate: exp.Expr) -> tuple[exp.Column, exp.Column] | None:
    """The two columns of ``a.x = b.y``; None for anything else."""
    bare = unwrap(predicate)
    if not isinstance(bare, exp.EQ):
        return None
    left, right = unwrap(bare.this), unwrap(bare.expression)
    if isinstance(left, exp.Column) and isinstance(right, exp.Column):
        return left, right
    return None


def constant(node: exp.Expr) -> bool:
    """Whether ``node`` mentions no column, no query and no aggregate: one value for the whole statement."""
    from querywright.sql.volatility import deterministic

    return not any(
        isinstance(part, (exp.Column, exp.Query, exp.AggFunc, exp.Window, exp.Star)) for part in node.walk()
    ) and deterministic(node)


def comparison_type(node: exp.Expr) -> exp.DType | None:
    """The type as which ``node`` is compared; None if it is not known, or is a text that may have a collation of its own.

    Qualifying gives columns with a declared collation no type, and a cast or a function may pass their collation on.
    """
    kind = node.type.this if node.type is not None else exp.DataType.Type.UNKNOWN
    unknown = kind is exp.DataType.Type.UNKNOWN or (kind in exp.DataType.TEXT_TYPES and collated(node))
    return None if unknown else kind


def collated(node: exp.Expr) -> bool:
    """Whether ``node`` mentions a collation, or a column that may have one: two values that are equal may differ then."""
    return any(
        isinstance(part, exp.Collate)
        or (isinstance(part, exp.Column) and (part.type is None or part.is_type(exp.DataType.Type.UNKNOWN)))
        for part in node.walk()
    )


def equal_values_differ(column: exp.Column, dialect: str) -> bool:
    """Whether DISTINCT keeps one of several values of ``column`` that an expression can tell apart.

    Such are texts under a collation, zeros of either sign, which SQLite does not store, a month and thirty days.
    """
    return collated(column) or (dialect != "sqlite" and column.is_type(*exp.DataType.FLOAT_TYPES, "interval"))


def equality_identifies(column: exp.Expr, given: exp.Expr) -> bool:
    """Whether ``column = given`` allows only one value of ``column``, as far as the types tell.

    Comparing text with a number converts the text, and '1' and '01' both equal 1; comparing exact numbers with floating ones
    rounds; texts of another collation than the engine's own are equal to several.
    """
    own, other = comparison_type(column), comparison_type(given)
    if own is None or other is None:
        return False
    if own in exp.DataType.TEXT_TYPES:
        return other in exp.DataType.TEXT_TYPES
    return own in exp.DataType.FLOAT_TYPES or other not in exp.DataType.FLOAT_TYPES


def pinned_column(predicate: exp.Expr) -> exp.Column | None:
    """The column of ``column = constant`` in either order; None for anything else."""
    bare = unwrap(predicate)
    if not isinstance(bare, exp.EQ):
        return None
    for column, other in ((bare.this, bare.expression), (bare.expression, bare.this)):
        if isinstance(unwrap(column), exp.Column) and constant(other) and equality_identifies(unwrap(column), other):
            return unwrap(column)  # type: ignore[return-value]
    return None


def propagating_columns(node: exp.Expr) -> frozenset[ColumnKey]:
    """Columns of which a NULL makes the whole expression NULL."""
    if isinstance(node, exp.Column):
        return frozenset([column_key(node)])
    if isinstance(node, exp.TryCast):
        return propagating_columns(node.this)
    if isinstance(node, _NULL_PROPAGATING):
        return frozenset().union(
            *(propagating_columns(child) for child in node.iter_expressions() if not isinstance(child, (exp.DataType, exp.Var)))
        )
    return frozenset()


def null_rejected_columns(predicate: exp.Expr) -> frozenset[ColumnKey]:
    """Columns of which a NULL keeps ``predicate`` from being TRUE (the predicate is strict in them).

    Sound but not complete: a column that is missing here may still be rejected.
    """
    node = unwrap(predicate)
    if isinstance(node, exp.And):
        return null_rejected_columns(node.this) | null_rejected_columns(node.expression)
    if isinstance(node, exp.Or):
        return null_rejected_columns(node.this) & null_rejected_columns(node.expression)
    if isinstance(node, _COMPARISONS):
        return _strict_operands(node)
    if isinstance(node, exp.In):
        return propagating_columns(node.this)
    if isinstance(node, exp.Is):
        # x IS TRUE, x IS 5: only IS NULL accepts a NULL operand
        return frozenset() if isinstance(node.expression, exp.Null) else _is_value(node)
    if isinstance(node, exp.Not):
        inner = unwrap(node.this)
        if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
            return propagating_columns(inner.this)
        if isinstance(inner, _COMPARISONS) and not isinstance(inner, exp.Between):
            return _strict_operands(inner)
        if isinstance(inner, exp.Between):
            return propagating_columns(inner.this)
        if isinstance(inner, exp.In) and not inner.args.get("query"):
            return propagating_columns(inner.this)
    return frozenset()


def _is_value(node: exp.Is) -> frozenset[ColumnKey]:
    if isinstance(node.expression, exp.Boolean):
        return propagating_columns(node.this)
    return frozenset()


def _strict_operands(node: exp.Expr) -> frozenset[ColumnKey]:
    operands = [child for child in node.iter_expressions() if isinstance(child, exp.Condition)]
    return frozenset().union(*(propagating_columns(operand) for operand in operands))
