"""Dates plus and minus intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.verification.proof.kinds import TIMES, Unsupported, kind_of_type
from querywright.verification.proof.moments import moment, shifted
from querywright.verification.proof.scope import Scope
from querywright.verification.proof.terms import Call, Constant, Term

if TYPE_CHECKING:
    from querywright.verification.proof.scalars import Scalars

_MOMENT_PLUS_INTERVAL = {"duckdb", "postgres"}
"""Where a date plus an interval is a timestamp."""

_SIGNS: dict[type[exp.Expr], int] = {exp.DateAdd: 1, exp.DateSub: -1, exp.Add: 1, exp.Sub: -1}


def shift(scalars: Scalars, node: exp.Expr, scope: Scope) -> Term:
    """A date plus or minus an interval, folded where both are constant."""
    start = scalars.term(node.this, scope)
    interval = node.expression
    amount, unit = interval, node.args.get("unit")
    if isinstance(interval, exp.Interval):
        amount, unit = interval.this, interval.args.get("unit")
    if isinstance(start, Constant) and isinstance(start.value, str):
        start = moment(start.value, "date", scalars.dialect) or start
    if isinstance(start, Constant) and start.kind in TIMES and isinstance(amount, exp.Literal) and amount.name.isdigit():
        whole = scalars.dialect not in _MOMENT_PLUS_INTERVAL
        kind = start.kind if whole or not isinstance(interval, exp.Interval) else "timestamp"
        moved = shifted(start, _SIGNS[type(node)] * int(amount.name), unit.name if unit is not None else "DAY", kind)
        if moved is not None:
            return moved
    text = interval.sql(scalars.dialect) + (f":{unit.name}" if unit is not None else "")
    if list(interval.find_all(exp.Column)):
        raise Unsupported("an interval that depends on a column")
    kind = kind_of_type(node.type, scalars.dialect)
    if start.kind in TIMES and isinstance(interval, exp.Interval) and scalars.dialect in _MOMENT_PLUS_INTERVAL:
        kind = "timestamp"
    return Call(f"strict:{node.key}:{text}", (start,), kind)
