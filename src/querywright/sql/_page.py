"""Text under construction that knows its current line, and what lies between two items of a clause."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlglot
from sqlglot.tokenizer_core import TokenType

COMMENT = re.compile(r"--[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_INDENT = re.compile(r"[ \t]*")
_SEPARATOR = re.compile(r",|\band\b", re.IGNORECASE)


class Page:
    """Collects text. ``lead`` is what already stands on the first line and is not part of the result."""

    def __init__(self, lead: str = "") -> None:
        self._parts: list[str] = []
        self._line = lead
        self._commented = False

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self._parts)

    @property
    def indent(self) -> str:
        """White space at the start of the current line."""
        return _INDENT.match(self._line)[0]  # type: ignore[index]  # matches always

    def add(self, text: str) -> None:
        """Append as is; on a new line where a comment runs to the end of the current one."""
        if not text:
            return
        if self._commented and not text.lstrip(" \t").startswith("\n"):
            text = f"\n{self.indent}{text.lstrip()}"
        self._commented = False
        self._parts.append(text)
        _, newline, last = text.rpartition("\n")
        self._line = last if newline else self._line + text

    def comment(self, text: str) -> None:
        """Append a comment; what follows goes to a new line where it must."""
        self.add(text)
        self._commented = "--" in text or "#" in text

    def place(self, text: str, lead: str | None, dialect: str) -> None:
        """Append text that comes from elsewhere, its later lines shifted to fit.

        ``lead`` is what stood before it on its first line; None for generated text, laid out from column zero.
        """
        lines = text.split("\n")
        if len(lines) > 1:
            fixed = _lines_inside_strings(text, dialect)
            free = [place for place in range(1, len(lines)) if place not in fixed and lines[place].strip()]
            widths = [len(lines[place]) - len(lines[place].lstrip()) for place in free]
            least = min(widths, default=0)
            if lead is None:
                shift = len(self.indent)
            elif least >= len(lead) or not lead.strip():
                shift = len(self._line) - len(lead)
            else:  # laid out from the start of its line, not from its own
                shift = len(self.indent) - least
            for place, width in zip(free, widths, strict=True):
                lines[place] = " " * max(0, width + shift) + lines[place].lstrip()
        self.add("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Gap:
    """The text between two items.

    ``tail`` are the comments behind the first item with the blanks before them, ``heads`` those in front of the second;
    ``newline`` is the line break with indentation that starts the second item's line, empty on one line; ``leading`` tells
    whether the separator stands on the second item's line.
    """

    tail: str
    heads: tuple[str, ...]
    newline: str
    leading: bool


def parse_gap(text: str, *, closing: bool = False) -> Gap:
    """Take the text between two items apart. ``closing``: nothing follows, so every comment belongs to the item before."""
    comments = list(COMMENT.finditer(text))
    blank = COMMENT.sub(lambda found: "\0" * len(found[0]), text)
    first, last = blank.find("\n"), blank.rfind("\n")
    separator = _SEPARATOR.search(blank)
    tail, heads = "", []
    for comment in comments:
        on_first_line = first < 0 or comment.start() < first
        before_separator = separator is not None and comment.end() <= separator.start()
        if on_first_line and (first >= 0 or before_separator or closing):
            blanks = re.search(r"[ \t]*\Z", text[: comment.start()])
            tail += (blanks[0] if blanks else "") + comment[0]
        else:
            heads.append(comment[0])
    newline = "\n" + _INDENT.match(text, last + 1)[0] if last >= 0 else ""  # type: ignore[index]
    return Gap(tail, tuple(heads), newline, separator is not None and separator.start() > last >= 0)


def _lines_inside_strings(text: str, dialect: str) -> set[int]:
    """Numbers of the lines that start inside a literal or quoted name: their blanks are part of the value."""
    if not any(quote in text for quote in "'\"$`"):
        return set()
    inside: set[int] = set()
    for token in sqlglot.tokenize(text, read=dialect):
        breaks = text.count("\n", token.start, token.end + 1)
        if breaks and token.token_type not in (TokenType.GROUP_BY, TokenType.ORDER_BY):
            line = text.count("\n", 0, token.start)
            inside.update(range(line + 1, line + breaks + 1))
    return inside
