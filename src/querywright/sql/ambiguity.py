"""What makes the answer of a query depend on more than its data: chance, the clock, ties, the order of rows.

`ambiguities` lists every place where an engine is free to choose, `settling_premises` the keys without which there would be more
of them. Chance (``random``) makes a query unverifiable, the clock can be frozen with `freeze`; all other kinds leave a set of
valid answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlglot import exp

from querywright.sql.correlation import grouped
from querywright.sql.facts import Facts, Premises
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.order import order_sensitive_calls
from querywright.sql.predicates import ColumnKey, column_key, unwrap
from querywright.sql.volatility import clock_words, frozen_calls, function_name, moments, random_calls, reads_clock
from querywright.values import Premise

AmbiguityKind = Literal["random", "clock", "limit", "distinct_on", "window_ties", "row_order", "any_value", "sample"]

_TIE_SENSITIVE = (exp.RowNumber, exp.Ntile, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Lag, exp.Lead)
_UNGROUPED_COLUMNS = ("sqlite", "mysql")
_FLOATING_TYPES = (exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE)
_CLOCK_TYPES: dict[str, str] = {
    "current_date": "DATE",
    "today": "DATE",
    "current_time": "TIME",
    "current_timestamp": "TIMESTAMP",
    "current_datetime": "TIMESTAMP",
}


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A place where the engine may choose. ``top_level``: it is the outermost LIMIT, which the caller sees as a choice of rows.

    ``reason`` is a sentence for the user.
    """

    kind: AmbiguityKind
    reason: str
    top_level: bool = False


_Place = tuple[Ambiguity, Premises | None]
"""Where the engine may choose, unless the premises hold; None where it may in any case."""


def ambiguities(facts: Facts) -> list[Ambiguity]:
    """Everything that keeps the answer of ``facts.tree`` from being a function of the data."""
    return list(dict.fromkeys(found for found, premises in _places(facts) if not _guaranteed(premises)))


def settling_premises(facts: Facts) -> Premises:
    """The promises of the schema without which the engine would have a choice, such as a key that a LIMIT sorts by."""
    settled = (premises for _, premises in _places(facts) if premises is not None and _guaranteed(premises))
    return frozenset[Premise]().union(*settled)


def _places(facts: Facts) -> Iterator[_Place]:
    tree = facts.tree
    found = [Ambiguity("random", f"It calls {name}(), which is random.") for name in sorted(random_calls(tree))]
    found += [Ambiguity("clock", f"It reads the clock with {name}.") for name in sorted(frozen_calls(tree))]
    if any(tree.find_all(exp.TableSample)):
        found.append(Ambiguity("sample", "It reads a random sample of a table."))
    yield from ((one, None) for one in found)
    for block in tree.find_all(exp.Query, bfs=False):
        yield from _limits(facts, block)
        if isinstance(block, exp.Select):
            yield from _choices(facts, block)


def _limits(facts: Facts, block: exp.Query) -> Iterator[_Place]:
    cut = {name: block.args.get(name) for name in ("limit", "offset")}
    if isinstance(block, exp.Subquery) or not any(cut.values()):
        return
    # A result of one row is trivially ordered, the choice of that row is not: look at the order before the LIMIT.
    for name in cut:
        block.set(name, None)
    whole = Facts(facts.tree, facts.schema, facts.dialect)
    total = whole.total_order(block)
    if not _guaranteed(total):
        total = whole.unique(block, ())
    for name, node in cut.items():
        block.set(name, node)
    top = block is facts.tree
    where = "The LIMIT" if top else "A LIMIT inside the query"
    ordered = "may cut through ties of its ORDER BY" if block.args.get("order") else "has no ORDER BY"
    yield Ambiguity("limit", f"{where} {ordered}.", top), total


def _choices(facts: Facts, select: exp.Select) -> Iterator[_Place]:
    distinct = select.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        order = select.args.get("order")
        keys = [ordered.this for ordered in order.expressions] if order is not None else []
        yield Ambiguity("distinct_on", "DISTINCT ON keeps one of several rows."), _identifying(facts, select, keys)
    for window in select.find_all(exp.Window):
        if window.parent_select is select and window.args.get("order") is not None and _tie_sensitive(window):
            keys = [ordered.this for ordered in window.args["order"].expressions]
            premises = _identifying(facts, select, [*(window.args.get("partition_by") or []), *keys])
            yield Ambiguity("window_ties", f"{window.this.sql(facts.dialect)} runs over an order with ties."), premises
    for column, premises in _ungrouped_columns(facts, select):
        reason = f"{column.sql(facts.dialect)} is neither grouped nor aggregated: its value comes from any row."
        yield Ambiguity("any_value", reason), premises
    for call in order_sensitive_calls(select):
        keys = [ordered.this for ordered in call.find_all(exp.Ordered)]
        premises = _identifying(facts, select, keys) if keys else None
        if isinstance(call, exp.AnyValue) or function_name(call) in ("any_value", "arbitrary", "first", "last"):
            yield Ambiguity("any_value", f"{call.sql(facts.dialect)} picks a value from any row."), premises
        else:
            yield Ambiguity("row_order", f"{call.sql(facts.dialect)} depends on the order of rows."), premises


