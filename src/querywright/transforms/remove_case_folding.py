"""Compares texts without regard to case instead of folding the case of every row first.

What: ``LOWER(x) LIKE p`` and ``UPPER(x) LIKE p`` become ``x LIKE p``, for SQLite's LIKE ignores case; ``LOWER(x) = 'abc'``,
    ``<>`` and IN lists become ``x COLLATE NOCASE = 'abc'``.
When: the function copies the text of every row. Measured 1.4x to 2.1x for whole queries with LIKE, 1.0x to 1.2x with ``=`` and
    IN. An index over the function itself would be lost.
Sound: LOWER, UPPER, LIKE and NOCASE of SQLite fold the same 26 letters and leave all others alone, so that folding one side
    more often changes nothing; a constant must be folded already, or nothing equals it. LIKE reads any value as text, as LOWER
    does. ``=`` does not: there the column must be declared as text, and is taken to hold texts. The collation of a column that
    has one is unknown and blocks it. It is the LIKE that SQLite has by default: no other function of that name, and no PRAGMA
    case_sensitive_like, which is deprecated.
Source: SQLite documentation, "The LIKE, GLOB, REGEXP, MATCH, and extract operators"; measured in this project.
Example:
    >>> show("SELECT id FROM t WHERE LOWER(a) LIKE '%x%' AND UPPER(b) IN ('Y', 'Z')", t="id INT, a TEXT, b TEXT")
    SELECT t.id AS id FROM t AS t WHERE t.a LIKE '%x%' AND t.b COLLATE NOCASE IN ('Y', 'Z')
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("sqlite",)

_LOWERCASE, _UPPERCASE = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Folded(Site):
    """``node`` folds the case of its argument, which can stand for it, with NOCASE if ``collated``."""

    collated: bool


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Folded sides of LIKE, =, <> and IN in WHERE and ON."""
    for select in facts.selects():
        where = select.args.get("where")
        conditions = [join.args.get("on") for join in select.args.get("joins") or []] + [where]
        for condition in conditions:
            for node in condition.walk(prune=lambda node: isinstance(node, exp.Query)) if condition is not None else ():
                yield from _folded(node)


def _folded(node: exp.Expr) -> Iterator[Site | Blocked]:
    if isinstance(node, exp.Like):
        escaped = isinstance(node.parent, exp.Escape)
        for side in [node.this] if escaped else [node.this, node.expression]:
            if isinstance(unwrap(side), (exp.Lower, exp.Upper)):
                yield Folded(unwrap(side), collated=False)
    elif isinstance(node, (exp.EQ, exp.NEQ)):
        for side, other in ((node.this, node.expression), (node.expression, node.this)):
            if isinstance(unwrap(side), (exp.Lower, exp.Upper)):
                yield from _collated(unwrap(side), [unwrap(other)])
    elif isinstance(node, exp.In) and node.expressions and isinstance(unwrap(node.this), (exp.Lower, exp.Upper)):
        yield from _collated(unwrap(node.this), [unwrap(constant) for constant in node.expressions])


def _collated(call: exp.Expr, constants: list[exp.Expr]) -> Iterator[Site | Blocked]:
    """The site of a folded side that is compared with constants by ``=``."""
    if not all(isinstance(constant, exp.Literal) and constant.is_string for constant in constants):
        return
    column = unwrap(call.this)
    letters = _UPPERCASE if isinstance(call, exp.Lower) else _LOWERCASE
    if not isinstance(column, exp.Column) or not column.is_type(*exp.DataType.TEXT_TYPES):
        yield Blocked(call, "the folded value must be a column of text without a collation of its own")
    elif any(letter in constant.name for constant in constants for letter in letters):
        yield Blocked(call, "a constant is not folded, so that nothing equals it")
    else:
        yield Folded(call, collated=True)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Put the argument in place of the function."""
    assert isinstance(site, Folded)
    argument = unwrap(site.node.this)
    if site.collated:
        argument = exp.Collate(this=argument, expression=exp.Var(this="NOCASE"))
    elif not isinstance(argument, (exp.Column, exp.Literal)):
        argument = exp.Paren(this=argument)
    site.node.replace(argument)
    return facts.tree
