"""How generated SQL is spelled: the user's keyword case, quotes and aliases only where they are needed."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from querywright.sql.names import needs_quotes
from querywright.sql.trees import copied

_QUOTED = {kind for kind in TokenType if kind.name.endswith("STRING")} | {TokenType.IDENTIFIER}
_NAMES = {TokenType.VAR, TokenType.NUMBER} | _QUOTED


def prefers_lower_case(text: str, dialect: str) -> bool:
    """Whether most keywords of ``text`` are in lower case."""
    words = [
        text[token.start : token.end + 1] for token in sqlglot.tokenize(text, read=dialect) if token.token_type not in _NAMES
    ]
    words = [word for word in words if word[:1].isalpha()]
    return 2 * sum(word.islower() for word in words) > len(words)


def lower_cased(sql: str, dialect: str) -> str:
    """Generated ``sql`` with everything in lower case but literals, quoted names and comments."""
    pieces: list[str] = []
    end = 0
    for token in sqlglot.tokenize(sql, read=dialect):
        word = sql[token.start : token.end + 1]
        pieces += [sql[end : token.start], word if token.token_type in _QUOTED else word.lower()]
        end = token.end + 1
    return "".join((*pieces, sql[end:]))


def simplified(tree: exp.Expr, dialect: str) -> exp.Expr:
    """A copy of ``tree`` without the quotes and aliases that only repeat what would hold anyway."""
    copy = copied(tree)
    for node in copy.walk():
        if isinstance(node, exp.Identifier) and node.quoted:
            node.set("quoted", needs_quotes(node.name, dialect))
        elif isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            alias = node.args.get("alias")
            if alias and not alias.args.get("columns") and node.alias == node.name:
                node.set("alias", None)
        elif isinstance(node, exp.Select):
            needed = _sorted_by_alias(node) if dialect == "sqlite" else frozenset()
            node.set("expressions", [one if one.alias in needed else _unaliased(one) for one in node.expressions])
    return copy


def needed_quotes(name: exp.Identifier, dialect: str) -> exp.Identifier:
    """A copy of ``name``, quoted only if it must be."""
    return exp.Identifier(this=name.name, quoted=bool(name.quoted) and needs_quotes(name.name, dialect))


def _sorted_by_alias(select: exp.Select) -> frozenset[str]:
    """The aliases that ORDER BY sorts by: in SQLite only a written alias goes before the columns of several tables."""
    if not select.args.get("joins"):
        return frozenset()
    return frozenset(term.this.name for term in _sort_terms(select) if isinstance(term.this, exp.Column) and not term.this.table)


def _sort_terms(select: exp.Select) -> list[exp.Ordered]:
    order = select.args.get("order")
    return list(order.expressions) if order else []


def _unaliased(projection: exp.Expr) -> exp.Expr:
    if isinstance(projection, exp.Alias):
        inner = projection.this
        in_exists = isinstance(projection.parent and projection.parent.parent, exp.Exists)
        if isinstance(inner, exp.Column) and inner.name == projection.alias:
            return inner
        if isinstance(inner, exp.Literal) and in_exists:
            return inner
    return projection
