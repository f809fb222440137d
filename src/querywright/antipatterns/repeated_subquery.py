"""Writes the same subquery in several places.

Cost: an engine that does not recognize it computes it as often as it is written.
Why: copying it is faster than naming it, and some teams were told that common table expressions are slow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.trees import printed

SEVERITY: Severity = "medium"
CURES: tuple[str, ...] = ("share_repeated_subquery",)

_WORK = (exp.Where, exp.Group, exp.Join, exp.AggFunc, exp.Distinct, exp.SetOperation)


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """Nested queries that do more than read a table and whose text occurs twice, outermost ones only."""
    alike: dict[tuple[str, ...], list[exp.Query]] = defaultdict(list)
    for block in facts.tree.find_all(exp.Select, exp.SetOperation, bfs=False):
        nested = isinstance(block.parent, (exp.Subquery, exp.CTE, exp.In))
        tables = [table.name for table in block.find_all(exp.Table)] if nested else []
        if tables and block.find(*_WORK) and facts.deterministic(block):
            alike[tuple(tables)].append(block)
    texts: dict[str, list[exp.Query]] = defaultdict(list)
    for block in (block for group in alike.values() if len(group) > 1 for block in group):
        texts[printed(block, facts.dialect)].append(block)
    repeated: set[int] = set()
    for blocks in texts.values():
        inside = [block for block in blocks if not any(id(outer) in repeated for outer in _enclosing(block))]
        if len(blocks) > 1 and inside and not facts.correlated_columns(blocks[0]):
            repeated |= {id(block) for block in blocks}
            yield Occurrence(inside[0], f"the same text occurs {len(blocks)} times")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """A derived table for each use of a common table expression that is read more than once."""
    for cte in facts.tree.find_all(exp.CTE, bfs=False):
        clause, body = cte.parent, cte.this
        names = [other.alias for other in facts.tree.find_all(exp.CTE)]
        readers = [table for table in facts.tree.find_all(exp.Table) if table.name == cte.alias and not table.db]
        if not isinstance(clause, exp.With) or clause.args.get("recursive") or names.count(cte.alias) != 1:
            continue
        if len(readers) < 2 or cte.args["alias"].args.get("columns") or not body.find(*_WORK) or body.find(exp.Limit):
            continue
        if not facts.deterministic(body):
            continue
        for table in readers:
            table.replace(exp.Subquery(this=body.copy(), alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name))))
        others = [other for other in clause.expressions if other is not cte]
        clause.set("expressions", others)
        if not others and clause.parent is not None:
            clause.parent.set("with_", None)
        return query
    return None


def _enclosing(block: exp.Expr) -> Iterator[exp.Expr]:
    while block.parent is not None:
        block = block.parent
        yield block
