"""Drops what is grouped by but never read, where the other grouping columns determine it.

What: ``GROUP BY p.id, p.name`` becomes ``GROUP BY p.id`` where nothing outside of aggregates reads ``p.name``. Columns of common
    table expressions and derived tables that nobody reads go with it.
When: grouping columns are hashed and compared for every row, wide texts most of all: 1.4x for TPC-DS 23 on DuckDB 2.0, and the
    table that gave the column may not be needed any more.
Sound: rows that agree in the remaining grouping columns agree in the dropped one by keys, equalities and constants, so the groups
    stay the same. One grouping column stays at least, for a query without GROUP BY has a row even for no input.
Source: Simmen, Shekita and Malkemus, "Fundamental techniques for order optimization", SIGMOD 1996; TPC-DS 23.
Example:
    >>> show(
    ...     "SELECT SUM(s.x) AS total FROM s JOIN p ON s.p_id = p.id GROUP BY p.id, p.name",
    ...     s="p_id INT, x INT",
    ...     p="id INT PRIMARY KEY, name TEXT",
    ... )
    SELECT SUM(s.x) AS total FROM s AS s JOIN p AS p ON s.p_id = p.id GROUP BY p.id
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import ColumnKey, column_key
from querywright.sql.pruning import Unread
from querywright.transforms._from_clause import aggregate_calls
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "remove_redundant"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


@dataclass(frozen=True)
class Determined(Site):
    """``node`` is the SELECT whose grouping expression number ``index`` goes."""

    index: int


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Grouping expressions that nothing but aggregates, and outputs that nobody reads, mention."""
    for select in facts.selects():
        group = select.args.get("group")
        if group is None or len(group.expressions) < 2 or group.args.get("all") or has_grouping_sets(select):
            continue
        read = _read(select, facts)
        for index, node in enumerate(group.expressions):
            others = frozenset(column_key(o) for o in group.expressions if o is not node and isinstance(o, exp.Column))
            columns = facts.local_columns(node, select)
            own = frozenset(column_key(column) for column in columns)
            if not own or own & read - others or len(columns) < len(list(node.find_all(exp.Column))):
                continue
            known, premises = facts.determined(select, others)
            if not others or not own <= known:
                yield Blocked(node, "the other grouping columns do not determine it")
            elif not facts.deterministic(node):
                yield Blocked(node, "it must not depend on chance")
            else:
                yield Determined(select, index, premises=premises)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Drop the grouping expression, and every output that nobody reads."""
    assert isinstance(site, Determined) and isinstance(site.node, exp.Select)
    Unread(facts).drop()
    group = site.node.args["group"]
    group.set("expressions", [node for index, node in enumerate(group.expressions) if index != site.index])
    return facts.tree


def _read(select: exp.Select, facts: Facts) -> frozenset[ColumnKey]:
    """The columns of ``select`` that are read after grouping, outside of aggregates."""
    unread = facts.once(Unread)
    calls = (call for call in aggregate_calls(select) if not isinstance(call, exp.Grouping))
    within = {id(node) for call in calls for node in call.walk()}
    clauses = [select.args.get(clause) for clause in ("having", "qualify", "order", "distinct")]
    parts = [*select.expressions, *(select.args.get("windows") or []), *(clause for clause in clauses if clause is not None)]
    columns = (column for part in parts if not unread.contains(part) for column in facts.local_columns(part, select))
    return frozenset(column_key(column) for column in columns if id(column) not in within)
