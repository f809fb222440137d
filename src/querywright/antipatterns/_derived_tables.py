"""Derived tables in place of the common table expressions that are read only once."""

from __future__ import annotations

from sqlglot import exp

from querywright.sql.facts import Facts


def with_derived_tables(facts: Facts) -> Facts:
    """Facts about the same tree after each common table expression with one reader was moved to it."""
    expressions = list(facts.tree.find_all(exp.CTE, bfs=False))
    for cte in expressions:
        clause, body = cte.parent, cte.this
        same = [other for other in expressions if other.alias == cte.alias]
        readers = [table for table in facts.tree.find_all(exp.Table) if table.name == cte.alias and not table.db]
        if not isinstance(clause, exp.With) or clause.args.get("recursive") or len(same) > 1 or len(readers) != 1:
            continue
        if cte.args["alias"].args.get("columns") or not facts.deterministic(body):
            continue
        clause.set("expressions", [other for other in clause.expressions if other is not cte])
        if not clause.expressions and clause.parent is not None:
            clause.parent.set("with_", None)
        alias = exp.TableAlias(this=exp.to_identifier(readers[0].alias_or_name))
        readers[0].replace(exp.Subquery(this=body, alias=alias))
    return Facts(facts.tree, facts.schema, facts.dialect)
