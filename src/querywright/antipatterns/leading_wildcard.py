"""Searches text with a pattern that begins with a wildcard.

Cost: an ordered index cannot find where to begin, so every text is read and matched; it grows with the table.
Why: a search box is meant to find a word anywhere, and ``%`` around it is the first idea; with no word it matches everything.
Uncured: no pattern without the wildcard finds the same rows; a full-text index, or a column that holds the searched part, does.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.antipatterns.protocol import Occurrence, Severity
from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap

SEVERITY: Severity = "high"
CURES: tuple[str, ...] = ()

_CASE_SENSITIVE = ("duckdb", "postgres", "spark")
"""Dialects whose LIKE and whose search for a substring tell the same letters apart."""


def find(query: exp.Query, facts: Facts) -> Iterator[Occurrence]:
    """LIKE of a column with a constant beginning of ``%`` or ``_``, in WHERE and in the conditions of joins."""
    for like in facts.tree.find_all(exp.Like, exp.ILike, bfs=False):
        begin = unwrap(like.expression)
        while isinstance(begin, (exp.DPipe, exp.Concat)):
            begin = unwrap(begin.expressions[0] if isinstance(begin, exp.Concat) else begin.this)
        wild = isinstance(begin, exp.Literal) and begin.name.startswith(("%", "_"))
        if wild and like.this.find(exp.Column) is not None and _filtering(like):
            yield Occurrence(like, f"{like.sql(facts.dialect)} has no beginning that an index could find")


def inject(query: exp.Query, facts: Facts) -> exp.Query | None:
    """``x LIKE '%word%'`` for a search of a substring, ``x LIKE '%'`` for ``x IS NOT NULL``."""
    for node in facts.tree.find_all(exp.Contains, exp.GT, exp.Not, bfs=False):
        search = _searched(node, facts.dialect)
        if search is None or not _filtering(node):
            continue
        column, pattern = search
        node.replace(exp.Like(this=column.copy(), expression=exp.Literal.string(pattern)))
        return query
    return None


def _filtering(node: exp.Expr) -> bool:
    """Whether ``node`` decides which rows stay: it stands in a WHERE or in the condition of a join of its own block."""
    clause = node.find_ancestor(exp.Where, exp.Join, exp.Select)
    return isinstance(clause, (exp.Where, exp.Join))


def _searched(node: exp.Expr, dialect: str) -> tuple[exp.Column, str] | None:
    """Column and LIKE pattern of a search written in another way; None where ``node`` is none."""
    if isinstance(node, exp.Not):
        test = unwrap(node.this)
        column, word = (test.this, "") if isinstance(test, exp.Is) and isinstance(test.expression, exp.Null) else (None, None)
    elif dialect not in _CASE_SENSITIVE:
        return None
    elif isinstance(node, exp.GT) and isinstance(node.this, exp.StrPosition) and not node.this.args.get("position"):
        column, word = node.this.this, _literal(node.this.args.get("substr")) if node.expression.name == "0" else None
    else:
        column, word = node.this, _literal(node.expression) if isinstance(node, exp.Contains) else None
    if word is None or not isinstance(column, exp.Column) or not column.is_type(*exp.DataType.TEXT_TYPES):
        return None
    return column, f"%{word}%" if word else "%"


def _literal(node: exp.Expr | None) -> str | None:
    """A text constant without characters that LIKE takes for something else."""
    return node.name if isinstance(node, exp.Literal) and node.is_string and not set(node.name) & set("%_\\") else None
