"""Turns an OR of EXISTS and IN subqueries on one column into one IN over the union of their keys.

What: ``WHERE EXISTS (… a.k = t.k) OR EXISTS (… b.k = t.k) OR t.k IN (…)`` becomes
    ``WHERE t.k IN (SELECT a.k … UNION ALL SELECT b.k …)``.
When: engines plan one EXISTS as a semi-join but an OR of them row by row; measured 5x on DuckDB, 9x on SQLite, 3x on
    PostgreSQL, and a loss on MariaDB, which is left out. TPC-DS 10 and 35 have the pattern.
Sound: EXISTS is true exactly if some row has the key, and so is IN. Where the keys hold a NULL, IN answers UNKNOWN
    instead of FALSE, which a WHERE conjunct cannot tell apart; hence only whole conjuncts of WHERE. Each subquery sees
    the outer row through one equality of columns, and all columns of the union compare alike (same type, or all
    integers). UNION ALL is enough: a key set has no multiplicity, and the result needs no key of the outer table.
    Grouped and limited EXISTS bodies are left alone.
Source: TPC-DS 10, 35; measured in this project.
Example:
    >>> show("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM a WHERE a.k = t.id) OR EXISTS (SELECT 1 FROM b WHERE b.k = t.id)",
    ...      t="id INT", a="k INT", b="k INT")
    SELECT t.id AS id FROM t AS t WHERE t.id IN (SELECT a.k AS id FROM a AS a UNION ALL SELECT b.k AS id FROM b AS b)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import column_key, conjuncts, disjuncts, set_where, unwrap, where_conjuncts
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "or_to_union"
ENGINES = ("duckdb", "sqlite", "postgres", "spark")


@dataclass(frozen=True)
class Branch:
    """One operand of the OR: it holds where ``key`` is among the values of ``member`` over the rows of ``body``.

    ``correlation`` is the WHERE conjunct ``member = key`` of an EXISTS body, None for IN.
    """

    key: exp.Column
    body: exp.Select
    member: exp.Expr
    correlation: exp.Expr | None


@dataclass(frozen=True)
class Union(Site):
    """``node`` is the WHERE conjunct to replace."""

    branches: tuple[Branch, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """WHERE conjuncts that are an OR of at least two subquery tests."""
    for select in facts.selects():
        for predicate in where_conjuncts(select):
            options = [unwrap(option) for option in disjuncts(predicate)]
            if len(options) > 1 and all(_body(option) is not None for option in options):
                yield _examine(predicate, options, select, facts)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Project the keys and put them together."""
    assert isinstance(site, Union)
    key = site.branches[0].key
    union: exp.Query | None = None
    for branch in site.branches:
        body = branch.body
        if branch.correlation is not None:
            set_where(body, [part for part in where_conjuncts(body) if part is not branch.correlation])
            for clause in ("distinct", "limit"):
                body.set(clause, None)
        body.set("order", None)
        body.set("expressions", [exp.alias_(branch.member.copy(), key.name)])
        union = body if union is None else exp.Union(this=union, expression=body, distinct=False)
    site.node.replace(exp.In(this=key.copy(), query=exp.Subquery(this=union)))
    return facts.tree


def _body(option: exp.Expr) -> exp.Query | None:
    """The subquery of an EXISTS or IN."""
    query = option.this if isinstance(option, exp.Exists) else option.args.get("query") if isinstance(option, exp.In) else None
    body = query.unnest() if isinstance(query, exp.Subquery) else query
    return body if isinstance(body, exp.Query) else None


def _examine(predicate: exp.Expr, options: list[exp.Expr], select: exp.Select, facts: Facts) -> Union | Blocked:
    branches: list[Branch] = []
    for option in options:
        body = _body(option)
        if not isinstance(body, exp.Select) or body.args.get("with_") is not None:
            return Blocked(option, "the subquery must be a single SELECT")
        if not facts.deterministic(body):
            return Blocked(option, "the subquery calls a function that answers differently each time")
        branch = _exists(body, select, facts) if isinstance(option, exp.Exists) else _membership(option, body, select, facts)
        if isinstance(branch, str):
            return Blocked(option, branch)
        branches.append(branch)
    first = branches[0]
    if any(column_key(branch.key) != column_key(first.key) for branch in branches):
        return Blocked(predicate, "all subqueries must test the same outer column")
    if not all(_compares_alike(branch, facts) for branch in branches):
        return Blocked(predicate, "the compared columns must have one type")
    return Union(predicate, tuple(branches))


def _exists(body: exp.Select, select: exp.Select, facts: Facts) -> Branch | str:
    if any(body.args.get(clause) for clause in ("group", "having", "qualify", "offset", "fetch")) or any(
        projection.find(exp.AggFunc) for projection in body.expressions
    ):
        return "the subquery groups or skips rows"
    limit = body.args.get("limit")
    if limit is not None and not (isinstance(limit.expression, exp.Literal) and limit.expression.name.strip("0")):
        return "the LIMIT of the subquery may keep no row"
    # The select list of an EXISTS is never evaluated.
    unseen = {id(node) for projection in body.expressions for node in projection.walk()}
    outside = [column for column in facts.correlated_columns(body) if id(column) not in unseen]
    if len(outside) != 1 or facts.home(outside[0]) is not select:
        return "the subquery must see the outer row through exactly one column"
    key = outside[0]
    for part in where_conjuncts(body):
        equality = unwrap(part)
        if isinstance(equality, exp.EQ):
            for member, other in ((equality.this, equality.expression), (equality.expression, equality.this)):
                if unwrap(other) is key and isinstance(bare := unwrap(member), exp.Column) and facts.home(bare) is body:
                    return Branch(key, body, bare, part)
    return "the subquery must compare the outer column with a column of its own by ="


def _membership(option: exp.Expr, body: exp.Select, select: exp.Select, facts: Facts) -> Branch | str:
    key = unwrap(option.this)
    if not isinstance(key, exp.Column) or facts.home(key) is not select:
        return "IN must test a column of the query"
    if facts.correlated_columns(body) or any(body.args.get(clause) for clause in ("limit", "offset", "fetch")):
        return "the IN subquery depends on the outer row or on a LIMIT"
    distinct = body.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        return "DISTINCT ON decides which keys the IN subquery keeps"
    return Branch(key, body, body.expressions[0].unalias(), None)


def _compares_alike(branch: Branch, facts: Facts) -> bool:
    """Whether ``member = key`` inside the EXISTS means what ``key IN (… UNION ALL …)`` means."""
    key, member = branch.key, branch.member
    if key.type is None or member.type is None or key.is_type(exp.DataType.Type.UNKNOWN):
        return False
    if key.is_type(*exp.DataType.INTEGER_TYPES):
        return member.is_type(*exp.DataType.INTEGER_TYPES)
    if key.type != member.type:
        return False
    # SQLite compares text under the collation of the left operand, which is the key in IN.
    inside = branch.correlation
    left_is_key = inside is None or any(unwrap(part.this) is key for part in conjuncts(inside) if isinstance(part, exp.EQ))
    return facts.dialect != "sqlite" or left_is_key or not key.is_type(*exp.DataType.TEXT_TYPES)
