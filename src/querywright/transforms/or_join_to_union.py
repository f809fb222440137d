"""Splits an OR that spans several tables into disjoint branches of a UNION ALL.

What: ``FROM a, b WHERE … AND (p1 OR p2)`` becomes ``FROM (SELECT … WHERE … AND p1 UNION ALL SELECT … WHERE … AND p2 AND
    p1 IS NOT TRUE)``; SELECT list, grouping, ORDER BY and LIMIT stay above the derived table. An OR in the ON of an inner
    join is split in the same way.
When: p1 and p2 are different equi-joins (the engine would have to try all pairs of rows; measured 300x to 500x), or
    filters of different tables, of which none can be applied before the join (TPC-DS 15: 2.2x, 45: 1.4x, but 0.7x in a
    micro-measurement on DuckDB 1.5, so timing decides). Operands on one and the same table stay together; at most
    three branches.
Sound: every row for which the OR is TRUE makes exactly one branch TRUE, that of the first operand that is TRUE; the
    exclusion lets operands that are UNKNOWN pass. WHERE distributes over UNION ALL whatever the joins are; ON does where
    the join is inner and no RIGHT or FULL join is in the block. The FROM clause is evaluated once a branch, so it must
    not hold random functions or depend on the order of rows.
Source: TPC-DS 15 and 45, TPC-H 19; measured in this project.
Example:
    >>> show("SELECT a.x FROM a JOIN b ON a.k = b.k OR a.k = b.old", a="k INT, x INT", b="k INT, old INT")
    SELECT matched.x AS x FROM (SELECT a.x AS x FROM a AS a JOIN b AS b ON a.k = b.k UNION ALL
    SELECT a.x AS x FROM a AS a JOIN b AS b ON a.k = b.old AND NOT (a.k = b.k) IS TRUE) AS matched
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.order import order_sensitive_calls
from querywright.sql.predicates import conjunction, conjuncts, disjunction, disjuncts, unwrap, where_conjuncts
from querywright.sql.trees import copied
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "or_to_union"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")
MOST_BRANCHES = 3

Branch = tuple[exp.Expr, ...]

_SOURCE_CLAUSES = ("from_", "joins", "where")
_UNSUPPORTED_CLAUSES = ("laterals", "match", "connect", "sample", "pivots", "prewhere")
_TIE_BREAKING = (exp.RowNumber, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Lag, exp.Lead, exp.Ntile)


@dataclass(frozen=True)
class Split(Site):
    """``node`` is the conjunct of ``select`` to split; each of ``branches`` holds the disjuncts of it that stay together."""

    select: exp.Select
    branches: tuple[Branch, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """ORs over columns of at least two FROM entries, among the conjuncts of WHERE and of inner joins."""
    for select in facts.selects():
        if len(facts.sources(select)) < 2:
            continue
        for predicate in _splittable_conjuncts(select):
            branches = _branches(predicate, select, facts)
            if len(branches) < 2 or _already_split(select):
                continue
            obstacle = _obstacle(branches, select, facts)
            yield Blocked(predicate, obstacle) if obstacle else Split(predicate, select, branches)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Build the branches from copies of FROM and WHERE and read them in place of both."""
    assert isinstance(site, Split)
    select = site.select
    name = facts.fresh_name("matched")
    needed = _needed_columns(select, facts)
    outputs = _output_names(needed)
    projections = [exp.alias_(column.copy(), outputs[_key(column)]) for column in needed.values()] or [
        exp.alias_(exp.Literal.number(1), "present")
    ]
    for column in _columns_above(select, facts):
        column.replace(exp.column(outputs[_key(column)].copy(), name))
    union: exp.Query | None = None
    current = site.node
    exclusions: list[exp.Expr] = []
    for branch in site.branches:
        accepted = disjunction(copied(operand) for operand in branch)
        condition = conjunction([*conjuncts(accepted), *(copied(exclusion) for exclusion in exclusions)])
        assert accepted is not None and condition is not None
        exclusions.append(exp.Not(this=exp.Is(this=exp.Paren(this=copied(unwrap(accepted))), expression=exp.true())))
        current = current.replace(condition)
        part = exp.Select(expressions=[copied(projection) for projection in projections])
        for clause in _SOURCE_CLAUSES:
            value = select.args.get(clause)
            part.set(clause, [copied(join) for join in value] if isinstance(value, list) else copied(value) if value else None)
        union = part if union is None else exp.Union(this=union, expression=part, distinct=False)
    derived = exp.Subquery(this=union, alias=exp.TableAlias(this=exp.to_identifier(name)))
    select.set("from_", exp.From(this=derived))
    select.set("joins", [])
    select.set("where", None)
    return facts.tree


def _splittable_conjuncts(select: exp.Select) -> Iterator[exp.Expr]:
    yield from where_conjuncts(select)
    joins: list[exp.Join] = select.args.get("joins") or []
    if any(join.side in ("RIGHT", "FULL") for join in joins):
        return
    for join in joins:
        if join.side == "" and join.kind in ("", "INNER", "CROSS"):
            yield from conjuncts(join.args.get("on"))


