"""Takes conjuncts that all operands of an OR share out of the OR.

What: ``(a AND p) OR (a AND q)`` becomes ``a AND (p OR q)`` in WHERE, HAVING and the ON of joins, at any depth; ``a OR (a AND p)``
    becomes ``a``.
When: the shared conjunct is an equi-join or a correlation that an engine, or another transform, only finds outside of the OR:
    a nested loop over both tables becomes a lookup (TPC-H 19 on SQLite: 1.75x), a correlated subquery can be computed once
    per key (TPC-DS 41). DuckDB does it by itself.
Sound: AND and OR distribute over each other and absorb each other in three-valued logic as well, so the value of the predicate is
    the same, UNKNOWN included. The shared conjunct must be deterministic, and must not be able to fail on rows from which the
    conjuncts before it kept it.
Source: Kleene's strong logic of indeterminacy; TPC-H 19; TPC-DS 13, 41, 48, 85.
Example:
    >>> show("SELECT f.x FROM f, d WHERE (f.k = d.k AND d.n = 1) OR (d.k = f.k AND f.x > 2)", f="k INT, x INT", d="k INT, n INT")
    SELECT f.x AS x FROM f AS f, d AS d WHERE f.k = d.k AND (d.n = 1 OR f.x > 2)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.failures import may_fail
from querywright.sql.predicates import conjunction, conjuncts, disjunction, disjuncts, unwrap
from querywright.sql.trees import printed
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_NEED_NO_PARENTHESES = (exp.Paren, exp.And, exp.Where, exp.Having, exp.Join)


@dataclass(frozen=True)
class Factoring(Site):
    """``node`` is the OR, ``shared`` the texts of the conjuncts to take out."""

    shared: frozenset[str]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """ORs whose operands have a conjunct in common, outer ones first."""
    for node in query.find_all(exp.Or, bfs=False):
        if _operand_of_or(node) or not _in_filter(node):
            continue
        alternatives = [{_text(part, facts): part for part in conjuncts(option)} for option in disjuncts(node)]
        shared = {text: part for text, part in alternatives[0].items() if all(text in other for other in alternatives[1:])}
        if not shared:
            continue
        sound = {text: part for text, part in shared.items() if facts.deterministic(part) and not may_fail(part, facts.dialect)}
        if sound:
            yield Factoring(node, frozenset(sound))
        else:
            yield Blocked(node, "the shared condition must be deterministic and must not fail on rows that others keep from it")


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Put the shared conjuncts before what is left of the OR."""
    assert isinstance(site, Factoring)
    shared: dict[str, exp.Expr] = {}
    rests: list[exp.Expr | None] = []
    for option in disjuncts(site.node):
        parts = [(_text(part, facts), part) for part in conjuncts(option)]
        shared |= {text: part for text, part in parts if text in site.shared and text not in shared}
        rests.append(conjunction(part.copy() for text, part in parts if text not in site.shared))
    rest = None if None in rests else disjunction(option for option in rests if option is not None)
    factored = conjunction([part.copy() for part in shared.values()] + ([rest] if rest is not None else []))
    assert factored is not None
    place: exp.Expr = site.node
    while isinstance(place.parent, exp.Paren) and isinstance(place.parent.parent, _NEED_NO_PARENTHESES):
        place = place.parent
    place.replace(factored)
    return facts.tree


def _operand_of_or(node: exp.Expr) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return isinstance(parent, exp.Or)


def _in_filter(node: exp.Expr) -> bool:
    return isinstance(node.find_ancestor(exp.Where, exp.Having, exp.Join, exp.Query), (exp.Where, exp.Having, exp.Join))


def _text(predicate: exp.Expr, facts: Facts) -> str:
    """The same text for ``a = b`` and ``b = a``."""
    bare = unwrap(predicate)
    if isinstance(bare, exp.EQ):
        return " = ".join(sorted(printed(side, facts.dialect) for side in (bare.this, bare.expression)))
    return printed(bare, facts.dialect)
