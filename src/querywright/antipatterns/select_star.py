"""Reads every column of a table where the query names none.

Cost: a column store reads and materializes each column for its own; every row carries columns that nobody looks at through
    joins and sorts, no covering index serves the query, and a new column changes the result.
Why: it is short, it works while exploring, and nobody trims the list afterwards.
Uncured: an inner star costs nothing on engines that read only the columns in use, and of the outermost one only the caller
    knows which columns it needs.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.qualify import table_of

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ()


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Stars over base tables, outside of EXISTS; a star over a derived table repeats what was named there."""
    common = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    for select in query.find_all(exp.Select, bfs=False):
        if isinstance(select.parent, exp.Exists):
            continue
        sources = [node for node in _from_entries(select) if isinstance(node, exp.Table) and node.name.lower() not in common]
        for projection in select.expressions:
            if not projection.is_star or isinstance(projection, exp.Alias):
                continue
            wanted = projection.table.lower() if isinstance(projection, exp.Column) else ""
            for node in sources:
                table = table_of(node, facts.schema)
                if table is not None and wanted in ("", node.alias_or_name.lower()):
                    yield Occurrence(projection, f"reads all {len(table.columns)} columns of {table.name}")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``*`` for a list of all columns of a table, or for any columns of a table in a derived table."""
    for select in facts.selects():
        sources = list(facts.sources(select).values())
        columns = [projection.unalias() for projection in select.expressions]
        if len(sources) != 1 or sources[0].table is None or isinstance(select.parent, exp.Exists):
            continue
        named = all(isinstance(column, exp.Column) for column in columns)
        if not named or [column.name for column in columns] != select.named_selects:
            continue
        everything = [column.name for column in columns] == [column.name for column in sources[0].table.columns]
        if everything or _read_by_name(select):
            select.set("expressions", [exp.Star()])
            return query
    return None


def _from_entries(select: exp.Select) -> Iterator[exp.Expr]:
    start = select.args.get("from_")
    if start is not None:
        yield start.this
    for join in select.args.get("joins") or []:
        yield join.this


def _read_by_name(select: exp.Select) -> bool:
    """Whether further columns of ``select`` would go unnoticed: the rows are neither counted as distinct nor read by position."""
    parent = select.parent
    if select.args.get("distinct") is not None or not isinstance(parent, (exp.Subquery, exp.CTE)):
        return False
    alias = parent.args.get("alias")
    if alias is None or alias.args.get("columns"):
        return False
    if isinstance(parent, exp.CTE):
        return True
    return isinstance(parent.parent, (exp.From, exp.Join)) and not parent.args.get("pivots")
