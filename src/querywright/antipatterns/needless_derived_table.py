"""Wraps a table into a derived table that only names columns and filters rows.

Cost: engines that do not merge it store its rows first and lose their indexes and statistics; everyone reads one level more.
Why: queries are built inside out, one working step around the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns._blocks import only_source, plain
from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts

SEVERITY: Severity = "low"
CURES: tuple[str, ...] = ("merge_derived_table",)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Derived tables of plain columns, without filters of their own or as all that the enclosing block reads."""
    for select in facts.selects():
        for source in facts.sources(select).values():
            body = source.query
            if not isinstance(source.node, exp.Subquery) or not isinstance(body, exp.Select) or not plain(body):
                continue
            named = all(isinstance(projection.unalias(), exp.Column) for projection in body.expressions)
            bare = body.args.get("where") is None and only_source(body, facts) is not None
            if named and body.args.get("from_") and (bare or only_source(select, facts) is not None):
                yield Occurrence(source.node, f"{source.alias} does nothing that the block around it could not do")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``(SELECT a, b FROM t) AS t`` for ``t``."""
    for select in facts.selects():
        for source in facts.sources(select).values():
            columns = {column.name: column for column in facts.references(select, source.alias)}
            if source.table is None or not isinstance(source.node, exp.Table) or not columns:
                continue
            body = exp.Select(expressions=[column.copy() for column in columns.values()], from_=exp.From(this=source.node.copy()))
            source.node.replace(exp.Subquery(this=body, alias=exp.TableAlias(this=exp.to_identifier(source.alias))))
            return query
    return None