def _branches(predicate: exp.Expr, select: exp.Select, facts: Facts) -> tuple[Branch, ...]:
    """The operands of the OR, those on one and the same table together; none where one touches no table of ``select``."""
    groups: dict[object, list[exp.Expr]] = {}
    for operand in disjuncts(predicate):
        aliases = _aliases(operand, select, facts)
        if not aliases:
            return ()
        groups.setdefault(aliases if len(aliases) == 1 else id(operand), []).append(operand)
    return tuple(tuple(group) for group in groups.values())


def _aliases(node: exp.Expr, select: exp.Select, facts: Facts) -> frozenset[str]:
    return frozenset(column.table for column in facts.local_columns(node, select))


def _already_split(select: exp.Select) -> bool:
    """Whether ``select`` is a branch that this transform made; splitting it again would multiply the branches."""
    union: exp.Expr = select
    while isinstance(union.parent, exp.Union):
        union = union.parent
    return any(
        isinstance(node.this, exp.Is) and isinstance(node.this.expression, exp.Boolean)
        for node in union.find_all(exp.Not)
        if isinstance(union, exp.Union)
    )


def _obstacle(branches: tuple[Branch, ...], select: exp.Select, facts: Facts) -> str | None:
    if len(branches) > MOST_BRANCHES:
        return f"the OR needs more than {MOST_BRANCHES} branches"
    if any(select.args.get(clause) for clause in _UNSUPPORTED_CLAUSES) or any(
        join.method for join in select.args.get("joins") or []
    ):
        return "the FROM clause joins by position, by name or laterally"
    if facts.dialect == "sqlite" and any(join.side in ("RIGHT", "FULL") for join in select.args.get("joins") or []):
        return "SQLite (3.40 at least) forgets the WHERE of a RIGHT or FULL join below UNION ALL"
    if not all(_gives_access(operand, select, facts) for branch in branches for operand in branch):
        return "every operand must hold an equality between two tables or a filter of one table"
    parts = list(_source_parts(select))
    inside = {id(node) for part in parts for node in part.walk()}
    if any(id(column) in inside for column in facts.correlated_columns(select)):
        return "FROM or WHERE depends on an enclosing query"
    if order_sensitive_calls(select):
        return "an aggregate depends on the order of the rows"
    read = {table.name for part in parts for table in part.find_all(exp.Table)}
    definitions = list(facts.tree.find_all(exp.CTE))
    if any(definition.alias in read for definition in definitions):
        parts += definitions
    if not all(_repeatable(part, facts) for part in parts):
        return "FROM or WHERE may answer differently when evaluated again"
    return None


def _gives_access(operand: exp.Expr, select: exp.Select, facts: Facts) -> bool:
    """Whether rows can be found by a conjunct of ``operand``: a filter of one table or an equality of two."""
    sizes = ((len(_aliases(part, select, facts)), unwrap(part)) for part in conjuncts(operand))
    return any(size == 1 or (size == 2 and isinstance(part, exp.EQ)) for size, part in sizes)


def _repeatable(part: exp.Expr, facts: Facts) -> bool:
    if not facts.deterministic(part) or part.find(*_TIE_BREAKING, exp.TableSample) is not None:
        return False
    for block in part.find_all(exp.Query):
        distinct = block.args.get("distinct")
        if any(block.args.get(clause) for clause in ("limit", "offset", "fetch")) or order_sensitive_calls(block):
            return False
        if isinstance(distinct, exp.Distinct) and distinct.args.get("on") is not None:
            return False
    return True


def _source_parts(select: exp.Select) -> Iterator[exp.Expr]:
    for clause in _SOURCE_CLAUSES:
        value = select.args.get(clause)
        yield from value if isinstance(value, list) else [value] if value is not None else []


def _columns_above(select: exp.Select, facts: Facts) -> list[exp.Column]:
    """Columns of the FROM clause that are used outside of FROM and WHERE, nested queries included."""
    below = {id(node) for part in _source_parts(select) for node in part.walk()}
    return [column for column in facts.local_columns(select, select) if id(column) not in below]


def _needed_columns(select: exp.Select, facts: Facts) -> dict[tuple[str, str], exp.Column]:
    return {_key(column): column for column in _columns_above(select, facts)}


def _key(column: exp.Column) -> tuple[str, str]:
    return column.table.lower(), column.name.lower()


def _output_names(needed: dict[tuple[str, str], exp.Column]) -> dict[tuple[str, str], exp.Identifier]:
    """A name for each needed column: its own where that is unique, else prefixed by its table's alias."""
    taken: set[str] = set()
    names: dict[tuple[str, str], exp.Identifier] = {}
    for key, column in needed.items():
        shared = sum(name == key[1] for _, name in needed) > 1
        name = f"{column.table}_{column.name}" if shared else column.name
        while name.lower() in taken or (shared and any(name.lower() == other for _, other in needed)):
            name += "_"
        taken.add(name.lower())
        names[key] = exp.to_identifier(name, quoted=column.this.quoted or None)
    return names
