"""Turns a correlated EXISTS into an uncorrelated IN, and NOT EXISTS into NOT IN without its NULL trap.

What: ``WHERE EXISTS (SELECT … FROM b WHERE b.k = a.k AND …)`` becomes ``WHERE a.k IN (SELECT b.k FROM b WHERE …)``, and
    NOT EXISTS becomes ``a.k IS NULL OR NOT a.k IN (SELECT b.k FROM b WHERE … AND NOT b.k IS NULL)``.
When: an engine without hash semi-joins runs the EXISTS once for every outer row; without an index on ``b.k`` each run
    scans ``b``. An uncorrelated IN is computed once into a lookup table. TPC-H 22 on SQLite without indexes on foreign
    keys: 13 s before. DuckDB turns EXISTS into a semi-join by way of the distinct outer keys: 2.5x where three EXISTS
    each join two tables, 1.4x for TPC-DS 35; its NOT IN costs more than NOT EXISTS (TPC-H 22: 0.3x).
Sound: EXISTS is true exactly if some row has the key, and so is IN; where IN is UNKNOWN instead of FALSE, a WHERE
    conjunct drops the row all the same. For NOT IN the NULL keys are filtered out, and an outer NULL, which has no
    partner, is let through by name. The body sees the outer row through one equality of columns of the same kind only;
    it is not grouped, limited or windowed.
Source: the SQLite documentation of its query planner on IN subqueries; TPC-H 4 and 22.
Example:
    >>> show("SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.id AND b.x > 1)", a="id INT", b="k INT, x INT")
    SELECT a.id AS id FROM a AS a WHERE a.id IN (SELECT b.k AS k FROM b AS b WHERE b.x > 1)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.correlation import Comparison, correlation, grouped, membership_compares_alike, one_group_matches
from querywright.sql.facts import Facts
from querywright.sql.predicates import set_where, unwrap, where_conjuncts
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "flatten_subquery"
ENGINES = ("duckdb", "sqlite", "mysql")


@dataclass(frozen=True)
class Membership(Site):
    """``node`` is the WHERE conjunct; ``key`` the equality with the outer block; ``local`` the rest of the body's WHERE."""

    body: exp.Select
    key: Comparison
    local: tuple[exp.Expr, ...]
    negated: bool
    outer_not_null: bool


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """WHERE conjuncts that are an EXISTS or NOT EXISTS with one key."""
    for select in facts.selects():
        for predicate in where_conjuncts(select):
            bare = unwrap(predicate)
            negated = isinstance(bare, exp.Not)
            test = unwrap(bare.this) if negated else bare
            if isinstance(test, exp.Exists) and isinstance(test.this, exp.Select):
                found = _examine(predicate, test.this, negated, select, facts)
                if found is not None:
                    yield found


def _examine(predicate: exp.Expr, body: exp.Select, negated: bool, select: exp.Select, facts: Facts) -> Site | Blocked | None:
    found = correlation(facts, body)
    if found is None:
        return None
    if isinstance(found, str):
        return Blocked(predicate, found)
    if len(found.keys) != 1 or found.ranges or found.outside:
        return Blocked(predicate, "the subquery must see the outer row through exactly one equality")
    if grouped(body) or any(body.args.get(clause) for clause in ("limit", "offset", "qualify", "with_", "distinct")):
        return Blocked(predicate, "the subquery must not be grouped or limited")
    key = found.keys[0]
    if not isinstance(unwrap(key.inner), exp.Column) or not isinstance(unwrap(key.outer), exp.Column):
        return Blocked(predicate, "the subquery must see the outer row through an equality of columns")
    alike = one_group_matches(key.inner, key.outer) and membership_compares_alike(key.predicate, key.outer, facts.dialect)
    if not alike or not facts.deterministic(body):
        return Blocked(predicate, "the two columns must be of the same kind, so that IN compares them as the equality did")
    proof = facts.not_null(key.outer, select) if negated else None
    return Membership(predicate, body, key, found.local, negated, proof is not None, premises=proof or frozenset())


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Replace the conjunct."""
    assert isinstance(site, Membership)
    outer, inner = site.key.outer.copy(), site.key.inner.copy()
    column = unwrap(inner)
    site.body.set("expressions", [exp.alias_(inner, column.name)])
    local = [predicate.copy() for predicate in site.local]
    if site.negated:
        local.append(exp.Not(this=exp.Is(this=inner.copy(), expression=exp.Null())))
    set_where(site.body, local)
    site.body.set("order", None)
    member: exp.Expr = exp.In(this=outer, query=exp.Subquery(this=site.body.copy()))
    if site.negated:
        member = exp.Not(this=member)
        if not site.outer_not_null:
            member = exp.Paren(this=exp.Or(this=exp.Is(this=outer.copy(), expression=exp.Null()), expression=member))
    site.node.replace(member)
    return facts.tree