def _ungrouped_columns(facts: Facts, select: exp.Select) -> list[tuple[exp.Column, Premises | None]]:
    """Columns of a grouped block outside of its keys and aggregates, as some engines allow them, and premises under which its
    GROUP BY determines them.
    """
    if facts.dialect not in _UNGROUPED_COLUMNS or not grouped(select) or has_grouping_sets(select):
        return []
    group = select.args.get("group")
    keys: list[exp.Expr] = [unwrap(key) for key in group.expressions] if group is not None else []
    known, premises = facts.determined(select, [column_key(key) for key in keys if isinstance(key, exp.Column)])
    texts = {key.sql(facts.dialect) for key in keys}

    def settled(node: exp.Expr) -> bool:
        return node.sql(facts.dialect) in texts or (isinstance(node, (exp.AggFunc, exp.Filter)) and node.parent_select is select)

    shown = [*select.expressions, *(part for clause in ("having", "order") if (part := select.args.get(clause)) is not None)]
    read = [node for part in shown for node in part.walk(prune=settled) if isinstance(node, exp.Column) and not settled(node)]
    return [(column, premises if column_key(column) in known else None) for column in read if facts.home(column) is select]


def _tie_sensitive(window: exp.Window) -> bool:
    spec = window.args.get("spec")
    by_rows = spec is not None and str(spec.args.get("kind", "")).upper() == "ROWS"
    function = window.this
    while isinstance(function, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter)):
        function = function.this
    whole = by_rows and spec is not None and spec.args.get("start") == "UNBOUNDED" and spec.args.get("end") == "UNBOUNDED"
    if isinstance(function, _TIE_SENSITIVE):
        return True
    return by_rows and not whole


def _identifying(facts: Facts, select: exp.Select, keys: list[exp.Expr]) -> Premises | None:
    """Premises under which ``keys`` tell apart any two rows that the windows or aggregates of ``select`` range over."""
    columns: set[ColumnKey] = {column_key(bare) for key in keys if isinstance(bare := unwrap(key), exp.Column)}
    known, premises = facts.determined(select, columns)
    group = select.args.get("group")
    if group is not None:
        texts = {key.sql(facts.dialect) for key in keys}
        whole = not has_grouping_sets(select) and all(
            (isinstance(bare := unwrap(entry), exp.Column) and column_key(bare) in known) or bare.sql(facts.dialect) in texts
            for entry in group.expressions
        )
        return premises if whole else None
    sources = facts.sources(select)
    if not sources or select.args.get("laterals"):
        return None
    if any(source.join is not None and source.join.side in ("RIGHT", "FULL") for source in sources.values()):
        return None
    for source in sources.values():
        unique = facts.unique_source(source, {name for alias, name in known if alias == source.alias})
        if unique is None:
            return None
        premises |= unique
    return premises


def _guaranteed(premises: Premises | None) -> bool:
    """A key that only the data of today satisfies makes no order total."""
    return premises is not None and all(premise.basis in ("enforced", "declared") for premise in premises)


def floating_columns(tree: exp.Query, *, exact_decimals: bool = True) -> frozenset[int]:
    """Positions of output columns of a typed tree that are computed in floating point, or whose type is not known.

    Where the engine has no exact decimals (SQLite), DECIMAL columns count as floating.
    """
    inexact = {*_FLOATING_TYPES} if exact_decimals else {*_FLOATING_TYPES, *exp.DataType.REAL_TYPES}
    branches = [branch for branch in _branches(tree) if isinstance(branch, exp.Select)]
    return frozenset(
        position
        for branch in branches
        for position, projection in enumerate(branch.selects)
        if projection.type is None or projection.type.this in inexact or projection.type.this is exp.DataType.Type.UNKNOWN
    )


def _branches(tree: exp.Query) -> Iterator[exp.Query]:
    if isinstance(tree, exp.SetOperation):
        yield from _branches(tree.left)
        yield from _branches(tree.right)
    elif isinstance(tree, exp.Subquery) and isinstance(tree.this, exp.Query):
        yield from _branches(tree.this)
    else:
        yield tree


def freeze(tree: exp.Query, moment: datetime, dialect: str = "") -> exp.Query:
    """A copy of ``tree`` in which every reading of the clock is replaced by the literal ``moment``.

    In SQLite that is text to the second, as its own functions give it, in place of each 'now' too.
    """
    textual = dialect == "sqlite"
    moment = moment.replace(microsecond=0) if textual else moment
    whole = exp.Literal.string(moment.isoformat(" "))

    def stopped(node: exp.Expr) -> exp.Expr:
        if not reads_clock(node):
            return node
        if moments(node) is not None:
            for word in clock_words(node):
                word.replace(whole.copy())
            if not moments(node) and isinstance(node, exp.Anonymous):
                node.append("expressions", whole.copy())
            elif not moments(node):
                node.set("this", whole.copy())
            return node
        kind = _CLOCK_TYPES.get(function_name(node), "TIMESTAMP")
        text = {"DATE": moment.date().isoformat(), "TIME": moment.time().isoformat()}.get(kind, whole.name)
        literal = exp.Literal.string(text)
        return literal if textual else exp.Cast(this=literal, to=exp.DataType.build(kind))

    frozen = tree.transform(stopped)
    assert isinstance(frozen, exp.Query)
    return frozen
