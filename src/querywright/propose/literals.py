"""Literals of a query replaced by typed placeholders, such as ``$text_1``, and put back into what a model answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T][\d:.]+)?")
_PLACEHOLDER = re.compile(r"'?\$(?:text|date|integer|number)_\d+\b'?")
_STRING = re.compile(r"\w*'(.*)'", re.DOTALL)
_SHORT = 2
_SEPARATORS = frozenset({TokenType.COMMA, TokenType.ASC, TokenType.DESC, TokenType.NUMBER})
_POSITIONAL = frozenset({TokenType.ORDER_BY, TokenType.GROUP_BY})


@dataclass(frozen=True)
class Literals:
    """The placeholders of one query: ``names`` maps the literal as it is written to its placeholder."""

    dialect: str
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, sql: str, dialect: str) -> Literals:
        """Placeholders for the literals of ``sql``, numbered by kind in order of appearance; equal literals share one."""
        names: dict[str, str] = {}
        counts: dict[str, int] = {}
        for token in _literals(_tokens(sql, dialect)):
            written = sql[token.start : token.end + 1]
            if written not in names:
                kind = _kind(token)
                counts[kind] = counts.get(kind, 0) + 1
                names[written] = f"${kind}_{counts[kind]}"
        return cls(dialect, names)

    def hidden(self, sql: str) -> str:
        """``sql`` without its literals and comments. A literal that the query does not have becomes ``$other``.

        Engines name a column without alias after its expression: literals in quoted names are replaced as well.
        """
        pieces: list[str] = []
        end = 0
        tokens = _tokens(sql, self.dialect)
        literals = {token.start for token in _literals(tokens)}
        for token in tokens:
            gap = sql[end : token.start]
            pieces.append(gap if not gap.strip() else "\n" if "\n" in gap else " ")
            written = sql[token.start : token.end + 1]
            if token.start in literals:
                written = self.names.get(written, "$other")
            elif token.token_type == TokenType.IDENTIFIER:
                written = _replaced(written, self.names)
            pieces.append(written)
            end = token.end + 1
        return "".join(pieces).strip()

    def masked(self, text: str) -> str:
        """``text`` that is not SQL with the query's literals replaced where they stand as words.

        Engines quote a string in their own way, or not at all; as a bare word, a string of two characters or less stays.
        """
        spelled = dict(self.names)
        for literal, name in self.names.items():
            if string := _STRING.fullmatch(literal):
                bare = string[1].replace("''", "'")
                forms = (f"'{bare}'", f'"{bare}"', *([bare] if len(bare) > _SHORT else []))
                spelled = {form: name for form in forms} | spelled
        return _replaced(text, spelled)

    def restored(self, text: str) -> str:
        """``text`` with the literals in place of their placeholders, quotes around a placeholder included."""
        written = {name: literal for literal, name in self.names.items()}

        def back(match: re.Match[str]) -> str:
            found, bare = match[0], match[0].strip("'")
            literal = written.get(bare)
            if literal is None:
                return found
            whole = found.startswith("'") == found.endswith("'")
            return literal if whole else found.replace(bare, literal)

        return _PLACEHOLDER.sub(back, text)


def _replaced(text: str, spelled: Mapping[str, str]) -> str:
    """``text`` with each word that is a key replaced, the longest first."""
    if not spelled:
        return text
    longest_first = sorted(spelled, key=len, reverse=True)
    words = "|".join(rf"(?<![\w.$]){re.escape(literal)}(?![\w.])" for literal in longest_first)
    return re.sub(words, lambda match: spelled[match[0]], text)


def _tokens(sql: str, dialect: str) -> list[Token]:
    try:
        return sqlglot.tokenize(sql, read=dialect)
    except TokenError:
        return []  # nothing of a text that cannot be read is shown


def _literals(tokens: list[Token]) -> Iterator[Token]:
    """Strings and numbers, but for the positions of ``ORDER BY 1, 2``, which say nothing about data."""
    positional = False
    for token, before in zip(tokens, [None, *tokens], strict=False):
        positional = token.token_type in _POSITIONAL or (
            positional and (token.token_type in _SEPARATORS or token.text.upper() in ("NULLS", "FIRST", "LAST"))
        )
        if token.token_type == TokenType.NUMBER and positional and before is not None:
            continue
        if token.token_type in (TokenType.NUMBER, TokenType.STRING) or token.token_type.name.endswith("_STRING"):
            yield token


def _kind(token: Token) -> str:
    if token.token_type == TokenType.NUMBER:
        return "integer" if token.text.isdigit() else "number"
    return "date" if _DATE.fullmatch(token.text) else "text"
