"""Readers of a derived table or common table expression whose filters the table may apply itself."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import NONE_NEEDED, Facts, Premises, Source
from querywright.sql.failures import may_fail
from querywright.sql.predicates import conjunction, conjuncts, set_where, where_conjuncts
from querywright.sql.trees import copied
from querywright.transforms._filter_passage import premises_inside


@dataclass(frozen=True)
class Reader:
    """A FROM entry that reads a query, and the conjuncts of WHERE or ON that filter its rows inside of the query as well.

    That they may do so rests on ``premises``.
    """

    select: exp.Select
    source: Source
    filters: tuple[exp.Expr, ...]
    premises: Premises

    @property
    def key(self) -> frozenset[str]:
        """The filters, whatever the alias of the reader."""
        return frozenset(predicate.sql() for predicate in self.shared_filters())

    def shared_filters(self) -> list[exp.Expr]:
        """The filters over the output columns of the query."""
        return [_without_alias(predicate) for predicate in self.filters]


def filtered_reader(select: exp.Select, source: Source, facts: Facts) -> Reader:
    """``source`` with the conjuncts that reject its rows wherever they come to stand, and that the query can apply itself."""
    filters: list[exp.Expr] = []
    premises = NONE_NEEDED
    on = source.join.args.get("on") if source.join is not None and source.join.kind in ("", "INNER") else None
    own = source.join is not None and source.join.side == ("LEFT" if source.nullable else "")
    candidates = [*([] if source.nullable else where_conjuncts(select)), *(conjuncts(on) if own else [])]
    assert source.query is not None
    for predicate in candidates:
        columns = list(predicate.find_all(exp.Column))
        if not columns or any(column.table != source.alias or facts.home(column) is not select for column in columns):
            continue
        if predicate.find(exp.Query, exp.AggFunc, exp.Window) or not facts.deterministic(predicate):
            continue
        proof = premises_inside(source.query, predicate, facts)
        if not may_fail(predicate, facts.dialect) and not isinstance(proof, str):
            filters.append(predicate)
            premises |= proof
    return Reader(select, source, tuple(filters), premises)


def _without_alias(predicate: exp.Expr) -> exp.Expr:
    copy = copied(predicate)
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy


def drop_filters(reader: Reader) -> None:
    """Remove the filters of a reader whose query applies them."""

    def remaining(predicates: list[exp.Expr]) -> list[exp.Expr]:
        return [predicate for predicate in predicates if not any(predicate is own for own in reader.filters)]

    join = reader.source.join
    if join is not None and join.args.get("on") is not None:
        join.set("on", conjunction([part.copy() for part in remaining(conjuncts(join.args["on"]))]) or exp.true())
    kept = remaining(where_conjuncts(reader.select))
    if len(kept) < len(where_conjuncts(reader.select)):
        set_where(reader.select, kept)
