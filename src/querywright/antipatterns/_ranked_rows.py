"""Derived tables that rank the rows of a table within groups, and of which only the first of each group are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from querywright.antipatterns._blocks import only_source, plain, reread
from querywright.antipatterns._self_comparison import same_group
from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import set_where, where_conjuncts


@dataclass(frozen=True)
class RankedRows:
    """``body`` ranks the rows of ``table`` by ``value`` within ``groups``; the conjunct ``first`` keeps those of rank 1.

    No column that ranks or groups is ever NULL. Nothing but ``first`` reads the ``ranking``.
    """

    body: exp.Select
    table: Source
    ranking: exp.Expr
    first: exp.Expr
    value: exp.Column
    descending: bool
    groups: Sequence[exp.Column]

    def reread(self, value: exp.Expr, facts: Facts, *, ahead: bool = False) -> exp.Select:
        """``SELECT value`` from the rows of the same group, or from those ``ahead`` of the row in it."""
        links = same_group(self.groups)
        if ahead:
            beyond = exp.GT if self.descending else exp.LT
            links.append(beyond(this=exp.column(self.value.name), expression=self.value.copy()))
        return reread(self.table, self.body, value, links, facts)

    def keep(self, condition: exp.Expr) -> None:
        """Let ``condition`` choose the rows in place of the ranking."""
        around = self.first.parent_select
        assert around is not None
        self.body.set("expressions", [projection for projection in self.body.expressions if projection is not self.ranking])
        set_where(self.body, [*where_conjuncts(self.body), condition])
        set_where(around, [part for part in where_conjuncts(around) if part is not self.first])


def ranked_rows(facts: Facts) -> Iterator[RankedRows]:
    """In the order of the text."""
    for select in facts.selects():
        for source in facts.sources(select).values():
            body = source.query if isinstance(source.node, exp.Subquery) and not source.nullable else None
            table = only_source(body, facts) if isinstance(body, exp.Select) else None
            if not isinstance(body, exp.Select) or table is None or table.table is None or len(body.expressions) < 2:
                continue
            ranking = next((p for p in body.expressions if isinstance(p.unalias(), exp.Window)), None)
            first = _first_only(select, source.alias, ranking.alias_or_name) if ranking is not None else None
            bare = body.copy()
            bare.set("expressions", [p.copy() for p in body.expressions if p is not ranking])
            if ranking is None or first is None or not plain(bare) or any(p.find(exp.Query) for p in where_conjuncts(body)):
                continue
            window = ranking.unalias()
            order, groups = window.args.get("order"), window.args.get("partition_by") or []
            keys = order.expressions if order is not None else []
            if not isinstance(window.this, exp.Rank) or len(keys) != 1 or not groups:
                continue
            columns = [keys[0].this, *groups]
            if all(isinstance(column, exp.Column) and facts.not_null(column, body) is not None for column in columns):
                yield RankedRows(body, table, ranking, first, columns[0], bool(keys[0].args.get("desc")), groups)


def _first_only(select: exp.Select, alias: str, name: str) -> exp.Expr | None:
    """The conjunct ``alias.name = 1``, where nothing else mentions that column."""
    column = exp.column(name, alias)
    wanted = exp.EQ(this=column, expression=exp.Literal.number(1))
    uses = [node for node in select.find_all(exp.Column) if node == column]
    return next((part for part in where_conjuncts(select) if part == wanted), None) if len(uses) == 1 else None
