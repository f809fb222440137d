"""LIMIT and OFFSET with smaller numbers, so that databases of a few rows reach what lies beyond them.

A rewrite that is right for every LIMIT and OFFSET is right for small ones. Both queries get the same ones: the outermost of the
original, and in the candidate the outermost and the copies of it, since a rewrite may have moved them into a derived table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.parse import parse_query

_SMALL = ((1, 1), (2, 1), (3, 2))
"""Rows that are kept, and that are skipped before them."""

_NUMBERING = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.Count)


@dataclass(frozen=True, slots=True)
class Cut:
    """The numbers of a LIMIT and an OFFSET, None where there is none or it is not a literal."""

    limit: int | None = None
    offset: int | None = None


def outermost_cut(tree: exp.Query) -> Cut:
    """The outermost LIMIT and OFFSET of a query."""
    return Cut(_number(tree.args.get("limit")), _number(tree.args.get("offset")))


class Lowering:
    """Lowers the LIMIT and OFFSET of an original, and those of its candidates along with them."""

    def __init__(self, original: str, dialect: str) -> None:
        self.original = original
        self.dialect = dialect
        self.tree = parse_query(original, dialect)
        self.cut = outermost_cut(self.tree)
        # Where the original repeats a number, a candidate's copies of it cannot be told from its own.
        self.limit_alone = sum(number == self.cut.limit for number in _numbers(self.tree, exp.Limit)) == 1
        self.offset_alone = sum(number == self.cut.offset for number in _numbers(self.tree, exp.Offset)) == 1
        smaller = (Cut(_least(self.cut.limit, kept), _least(self.cut.offset, skipped)) for kept, skipped in _SMALL)
        self.variants = {cut: self._lowered(self.tree, cut, copies=False) for cut in smaller if cut != self.cut}

    def candidates(self, candidate: str) -> dict[str, str]:
        """The candidate to run in place of the original and, if it can be lowered like them, of each of its ``variants``."""
        if not self.variants or not self._alike(tree := parse_query(candidate, self.dialect)):
            return {self.original: candidate}
        lowered = {text: self._lowered(tree, cut, copies=True) for cut, text in self.variants.items()}
        return {self.original: candidate, **lowered}

    def _alike(self, candidate: exp.Query) -> bool:
        """Whether the same numbers mean the same in a candidate."""
        cut = outermost_cut(candidate)
        if cut.limit != self.cut.limit:
            return False
        if self.cut.offset is None:
            return True
        copies = sum(number == self.cut.offset for number in _numbers(candidate, exp.Offset))
        if cut.offset != self.cut.offset and not (cut.offset is None and self.offset_alone and copies == 1):
            return False
        # Numbered or counted rows may be compared with numbers that follow from the OFFSET.
        return _numbered(candidate) == _numbered(self.tree)

    def _lowered(self, tree: exp.Query, cut: Cut, *, copies: bool) -> str:
        changed = tree.copy()
        for kind, before, after, alone in (
            (exp.Limit, self.cut.limit, cut.limit, self.limit_alone),
            (exp.Offset, self.cut.offset, cut.offset, self.offset_alone),
        ):
            for node in list(changed.find_all(kind)):
                if after is not None and _number(node) == before and (node.parent is changed or (copies and alone)):
                    node.set("expression", exp.Literal.number(after))
        return changed.sql(self.dialect)


def _least(written: int | None, small: int) -> int | None:
    return None if written is None else min(written, small)


def _numbered(tree: exp.Query) -> int:
    return sum(1 for _ in tree.find_all(*_NUMBERING))


def _numbers(tree: exp.Query, kind: type[exp.Limit | exp.Offset]) -> Iterator[int | None]:
    return (_number(node) for node in tree.find_all(kind))


def _number(node: exp.Expr | None) -> int | None:
    if isinstance(node, (exp.Limit, exp.Offset)) and isinstance(node.expression, exp.Literal) and node.expression.name.isdigit():
        return int(node.expression.name)
    return None
