"""Texts that match the patterns of LIKE, GLOB, SIMILAR TO and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

REGULAR = (exp.RegexpLike, exp.RegexpILike, exp.RegexpFullMatch, exp.RegexpExtract, exp.RegexpReplace, exp.SimilarTo)
"""What takes a regular expression as its second operand; SIMILAR TO is read as one, as DuckDB does."""

_CLASSES = {"d": "1", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "n": "\n", "t": "\t", "b": "", "B": "", "A": "", "z": ""}
_SAMPLES = "a1 -_Zz.é\n"
_NAMED = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "punct": ".,;-",
}
_MOST_REPEATED = 50
_LONGEST = 20


def texts_matching(literal: exp.Literal) -> list[str]:
    """Texts that the pattern in ``literal`` matches, the shortest first; none where it is no pattern."""
    parent = literal.parent
    if parent is None or parent.args.get("expression") is not literal:
        return []
    if isinstance(parent, (exp.Like, exp.ILike)):
        return like_matches(literal.name)
    if isinstance(parent, exp.Glob):
        return like_matches(literal.name.replace("*", "%").replace("?", "_"))
    return expression_matches(literal.name) if isinstance(parent, REGULAR) else []


def like_matches(pattern: str) -> list[str]:
    """Texts that a LIKE pattern matches, the shortest first."""
    return [pattern.replace("%", "").replace("_", "x"), pattern.replace("%", "zz").replace("_", "y")]


def expression_matches(pattern: str) -> list[str]:
    """Texts in which a regular expression finds something: with as few repetitions as it asks for, with more, inside others."""
    found: dict[str, None] = {}
    for more in (0, 1, 2):
        for branch in (0, 1):
            text = _Sampler(_spelled_out(pattern), more, branch).text()
            found.update(dict.fromkeys((text, f"x{text}", f"{text}x", f"{text}\nx")))
    return [text for text in found if finds(pattern, text) is not False]


def over_lines(pattern: str) -> str:
    """What a regular expression matches where its dots stand for ends of lines, which is up to its flags."""
    return _Sampler(_spelled_out(pattern), 1, 0, dot="\n").text()


def finds(pattern: str, text: str, *, whole: bool = False) -> bool | None:
    """Whether a regular expression matches in ``text``, or all of it; None where that cannot be said here.

    Long texts are not tried, since a match can take time that grows exponentially with them.
    """
    if len(text) > _LONGEST:
        return None
    try:
        return (re.fullmatch if whole else re.search)(_spelled_out(pattern), text) is not None
    except (re.error, OverflowError):  # of another flavor
        return None


def _spelled_out(pattern: str) -> str:
    """``pattern`` without POSIX's names of classes, which Python does not know."""
    return re.sub(r"\[:(\w+):\]", lambda match: _NAMED.get(match[1], "a-z"), pattern)


class _Sampler:
    """Reads a regular expression from left to right and writes what it reads; ``branch`` is the alternative that it takes,
    ``dot`` what it writes for any character."""

    def __init__(self, pattern: str, more: int, branch: int, dot: str = "a") -> None:
        self.characters = pattern
        self.position = 0
        self.more = more
        self.branch = branch
        self.dot = dot

    def text(self) -> str:
        parts = []
        while self.position < len(self.characters):  # past a parenthesis that nothing opens
            parts.append(self.alternatives())
            self.position += 1
        return "".join(parts)

    def alternatives(self) -> str:
        found = [self.sequence()]
        while self.peek() == "|":
            self.position += 1
            found.append(self.sequence())
        return found[self.branch % len(found)]

    def sequence(self) -> str:
        parts: list[str] = []
        while self.peek() not in ("", "|", ")"):
            atom = self.atom()
            parts.append(atom * self.repetitions())
        return "".join(parts)

    def peek(self) -> str:
        return self.characters[self.position : self.position + 1]

    def next(self) -> str:
        self.position += 1
        return self.characters[self.position - 1 : self.position]

    def atom(self) -> str:
        character = self.next()
        if character == "(":
            self.skip(re.compile(r"\?(?:[a-z]*:|P?<\w+>|[a-z]+(?=\)))"))
            found = self.alternatives()
            self.position += 1
            return found
        if character == "[":
            return self.member()
        if character == "\\":
            escaped = self.next()
            return _CLASSES.get(escaped, escaped)
        return "" if character in "^$" else self.dot if character == "." else character

    def member(self) -> str:
        """A character of a class in brackets."""
        match = re.compile(r"\^?\]?(?:\\.|[^\]])*\]").match(self.characters, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return next((sample for sample in self.candidates(match[0]) if finds(f"[{match[0]}", sample, whole=True)), "")

    def candidates(self, members: str) -> Iterator[str]:
        yield from _SAMPLES
        yield from (chr(code) for code in range(33, 127))
        yield from members

    def repetitions(self) -> int:
        character = self.peek()
        if character and character in "*+?":
            self.position += 1
            self.skip(re.compile(r"[?+]"))
            return min(self.more, 1) if character == "?" else self.more + (character == "+")
        bounds = re.compile(r"\{(\d+)(,?)(\d*)\}\??").match(self.characters, self.position)
        if bounds is None:
            return 1
        self.position = bounds.end()
        least = int(bounds[1])
        most = int(bounds[3]) if bounds[3] else least + self.more if bounds[2] else least
        return min(least + self.more, most, _MOST_REPEATED)

    def skip(self, expression: re.Pattern[str]) -> None:
        match = expression.match(self.characters, self.position)
        self.position = match.end() if match is not None else self.position
