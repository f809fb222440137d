"""The small mistakes that `querywright.verification.mutate` makes in a query, one rule for each kind.

The operators of Tuya, Suárez-Cabal and de la Riva, "Mutating database queries" (2007), and those that rewriting by hand adds:
functions left out, literals off by one, other date parts, other window frames.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from sqlglot import exp

from querywright.sql.predicates import conjunction, conjuncts
from querywright.verification.terms import kind_of

Rule = Callable[[exp.Expr], Iterator[exp.Expr]]
"""Yields replacements of a node, which itself stays as it is."""

_OPPOSITE: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.GT: exp.GTE,
    exp.GTE: exp.GT,
    exp.EQ: exp.GTE,
    exp.NEQ: exp.GT,
}
_AGGREGATES: dict[type[exp.Expr], type[exp.Expr]] = {exp.Min: exp.Max, exp.Max: exp.Min, exp.Sum: exp.Avg, exp.Avg: exp.Sum}
_OPERATORS: dict[type[exp.Expr], type[exp.Expr]] = {exp.Add: exp.Sub, exp.Sub: exp.Add, exp.Mul: exp.Div, exp.Div: exp.Mul}
_RANKS: dict[type[exp.Expr], type[exp.Expr]] = {exp.Rank: exp.DenseRank, exp.DenseRank: exp.Rank, exp.RowNumber: exp.Rank}
_DATE_PARTS = {
    "YEAR": "QUARTER",
    "QUARTER": "MONTH",
    "MONTH": "QUARTER",
    "WEEK": "MONTH",
    "DAY": "WEEK",
    "HOUR": "MINUTE",
    "MINUTE": "HOUR",
    "SECOND": "MINUTE",
    "DOW": "ISODOW",
    "ISODOW": "DOW",
}
_LEFT_OUT = (exp.Func, exp.Neg)
_NO_SCALARS = (exp.AggFunc, exp.Case, exp.If, exp.Connector, exp.Exists, exp.Any, exp.All, exp.Window, exp.Coalesce)
_NO_NUMBERS = (exp.DataTypeParam, exp.Ordered, exp.Group, exp.Interval)
_FORMATS = (exp.Interval, exp.DataType, exp.Extract, exp.Escape)


def _with(node: exp.Expr, **arguments: object) -> exp.Expr:
    """A copy of ``node`` with some arguments replaced."""
    copy = node.copy()
    for name, value in arguments.items():
        copy.set(name, value)
    return copy


def _join_side(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Join) and node.args.get("on") is not None:
        if node.side:
            yield _with(node, side=None)
        elif node.kind in ("", "INNER"):
            yield _with(node, kind=None, side="LEFT")


def _boundary(node: exp.Expr) -> Iterator[exp.Expr]:
    if type(node) in _OPPOSITE:
        if isinstance(node, (exp.EQ, exp.NEQ)) and all(any(side.find_all(exp.Column)) for side in (node.this, node.expression)):
            return  # a join condition: another comparison there is no mistake of rewriting
        yield _OPPOSITE[type(node)](this=node.this.copy(), expression=node.expression.copy())
    elif isinstance(node, exp.Between):
        this, low, high = node.this, node.args["low"], node.args["high"]
        for below, above in ((exp.GT, exp.LTE), (exp.GTE, exp.LT)):
            bounds = (below(this=this.copy(), expression=low.copy()), above(this=this.copy(), expression=high.copy()))
            yield exp.Paren(this=exp.And(this=bounds[0], expression=bounds[1]))


def _duplicates(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Select):
        if node.args.get("distinct") is not None:
            yield _with(node, distinct=None)
        elif node.args.get("group") is None and not any(projection.find(exp.AggFunc) for projection in node.expressions):
            yield _with(node, distinct=exp.Distinct())
    elif isinstance(node, exp.Union):
        yield _with(node, distinct=not node.args.get("distinct"))
    elif isinstance(node, exp.AggFunc) and isinstance(node.this, exp.Distinct) and len(node.this.expressions) == 1:
        yield _with(node, this=node.this.expressions[0].copy())
    elif isinstance(node, (exp.Sum, exp.Avg)) and not isinstance(node.parent, exp.Window):
        yield _with(node, this=exp.Distinct(expressions=[node.this.copy()]))


def _aggregate(node: exp.Expr) -> Iterator[exp.Expr]:
    if type(node) in _AGGREGATES and not node.expressions:
        yield _AGGREGATES[type(node)](this=node.this.copy())
    elif isinstance(node, exp.Count) and isinstance(node.this, exp.Column):
        yield exp.Count(this=exp.Star(), big_int=True)
        yield exp.Count(this=exp.Distinct(expressions=[node.this.copy()]), big_int=True)
    elif isinstance(node, exp.Count) and isinstance(node.this, exp.Star) and not isinstance(node.parent, exp.Window):
        block = node.parent_select
        columns = [column for column in block.find_all(exp.Column) if column.parent_select is block] if block else []
        yield from (exp.Count(this=exp.Distinct(expressions=[column.copy()]), big_int=True) for column in columns[:3])
    elif type(node) in _RANKS:
        yield _RANKS[type(node)]()


def _dropped_conjunct(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.And) and not isinstance(node.parent, exp.And):
        parts = conjuncts(node)
        for index in range(len(parts)):
            rest = conjunction(part.copy() for position, part in enumerate(parts) if position != index)
            if rest is not None:
                yield rest
    elif isinstance(node, exp.Select):
        for clause in ("where", "having", "qualify"):
            # Of several conditions one is dropped: without all of them, the rows of comma joins would multiply.
            if node.args.get(clause) is not None and not isinstance(node.args[clause].this, exp.And):
                yield _with(node, **{clause: None})


def _number(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Literal) and not node.is_string and not isinstance(node.parent, _NO_NUMBERS):
        if node.name.isdigit():
            yield exp.Literal.number(int(node.name) + 1)
        elif node.name.replace(".", "", 1).isdigit():
            yield exp.Literal.number(node.name + "1")


def _text(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Literal) and node.is_string and not isinstance(node.parent, _FORMATS) and _day(node.name) is None:
        if node.name.upper() != node.name.lower() and not isinstance(node.parent, (exp.Func, exp.Anonymous)):
            yield exp.Literal.string(node.name.swapcase())
        yield exp.Literal.string(node.name[:-1] if len(node.name) > 1 else node.name + "a")


def _date(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Literal) and node.is_string and (day := _day(node.name)) is not None:
        moment = datetime.datetime.fromisoformat(node.name)
        if moment.time() != datetime.time() and moment.year < datetime.MAXYEAR:
            yield exp.Literal.string((moment + datetime.timedelta(seconds=1)).isoformat(" "))
        for number in (day.toordinal() + 1, day.toordinal() - 1):
            if 1 <= number <= datetime.date.max.toordinal():
                yield exp.Literal.string(str(datetime.date.fromordinal(number)) + node.name[10:])


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.datetime.fromisoformat(text).date()
    except ValueError:
        return None


def _interval(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Interval) and isinstance(node.this, exp.Literal) and node.this.name.isdigit():
        yield _with(node, this=exp.Literal.string(str(int(node.this.name) + 1)))


def _date_part(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Var) and isinstance(node.parent, (exp.TimestampTrunc, exp.DateTrunc, exp.Extract, exp.DateDiff)):
        if node.name.upper() in _DATE_PARTS:
            yield exp.Var(this=_DATE_PARTS[node.name.upper()])
    elif isinstance(node, (exp.Year, exp.Month, exp.Day)):
        yield (exp.Month if isinstance(node, exp.Year) else exp.Year)(this=node.this.copy())


def _function(node: exp.Expr) -> Iterator[exp.Expr]:
    """The argument of a function of one column, without the function."""
    if isinstance(node, exp.Cast) and kind_of(node.to.sql()) in ("decimal", "float"):
        return
    if isinstance(node, _LEFT_OUT) and not isinstance(node, _NO_SCALARS) and len(list(node.find_all(exp.Column))) == 1:
        inner = next((child for child in node.iter_expressions() if child.find(exp.Column) is not None), None)
        if inner is not None:
            yield inner.copy()


def _pattern(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, (exp.Like, exp.ILike)):
        other = exp.ILike if isinstance(node, exp.Like) else exp.Like
        yield other(this=node.this.copy(), expression=node.expression.copy())
        if isinstance(node.expression, exp.Literal):
            text = node.expression.name
            for bare in (text.removeprefix("%"), text.removesuffix("%")):
                yield _with(node, expression=exp.Literal.string(bare))


def _operator(node: exp.Expr) -> Iterator[exp.Expr]:
    if type(node) in _OPERATORS:
        yield exp.Paren(this=_OPERATORS[type(node)](this=node.this.copy(), expression=node.expression.copy()))


def _negation(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null) and not isinstance(node.parent, exp.Not):
        yield exp.Not(this=node.copy())
    elif isinstance(node, exp.Not) and isinstance(node.this, (exp.Is, exp.Exists, exp.In)):
        yield node.this.copy()
    elif isinstance(node, exp.Exists) and not isinstance(node.parent, exp.Not):
        yield exp.Not(this=node.copy())


def _null(node: exp.Expr) -> Iterator[exp.Expr]:
    """What a NULL is taken for: another default, none, or no row at all."""
    if isinstance(node, exp.Coalesce) and node.expressions:
        yield node.this.copy()
    elif isinstance(node, exp.NEQ) or (isinstance(node, exp.Not) and isinstance(node.this, (exp.In, exp.Like, exp.Between))):
        column = node.find(exp.Column)
        if column is not None:
            unknown = exp.Is(this=column.copy(), expression=exp.Null())
            yield exp.Paren(this=exp.Or(this=node.copy(), expression=unknown))
    elif isinstance(node, exp.Sum) and not isinstance(node.parent, (exp.Window, exp.Filter, exp.Coalesce)):
        yield exp.Coalesce(this=node.copy(), expressions=[exp.Literal.number(0)])
    elif isinstance(node, exp.Select) and not any(node.args.get(clause) for clause in ("where", "joins", "group", "distinct")):
        columns = [bare for projection in node.expressions if isinstance(bare := projection.unalias(), exp.Column)]
        for column in columns[-2:]:
            kept = exp.Not(this=exp.Is(this=column.copy(), expression=exp.Null()))
            yield _with(node, where=exp.Where(this=kept))


def _group_key(node: exp.Expr) -> Iterator[exp.Expr]:
    """MIN over a column and one grouping key less: groups that differ in that key only are merged."""
    if not isinstance(node, exp.Select) or node.args.get("group") is None:
        return
    keys = node.args["group"].expressions
    for index, key in enumerate(keys):
        if len(keys) < 2 or not isinstance(key, exp.Column):
            continue
        copy = node.copy()
        copy.args["group"].set("expressions", [other.copy() for position, other in enumerate(keys) if position != index])
        for projection in list(copy.expressions):
            bare = projection.unalias()
            if isinstance(bare, exp.Column) and bare.name == key.name:
                name = projection.alias_or_name
                projection.replace(exp.alias_(exp.Min(this=bare.copy()), name))
        yield copy


def _sort_direction(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Ordered) and isinstance(node.parent, exp.Order):
        yield _with(node, desc=not node.args.get("desc"))


def _alternative(node: exp.Expr) -> Iterator[exp.Expr]:
    """One operand of OR, one item of IN or one branch of CASE less."""
    if isinstance(node, exp.Or):
        yield from (node.this.copy(), node.expression.copy())
    elif isinstance(node, exp.In) and len(node.expressions) > 1:
        yield _with(node, expressions=[item.copy() for item in node.expressions[1:]])
        yield _with(node, expressions=[item.copy() for item in node.expressions[:-1]])
    elif isinstance(node, exp.Case):
        if len(node.args["ifs"]) > 1:
            yield _with(node, ifs=[branch.copy() for branch in node.args["ifs"][1:]])
        if node.args.get("default") is not None:
            yield _with(node, default=None)


def _frame(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.WindowSpec):
        # The bounds of a RANGE frame that counts are values, not rows.
        unbounded = all(not isinstance(node.args.get(side), exp.Expression) for side in ("start", "end"))
        if unbounded and node.args.get("kind") in ("ROWS", "RANGE"):
            yield _with(node, kind="RANGE" if node.args["kind"] == "ROWS" else "ROWS")
        if node.args.get("start") == "UNBOUNDED":
            yield _with(node, start=exp.Literal.number(1))
    elif isinstance(node, exp.Window) and node.args.get("partition_by"):
        yield _with(node, partition_by=[])


def _rows(node: exp.Expr) -> Iterator[exp.Expr]:
    """One row and no others, or none skipped."""
    if isinstance(node, exp.Query) and not isinstance(node, exp.Subquery) and node.parent is None:
        single = node.args.get("group") is None and any(projection.find(exp.AggFunc) for projection in node.selects)
        if node.args.get("limit") is None and not single:
            yield _with(node, limit=exp.Limit(expression=exp.Literal.number(1)))
        if node.args.get("offset") is not None:
            yield _with(node, offset=None)


RULES: tuple[tuple[str, Rule], ...] = (
    ("join side", _join_side),
    ("boundary", _boundary),
    ("duplicates", _duplicates),
    ("aggregate", _aggregate),
    ("dropped condition", _dropped_conjunct),
    ("number", _number),
    ("function left out", _function),
    ("text", _text),
    ("date", _date),
    ("pattern", _pattern),
    ("interval", _interval),
    ("date part", _date_part),
    ("negation", _negation),
    ("NULL", _null),
    ("group key", _group_key),
    ("dropped alternative", _alternative),
    ("operator", _operator),
    ("sort direction", _sort_direction),
    ("window frame", _frame),
    ("missing rows", _rows),
)
