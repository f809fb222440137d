"""Proves that two queries of the same columns have no row in common, by predicates that cannot both be true.

Predicates count on values of the output (two different constants, ``x = 1`` against ``x = 2``), and where both blocks output
the key of a table at the same places: equal rows then come from the same row of that table, and all its columns are equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlglot import exp

from querywright.sql.facts import Facts, Premises
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import ColumnKey, column_key, conjuncts, null_rejected_columns, unwrap, where_conjuncts
from querywright.sql.volatility import deterministic
from querywright.values import Premise

_FLOAT_DIGITS = Decimal("1e-6")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {exp.LT: exp.GT, exp.LTE: exp.GTE, exp.GT: exp.LT, exp.GTE: exp.LTE}


def disjoint(facts: Facts, left: exp.Query, right: exp.Query) -> Premises | None:
    """Premises under which no row of ``left`` equals a row of ``right``, NULLs counted as equal; None if not known."""
    premises: set[Premise] = set()
    for first in branches(left):
        for second in branches(right):
            proof = _disjoint_blocks(facts, first, second)
            if proof is None:
                return None
            premises |= proof
    return frozenset(premises)


def exclusive(first: exp.Expr, second: exp.Expr) -> bool:
    """Whether two predicates over the same columns can be seen to be never true of the same row."""
    return _exclude(unwrap(first), second)


def branches(query: exp.Query) -> Iterator[exp.Query]:
    """The blocks whose rows a chain of UNIONs collects."""
    inner = query.unnest() if isinstance(query, exp.Subquery) else query
    if isinstance(inner, exp.Union) and not inner.args.get("by_name"):
        yield from branches(inner.left)
        yield from branches(inner.right)
    elif isinstance(inner, exp.Query):
        yield inner


def _disjoint_blocks(facts: Facts, left: exp.Query, right: exp.Query) -> Premises | None:
    if not isinstance(left, exp.Select) or not isinstance(right, exp.Select) or len(left.selects) != len(right.selects):
        return None
    if has_grouping_sets(left) or has_grouping_sets(right):
        return None
    pairs: dict[ColumnKey, ColumnKey] = {}
    for first, second in zip(map(_bare, left.selects), map(_bare, right.selects), strict=True):
        if _differ(first, second):
            return frozenset()
        if isinstance(first, exp.Column) and isinstance(second, exp.Column) and first.type == second.type:
            pairs[column_key(first)] = column_key(second)
    filters = list(_filters(left)), list(_filters(right))
    if _contradict(pairs, *filters):
        return frozenset()
    premises = _same_rows(facts, left, right, pairs)
    return premises if premises and _contradict(pairs, *filters) else None


def _bare(projection: exp.Expr) -> exp.Expr:
    return unwrap(projection.this if isinstance(projection, exp.Alias) else projection)


def _filters(select: exp.Select) -> Iterator[exp.Expr]:
    """Predicates that hold for every joined row."""
    joins: list[exp.Join] = select.args.get("joins") or []
    yield from where_conjuncts(select)
    if all(join.side == "" and join.kind in ("", "INNER", "CROSS") for join in joins):
        for join in joins:
            yield from conjuncts(join.args.get("on"))


def _same_rows(facts: Facts, left: exp.Select, right: exp.Select, pairs: dict[ColumnKey, ColumnKey]) -> Premises:
    """Adds to ``pairs`` all columns of tables whose key both blocks output at the same places; the premises for it."""
    used: set[Premise] = set()
    if left.args.get("group") or right.args.get("group"):
        return frozenset()
    for first in facts.sources(left).values():
        for second in facts.sources(right).values():
            if first.table is None or first.table is not second.table:
                continue
            shared = [a[1] for a, b in pairs.items() if (first.alias, second.alias) == (a[0], b[0]) and a[1] == b[1]]
            proof = facts.unique_source(first, shared)
            if proof is None:
                continue
            used |= proof
            for column in first.table.columns:
                pairs.setdefault((first.alias, column.name.lower()), (second.alias, column.name.lower()))
    return frozenset(used)


def _contradict(pairs: dict[ColumnKey, ColumnKey], left: list[exp.Expr], right: list[exp.Expr]) -> bool:
    """Whether one predicate of each side cannot both be true where the paired columns are equal."""
    return any(_exclude(_renamed(first, pairs), second) for first in left for second in right)


def _renamed(predicate: exp.Expr, pairs: dict[ColumnKey, ColumnKey]) -> exp.Expr | None:
    """The predicate over the other side's columns; None where it has more than those, or is no function of them."""
    if predicate.find(exp.Query) or not deterministic(predicate):
        return None
    copy = unwrap(predicate).copy()
    for column in list(copy.find_all(exp.Column)):
        target = pairs.get(column_key(column))
        if target is None:
            return None
        column.set("table", exp.to_identifier(target[0]))
        column.set("this", exp.to_identifier(target[1]))
    return copy


def _exclude(first: exp.Expr | None, second: exp.Expr) -> bool:
    if first is None:
        return False
    second = unwrap(second)
    if _negates(first, second) or _negates(second, first):
        return True
    for this, other in ((first, second), (second, first)):
        if isinstance(this, exp.Is) and isinstance(this.expression, exp.Null) and isinstance(this.this, exp.Column):
            return column_key(this.this) in null_rejected_columns(other)
    mine, theirs = _domain(first), _domain(second)
    return mine is not None and theirs is not None and mine.subject == theirs.subject and mine.excludes(theirs)


