"""What a parser makes of the text of a node, as far as it is plain SQL: which forms come back as they were printed, and which are
mended to do so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import NoneType
from typing import Any

from sqlglot import exp

from querywright.sql.names import unreadable
from querywright.sql.trees import dialect_named

_FORMS: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Alias: ("this", "alias"),
    exp.Between: ("this", "low", "high"),
    exp.Boolean: ("this",),
    exp.CTE: ("this", "alias", "materialized"),
    exp.Case: ("this", "ifs", "default"),
    exp.Cast: ("this", "to"),
    exp.Coalesce: ("this", "expressions"),
    exp.Column: ("this", "table"),
    exp.Concat: ("expressions", "safe", "coalesce"),
    exp.Count: ("this", "big_int"),
    exp.DataType: ("this", "expressions"),
    exp.DataTypeParam: ("this",),
    exp.Distinct: ("expressions",),
    exp.Div: ("this", "expression", "typed", "safe"),
    exp.Extract: ("this", "expression"),
    exp.Filter: ("this", "expression"),
    exp.Group: ("expressions",),
    exp.Grouping: ("expressions",),
    exp.Identifier: ("this", "quoted"),
    exp.If: ("this", "true"),
    exp.In: ("this", "query", "expressions"),
    exp.Join: ("this", "side", "kind", "on"),
    exp.Limit: ("expression",),
    exp.Literal: ("this", "is_string"),
    exp.Null: (),
    exp.Offset: ("expression",),
    exp.Order: ("expressions",),
    exp.Ordered: ("this", "desc", "nulls_first"),
    exp.Rollup: ("expressions",),
    exp.Round: ("this", "decimals"),
    exp.Select: (
        "distinct", "expressions", "limit", "from_", "joins", "where", "group", "having", "qualify", "order", "offset", "with_"
    ),
    exp.Star: (),
    exp.Subquery: ("this", "alias"),
    exp.Substring: ("this", "start", "length"),
    exp.Table: ("this", "db", "alias"),
    exp.TableAlias: ("this",),
    exp.Var: ("this",),
    exp.Window: ("this", "partition_by", "order", "spec", "over"),
    exp.WindowSpec: ("kind", "start", "start_side", "end", "end_side"),
    exp.With: ("expressions",),
}  # fmt: skip
"""The arguments that nodes of plain SQL may have, in the order in which the parser sets them and every walk finds them."""

_UNARY = (
    exp.Abs, exp.Avg, exp.Exists, exp.From, exp.Having, exp.Length, exp.Lower, exp.Max, exp.Min, exp.Neg, exp.Not, exp.Paren,
    exp.Qualify, exp.StddevSamp, exp.Sum, exp.Upper, exp.Where,
)  # fmt: skip
_RANKS = (exp.DenseRank, exp.Rank, exp.RowNumber)
_SET_OPERATIONS = (exp.Union, exp.Intersect, exp.Except)

_COMPARED = 6
_ATOM = 10
_LEVELS: dict[type[exp.Expr], int] = {
    exp.Or: 1,
    exp.And: 2,
    exp.Not: 3,
    **dict.fromkeys((exp.EQ, exp.NEQ), 4),
    **dict.fromkeys((exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Is, exp.Like), 5),
    exp.Add: 7,
    exp.Sub: 7,
    exp.Mul: 8,
    exp.Div: 8,
    exp.Neg: 9,
}
"""How tightly operators bind; whatever is not here is an atom or stands between parentheses."""

_FORMS |= dict.fromkeys(_UNARY, ("this",)) | dict.fromkeys(_RANKS, ())
_FORMS |= dict.fromkeys(_SET_OPERATIONS, ("this", "expression", "distinct", "order", "limit", "offset", "with_"))
_FORMS |= {operator: ("this", "expression") for operator in _LEVELS if operator not in _FORMS}


class Reading:
    """What the parser of one dialect makes of a node that was printed; ``names`` are those met that need no quotes."""

    def __init__(self, dialect: str) -> None:
        self.names: set[str] = set()
        self.dialect = dialect
        known = dialect_named(dialect)
        self._division = known.TYPED_DIVISION, known.SAFE_DIVISION

    def plain(self, node: exp.Expr) -> bool:
        """Mend ``node`` where its text is read back as another one; False where that is not known."""
        args = node.args
        key = (node.__class__, *args)
        shape = _SHAPES.get(key)
        if shape is None:
            shape = _SHAPES[key] = _shape(node.__class__, tuple(args))
        known, surplus, order, check = shape
        if not known or (surplus and any(args[name] for name in surplus)):
            return False
        if order:
            _reorder(node, order)
        return check is None or check(self, node)

    def identifier(self, node: exp.Identifier) -> bool:
        name = node.args["this"]
        if unreadable(name, self.dialect):
            if not node.args.get("quoted"):
                node.set("quoted", True)
        elif name == name.lower():
            self.names.add(name)
        return bool(name == name.lower())

    def literal(self, node: exp.Literal) -> bool:
        return node.is_string or node.this[:1].isdigit()

    def column(self, node: exp.Column) -> bool:
        return isinstance(node.this, exp.Identifier) and isinstance(node.args.get("table"), (exp.Identifier, NoneType))

    def table_alias(self, node: exp.TableAlias) -> bool:
        return isinstance(node.this, exp.Identifier)

    def table(self, node: exp.Table) -> bool:
        if node.args.get("alias") is None:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name)))
        return isinstance(node.this, exp.Identifier) and isinstance(node.args["alias"], exp.TableAlias)

    def star(self, node: exp.Star) -> bool:
        return isinstance(node.parent, exp.Count)

    def variable(self, node: exp.Var) -> bool:
        return isinstance(node.parent, exp.Extract)

    def alias(self, node: exp.Alias) -> bool:
        return isinstance(node.args["alias"], exp.Identifier) and isinstance(node.parent, exp.Select)

    def subquery(self, node: exp.Subquery) -> bool:
        entry = isinstance(node.parent, (exp.From, exp.Join))
        listed = isinstance(node.parent, exp.Select)
        return isinstance(node.this, (exp.Select, exp.SetOperation)) and entry == bool(node.alias) and not listed

    def common_table(self, node: exp.CTE) -> bool:
        return isinstance(node.this, (exp.Select, exp.SetOperation))

    def count(self, node: exp.Count) -> bool:
        if not node.args.get("big_int"):
            node.set("big_int", True)
        return True

    def window(self, node: exp.Window) -> bool:
        if not node.args.get("over"):
            node.set("over", "OVER")
        return True

    def frame(self, node: exp.WindowSpec) -> bool:
        ends = [end for name in ("start", "end") if (end := node.args.get(name)) is not None]
        return all(isinstance(end, exp.Expr) or end in ("UNBOUNDED", "CURRENT ROW") for end in ends)

    def ordered(self, node: exp.Ordered) -> bool:
        if node.args.get("nulls_first") is None:
            node.set("nulls_first", False)
        return True

    def join(self, node: exp.Join) -> bool:
        if node.args.get("on") is None:
            return not node.side and node.kind in ("", "CROSS")
        return node.kind != "CROSS"

    def select(self, node: exp.Select) -> bool:
        order, group = node.args.get("order"), node.args.get("group")
        if group is not None and any(isinstance(key, exp.Literal) for key in group.expressions):
            return False
        if order is not None and group is not None:
            # Reading puts the name of an output for what equals it.
            keys = [key for ordered in order.expressions if not isinstance(key := ordered.this, exp.Column) or key.table]
            return not keys or {projection.unalias() for projection in node.expressions}.isdisjoint(keys)
        return True

    def set_operation(self, node: exp.SetOperation) -> bool:
        left, right = node.this, node.expression
        return (type(left) is type(node) or _branch(left)) and _branch(right)

    def connector(self, node: exp.Connector) -> bool:
        right = node.expression
        if type(right) is type(node):
            _hang_left(node)
        level = _LEVELS[type(node)]
        return _level(node.this) >= level and _level(node.expression) > level

    def arithmetic(self, node: exp.Binary) -> bool:
        level = _LEVELS[type(node)]
        return _level(node.this) >= level and _level(node.expression) > level

    def division(self, node: exp.Div) -> bool:
        flags = bool(node.args.get("typed")), bool(node.args.get("safe"))
        return flags == self._division and self.arithmetic(node)

    def compared(self, node: exp.Expr) -> bool:
        return all(_level(node.args[name]) >= _COMPARED for name in ("this", "expression", "low", "high") if name in node.args)

    def membership(self, node: exp.In) -> bool:
        query, listed = node.args.get("query"), node.args.get("expressions") or []
        if query is not None:
            return isinstance(query, exp.Subquery) and not listed and _level(node.this) >= _COMPARED
        return _level(node.this) >= _COMPARED and not any(isinstance(item, exp.Query) for item in listed)

    def truth(self, node: exp.Is) -> bool:
        return _level(node.this) >= _COMPARED and isinstance(node.expression, (exp.Null, exp.Boolean))

    def negation(self, node: exp.Not) -> bool:
        return _level(node.this) > _LEVELS[exp.Not]

    def minus(self, node: exp.Neg) -> bool:
        return _level(node.this) >= _ATOM

    def parentheses(self, node: exp.Paren) -> bool:
        return not isinstance(node.this, exp.Query)

    def exists(self, node: exp.Exists) -> bool:
        return isinstance(node.this, (exp.Select, exp.SetOperation))

    def data_type(self, node: exp.DataType) -> bool:
        sizes = tuple(part.name for part in node.expressions)
        return not node.args.get("nested") and isinstance(node.this, exp.DType) and _reads_back(node.this, sizes, self.dialect)


Check = Callable[[Reading, Any], bool]
_CHECKS: dict[type[exp.Expr], Check] = {
    exp.Alias: Reading.alias,
    exp.CTE: Reading.common_table,
    exp.Column: Reading.column,
    exp.Count: Reading.count,
    exp.DataType: Reading.data_type,
    exp.Div: Reading.division,
    exp.Exists: Reading.exists,
    exp.Identifier: Reading.identifier,
    exp.In: Reading.membership,
    exp.Is: Reading.truth,
    exp.Join: Reading.join,
    exp.Literal: Reading.literal,
    exp.Neg: Reading.minus,
    exp.Not: Reading.negation,
    exp.Ordered: Reading.ordered,
    exp.Paren: Reading.parentheses,
    exp.Select: Reading.select,
    exp.Star: Reading.star,
    exp.Subquery: Reading.subquery,
    exp.Table: Reading.table,
    exp.TableAlias: Reading.table_alias,
    exp.Var: Reading.variable,
    exp.Window: Reading.window,
    exp.WindowSpec: Reading.frame,
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul), Reading.arithmetic),
    **dict.fromkeys((exp.And, exp.Or), Reading.connector),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.Like), Reading.compared),
    **dict.fromkeys(_SET_OPERATIONS, Reading.set_operation),
}


_Shape = tuple[bool, tuple[str, ...], tuple[str, ...], Check | None]
"""Whether nodes of one kind with certain arguments are plain SQL, which of the arguments must be empty then, the order to bring
them into (none if they are in order), and what else there is to check."""

_SHAPES: dict[tuple[object, ...], _Shape] = {}


def _shape(kind: type[exp.Expr], names: tuple[str, ...]) -> _Shape:
    form = _FORMS.get(kind)
    if form is None:
        return False, (), (), None
    surplus = tuple(name for name in names if name not in form)
    placed = [name for name in form if name in names]
    order = () if [name for name in names if name in form] == placed else (*placed, *surplus)
    return True, surplus, order, _CHECKS.get(kind)


def _reorder(node: exp.Expr, order: Sequence[str]) -> None:
    arguments = {name: node.args[name] for name in order}
    node.args.clear()
    node.args.update(arguments)


def _level(node: exp.Expr) -> int:
    return _LEVELS.get(type(node), _ATOM)


def _hang_left(node: exp.Connector) -> None:
    """Turn ``a AND (b AND c)``, printed without parentheses, into ``(a AND b) AND c``."""
    operands: list[exp.Expr] = []
    pending = [node.expression, node.this]
    while pending:
        operand = pending.pop()
        if type(operand) is type(node):
            pending += [operand.expression, operand.this]
        else:
            operands.append(operand)
    first, *others, last = operands
    for operand in others:
        first = type(node)(this=first, expression=operand)
    node.set("this", first)
    node.set("expression", last)


def _branch(query: exp.Expr) -> bool:
    """Whether a branch of a set operation needs no parentheses, or has them."""
    if isinstance(query, exp.Select):
        return not any(query.args.get(clause) for clause in ("order", "limit", "offset", "with_"))
    return isinstance(query, exp.Subquery)


@lru_cache(maxsize=256)
def _reads_back(kind: exp.DType, sizes: tuple[str, ...], dialect: str) -> bool:
    """Whether a data type is read as what it was printed as."""
    sized = exp.DataType(this=kind, expressions=[exp.DataTypeParam(this=exp.Literal.number(size)) for size in sizes])
    return exp.DataType.build(sized.sql(dialect), dialect=dialect) == sized
