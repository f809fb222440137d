"""Common table expressions: who reads them, and whether evaluating them again gives the same rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.order import order_sensitive_calls

MATERIALIZATION_KEYWORDS = ("duckdb", "sqlite", "postgres")
"""Dialects with AS MATERIALIZED and AS NOT MATERIALIZED."""

_ARBITRARY = (exp.Limit, exp.Fetch, exp.Offset, exp.TableSample, exp.RowNumber, exp.Ntile, exp.Lag, exp.Lead, exp.NthValue)


@dataclass(frozen=True)
class Reading:
    """A FROM entry ``source`` of ``select`` that reads a common table expression."""

    select: exp.Select
    source: Source


def readings(cte: exp.CTE, facts: Facts) -> list[Reading]:
    """Everything that reads ``cte``, in the order of the text; [] where its name may mean something else somewhere, where it
    renames its columns, and where it is recursive."""
    name = cte.alias.lower()
    found = [
        Reading(select, source)
        for select in facts.selects()
        for source in facts.sources(select).values()
        if source.common and source.query is cte.this
    ]
    mentions, definitions = facts.once(_names)
    plain = mentions[name] == len(found) and definitions[name] == 1 and not cte.args["alias"].args.get("columns")
    return found if plain and not (cte.parent is not None and cte.parent.args.get("recursive")) else []


def _names(facts: Facts) -> tuple[Counter[str], Counter[str]]:
    """How often each name is read as a table, and how often it is defined."""
    tables, definitions = facts.tree.find_all(exp.Table), facts.tree.find_all(exp.CTE)
    return Counter(table.name.lower() for table in tables), Counter(definition.alias.lower() for definition in definitions)


def repeatable(query: exp.Expr, facts: Facts) -> bool:
    """Whether the data alone determine the rows of ``query``: no random function, no choice among rows by their arrival."""
    blocks = list(query.find_all(exp.Select))
    distinct_on = any(isinstance(d := block.args.get("distinct"), exp.Distinct) and d.args.get("on") for block in blocks)
    arbitrary = query.find(*_ARBITRARY) is not None or distinct_on or any(map(order_sensitive_calls, blocks))
    return facts.deterministic(query) and not arbitrary


def self_contained(query: exp.Expr, facts: Facts) -> bool:
    """Whether every column of ``query`` belongs to a FROM clause inside of it."""
    inside = {id(node) for node in query.walk()}
    return all(id(facts.home(column)) in inside for column in query.find_all(exp.Column) if column.table)


def means_the_same_elsewhere(query: exp.Expr, facts: Facts) -> bool:
    """Whether ``query`` reads the same tables wherever in the tree it stands: none of them shares its name with a common table
    expression, and no common table expression with another one."""
    _, definitions = facts.once(_names)
    entries = [source for select in query.find_all(exp.Select) for source in facts.sources(select).values()]
    return all(definitions[e.node.name.lower()] == int(e.common) for e in entries if isinstance(e.node, exp.Table))


def remove_definition(cte: exp.CTE) -> None:
    """Take ``cte`` out of its WITH clause, and an empty clause out of its query."""
    clause = cte.parent
    assert isinstance(clause, exp.With)
    remaining = [other for other in clause.expressions if other is not cte]
    if remaining:
        clause.set("expressions", remaining)
    elif clause.parent is not None:
        clause.parent.set("with_", None)