def _negates(first: exp.Expr, second: exp.Expr) -> bool:
    if isinstance(first, exp.Not) and unwrap(first.this) == second:
        return True
    return isinstance(first, exp.NEQ) and isinstance(second, exp.EQ) and first.args == second.args


@dataclass(frozen=True)
class _Domain:
    """What a predicate says about ``subject``: one of ``values``, none of ``excluded``, or within bounds (value, inclusive)."""

    subject: exp.Expr
    values: tuple[exp.Expr, ...] = ()
    excluded: tuple[exp.Expr, ...] = ()
    low: tuple[exp.Expr, bool] | None = None
    high: tuple[exp.Expr, bool] | None = None

    def excludes(self, other: _Domain) -> bool:
        """Whether no value lies in both."""
        if self.values:
            return all(other._lacks(value) for value in self.values)
        if other.values:
            return all(self._lacks(value) for value in other.values)
        return _below(self.high, other.low) or _below(other.high, self.low)

    def _lacks(self, value: exp.Expr) -> bool:
        if self.values:
            return all(_differ(value, own) for own in self.values)
        point = (value, True)
        return value in self.excluded or _below(point, self.low) or _below(self.high, point)


def _domain(predicate: exp.Expr) -> _Domain | None:
    node = unwrap(predicate)
    if isinstance(node, exp.Not):
        inner = _domain(node.this)
        return _Domain(inner.subject, excluded=inner.values) if inner is not None and inner.values else None
    if isinstance(node, exp.In) and node.expressions and all(_fits(value, node.this) for value in node.expressions):
        return _Domain(unwrap(node.this), values=tuple(map(unwrap, node.expressions)))
    if isinstance(node, exp.Between) and _fits(node.args["low"], node.this) and _fits(node.args["high"], node.this):
        return _Domain(unwrap(node.this), low=(unwrap(node.args["low"]), True), high=(unwrap(node.args["high"]), True))
    if not isinstance(node, (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)):
        return None
    subject, value = unwrap(node.this), unwrap(node.expression)
    kind: type[exp.Expr] = type(node)
    if _constant(subject):
        subject, value, kind = value, subject, _MIRRORED.get(kind, kind)
    if not _fits(value, subject):
        return None
    if kind is exp.EQ:
        return _Domain(subject, values=(value,))
    if kind is exp.NEQ:
        return _Domain(subject, excluded=(value,))
    bound = (value, kind in (exp.LTE, exp.GTE))
    return _Domain(subject, high=bound) if kind in (exp.LT, exp.LTE) else _Domain(subject, low=bound)


def _constant(node: exp.Expr) -> bool:
    return _value(node) is not None


def _fits(node: exp.Expr, subject: exp.Expr) -> bool:
    """Whether ``node`` is a constant that comparing with ``subject`` does not convert: '1' and '01' are the same number."""
    value = _value(node)
    if value is None or _constant(subject):
        return False
    kind = unwrap(subject).type
    text = kind is not None and kind.is_type(*exp.DataType.TEXT_TYPES)
    return isinstance(value, Decimal) or text or bool(_DAY.fullmatch(value))


def _value(node: exp.Expr) -> Decimal | str | None:
    """The value of a literal, of a negative number, or of a text that is cast to a date."""
    bare = unwrap(node)
    if isinstance(bare, exp.Date) or (isinstance(bare, exp.Cast) and bare.to.is_type("date")):
        bare = unwrap(bare.this)
        return bare.name if isinstance(bare, exp.Literal) and _DAY.fullmatch(bare.name) else None
    if isinstance(bare, exp.Neg):
        inner = _value(bare.this)
        return -inner if isinstance(inner, Decimal) else None
    if isinstance(bare, exp.Literal):
        return bare.name if bare.is_string else Decimal(bare.name)
    return None


def _differ(first: exp.Expr, second: exp.Expr) -> bool:
    """Whether two constants differ under every collation and in every numeric type."""
    a, b = _value(first), _value(second)
    if isinstance(a, str) and isinstance(b, str):
        return a.isascii() and b.isascii() and a.strip().casefold() != b.strip().casefold()
    return isinstance(a, Decimal) and isinstance(b, Decimal) and _apart(a, b)


def _apart(a: Decimal, b: Decimal) -> bool:
    whole = a == a.to_integral_value() and b == b.to_integral_value()
    return a != b if whole else abs(a - b) > max(abs(a), abs(b)) * _FLOAT_DIGITS


def _below(high: tuple[exp.Expr, bool] | None, low: tuple[exp.Expr, bool] | None) -> bool:
    """Whether everything up to ``high`` lies before everything from ``low``. Texts are ordered only where they are days."""
    if high is None or low is None:
        return False
    a, b = _value(high[0]), _value(low[0])
    if a is None or b is None:
        return False
    if a == b:
        return not (high[1] and low[1])
    if isinstance(a, str) and isinstance(b, str):
        return bool(_DAY.fullmatch(a) and _DAY.fullmatch(b)) and a < b
    return isinstance(a, Decimal) and isinstance(b, Decimal) and a < b and _apart(a, b)
