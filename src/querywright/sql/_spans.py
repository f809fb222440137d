"""Where the blocks, clauses and items of a query tree stand in the text that the tree was parsed from.

The tokens are split along the same grammar as the tree (`querywright.sql._blocks`): clause keywords, commas, ANDs and set
operators at parenthesis depth zero. Where the counts of both sides disagree (a star that was expanded, a syntax not known
here), that clause or block simply has no spans below its own, and is kept or printed as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from querywright.sql._blocks import Block, Clause, Item, Place, Span
from querywright.sql._page import parse_gap

_OPEN = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSE = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
_STARTS = {TokenType.SELECT, TokenType.WITH, TokenType.FROM}
_SET_OPERATORS = {TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT}
_OR = {TokenType.OR, TokenType.XOR}
_JOINS = {TokenType.JOIN, TokenType.STRAIGHT_JOIN}
_JOIN_WORDS = frozenset(["LEFT", "RIGHT", "FULL", "OUTER", "INNER", "CROSS", "NATURAL", "SEMI", "ANTI", "ASOF", "POSITIONAL"])
_CLAUSES = {
    TokenType.SELECT: "select",
    TokenType.FROM: "from",
    TokenType.WHERE: "where",
    TokenType.GROUP_BY: "group",
    TokenType.HAVING: "having",
    TokenType.WINDOW: "windows",
    TokenType.QUALIFY: "qualify",
    TokenType.ORDER_BY: "order",
    TokenType.LIMIT: "limit",
    TokenType.FETCH: "limit",
    TokenType.OFFSET: "offset",
}
_TAILS = {TokenType.ORDER_BY, TokenType.LIMIT, TokenType.FETCH, TokenType.OFFSET}
_TAIL_COMMENTS = re.compile(r"(?:[ \t]*/\*[^\n]*?\*/)*[ \t]*(?:--[^\n]*)?")


def locate(statement: Item, text: str, dialect: str) -> None:
    """Give ``statement``, decomposed from the tree of ``text``, and all units below it their spans.

    Raises `sqlglot.errors.TokenError` where the text is not even tokens.
    """
    tokens = [token for token in sqlglot.tokenize(text, read=dialect) if token.token_type != TokenType.SEMICOLON]
    _Locator(text, tokens).statement(statement)


class _Locator:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._types = [token.token_type for token in tokens]
        self._close = _matching(self._types)

    def statement(self, item: Item) -> None:
        low, high = 0, len(self._tokens)
        while low < high and self._types[low] == TokenType.L_PAREN and self._close.get(low) == high - 1:
            low, high = low + 1, high - 1
        if low < high and len(item.children) == 1:
            item.place = Place(self._span(low, high))
            self._block(item.children[0], low, high)

    def _span(self, low: int, high: int) -> Span:
        return self._tokens[low].start, self._tokens[high - 1].end + 1

    def _top(self, low: int, high: int) -> Iterator[int]:
        """Indexes of the tokens outside parentheses, brackets and CASE … END; of such a group only the first token."""
        at = low
        while at < high:
            yield at
            at = self._close.get(at, at) + 1

    def _block(self, block: Block, low: int, high: int) -> None:
        start, end = self._span(low, high)
        comments = _TAIL_COMMENTS.match(self._text, end)
        block.span = start, end + len(comments[0].rstrip()) if comments else end
        if block.opaque:
            return
        found = [("with", low)] if self._types[low] == TokenType.WITH else []
        body = self._after_ctes(low) if found else low
        if block.clause("branches"):
            found.append(("branches", body))
            last = max((at for at in self._top(body, high) if self._types[at] in _SET_OPERATORS), default=body)
            found += [(_CLAUSES[self._types[at]], at) for at in self._top(last, high) if self._types[at] in _TAILS]
        else:
            found += [(_CLAUSES[self._types[at]], at) for at in self._top(body, high) if self._is_clause(at)]
        if [name for name, _ in found] != [clause.name for clause in block.clauses]:
            return
        block.located = True
        ends = [at for _, at in found[1:]] + [high]
        for clause, (_, at), end_at in zip(block.clauses, found, ends, strict=True):
            self._clause(clause, at, end_at)
        self._surroundings(block, block.span[1])

    def _surroundings(self, block: Block, block_end: int) -> None:
        """Attach the comments and line breaks between clauses and items to the units they belong to."""
        for before, after in pairwise(block.clauses):
            self._gap(before, after)
        last = block.clauses[-1]
        if last.place:
            closing = parse_gap(self._text[last.place.span[1] : block_end], closing=True)
            last.place = replace(last.place, tail=closing.tail)
        for clause in block.clauses:
            if not clause.itemized or not clause.place:
                continue
            first = clause.items[0]
            if first.place:
                gap = parse_gap(self._text[clause.header_end : first.place.span[0]])
                clause.header_end += len(gap.tail)
                first.place = replace(first.place, heads=gap.heads, newline=gap.newline)
            for left, right in pairwise(clause.items):
                self._gap(left, right)
            end = clause.items[-1]
            if end.place:
                end.place = replace(end.place, tail=clause.place.tail)

    def _gap(self, before: Clause | Item, after: Clause | Item) -> None:
        if before.place and after.place:
            gap = parse_gap(self._text[before.place.span[1] : after.place.span[0]])
            before.place = replace(before.place, tail=gap.tail)
            after.place = replace(after.place, heads=gap.heads, newline=gap.newline, leading=gap.leading)

    def _is_clause(self, at: int) -> bool:
        if self._types[at] == TokenType.FROM and at > 1 and self._types[at - 1] == TokenType.DISTINCT:
            return self._types[at - 2] not in (TokenType.IS, TokenType.NOT)
        return self._types[at] in _CLAUSES

    def _after_ctes(self, low: int) -> int:
        """The index behind the last CTE of the WITH at ``low``."""
        top = list(self._top(low, len(self._tokens)))
        for place, at in enumerate(top[:-1]):
            is_body = self._types[at] == TokenType.L_PAREN and self._is_query(at + 1, self._close.get(at, at))
            if is_body and self._types[top[place + 1]] != TokenType.COMMA:
                return top[place + 1]
        return low

    def _clause(self, clause: Clause, low: int, high: int) -> None:
        clause.place = Place(self._span(low, high))
        start = low
        if clause.header:
            start = self._after_header(clause, low)
            clause.header_end = self._tokens[start - 1].end + 1
        else:
            clause.header_end = self._tokens[low].start
        starts = self._item_starts(clause, start, high)
        if len(starts) != len(clause.items):
            return
        ends = [first - separators for first, separators in starts[1:]] + [high]
        for item, (first, _), end in zip(clause.items, starts, ends, strict=True):
            if first < end:
                self._item(item, first, end)
        clause.itemized = all(item.place for item in clause.items)

    def _after_header(self, clause: Clause, low: int) -> int:
        if clause.name == "with":
            return low + 2 if self._types[low + 1] == TokenType.RECURSIVE else low + 1
        at = low + 1
        if clause.name == "select" and self._types[at] in (TokenType.ALL, TokenType.DISTINCT):
            on = self._types[at + 1] == TokenType.ON
            at = self._close.get(at + 2, at + 2) + 1 if on else at + 1
        return at

    def _item_starts(self, clause: Clause, low: int, high: int) -> list[tuple[int, int]]:
        """First token of each item, and how many separator tokens stand directly before it."""
        starts = [(low, 0)]
        top = list(self._top(low, high))
        if clause.name in ("where", "having", "qualify"):
            if any(self._types[at] in _OR for at in top):
                return starts
            between = 0
            for at in top:
                if self._types[at] == TokenType.BETWEEN:
                    between += 1
                elif self._types[at] == TokenType.AND and between:
                    between -= 1
                elif self._types[at] == TokenType.AND:
                    starts.append((at + 1, 1))
            return starts
        if not clause.header and clause.name != "branches":
            return starts
        for at in top:
            kind = self._types[at]
            if kind == TokenType.COMMA and clause.name != "branches":
                starts.append((at + 1, 1))
            elif clause.name == "branches" and kind in _SET_OPERATORS:
                starts.append((at, 0))
            elif clause.name == "from" and kind in _JOINS:
                while self._tokens[at - 1].text.upper() in _JOIN_WORDS:
                    at -= 1
                starts.append((at, 0))
        return starts

    def _item(self, item: Item, low: int, high: int) -> None:
        item.place = Place(self._span(low, high))
        ranges = list(self._queries(low, high))
        if len(ranges) == len(item.children):
            for child, (first, end) in zip(item.children, ranges, strict=True):
                self._block(child, first, end)

    def _queries(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Token ranges of the outermost queries between ``low`` and ``high``."""
        at = low
        if self._types[low] in _SET_OPERATORS:
            at = low + 1 + (self._types[low + 1] in (TokenType.ALL, TokenType.DISTINCT))
        if self._types[at] in _STARTS:
            yield at, high
            return
        while at < high:
            close = self._close.get(at, at)
            if self._types[at] == TokenType.L_PAREN and self._is_query(at + 1, close):
                yield at + 1, close
                at = close
            at += 1

    def _is_query(self, low: int, high: int) -> bool:
        if low >= high:
            return False
        if self._types[low] == TokenType.L_PAREN:
            return any(self._types[at] in _SET_OPERATORS for at in self._top(low, high))
        return self._types[low] in _STARTS


def _matching(types: list[TokenType]) -> dict[int, int]:
    """Index of the closing token by index of the opening one."""
    stack: list[int] = []
    close: dict[int, int] = {}
    for at, kind in enumerate(types):
        if kind in _OPEN:
            stack.append(at)
        elif kind in _CLOSE and stack and (kind == TokenType.END) == (types[stack[-1]] == TokenType.CASE):
            close[stack.pop()] = at
    return close
