"""Prints a decomposed rewritten query, taking from the original's text every unit that it still contains.

Each rewritten block looks for the original block it came from, its template: the one with the same items, or else with the
most. A block with a template is the template's text with only the changed items cut out, replaced or inserted; a block
without is laid out in the manner of the original. Nothing here guarantees meaning: `querywright.sql.layout` checks what
comes out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from sqlglot.dialects.dialect import Dialect

from querywright.sql._blocks import Block, Clause, Item, Span
from querywright.sql._page import Page
from querywright.sql._spelling import lower_cased
from querywright.sql._style import Breaks, Style
from querywright.sql.trees import copied

_SLOT = re.compile(r"SELECT\s+__slot_(\d+)__", re.IGNORECASE)
_OPERATOR = re.compile(r"\w+(\s+(ALL|DISTINCT)\b)?", re.IGNORECASE)
_LEAST_LIKENESS = 0.3
_BY_REFERENCE = ("group", "order")
"""Clauses whose items may name a projection by position or alias."""
_INLINE = ("with", "from")
"""Clauses whose first item follows on the keyword's line, whatever the style."""


class Printer:
    """Prints rewrites of the query ``original`` in ``text``.

    ``qualifiers`` are (offset, "table.") pairs of the columns that the text leaves unqualified. They are inserted where an
    item moves to another block and, if ``careful``, where a block moves and in every block whose tables changed.
    ``lower``: generated SQL is in lower case.
    """

    def __init__(
        self,
        text: str,
        dialect: str,
        original: Block,
        qualifiers: Sequence[tuple[int, str]],
        *,
        lower: bool,
        careful: bool,
    ) -> None:
        self._text = text
        self._dialect = dialect
        self._original = original
        self._qualifiers = qualifiers
        self._lower = lower
        self._careful = careful
        self._generator = Dialect.get_or_raise(dialect).generator(comments=False, pretty=True)
        self._templates = [block for block in original.walk() if block.span]
        self._contents = [Counter(item.key for item in block.items()) for block in self._templates]
        self._exact = {block.key: block for block in reversed(self._templates)}
        clauses = [clause for block in self._templates for clause in block.clauses if clause.itemized and clause.header]
        self._movable = {item.key: item for clause in clauses if clause.name not in _BY_REFERENCE for item in clause.items}
        self._hanging = any(
            clause.items[0].place and clause.items[0].place.newline for clause in clauses if clause.name not in _INLINE
        )

    def print(self, rewritten: Block) -> str:
        """The whole text of ``rewritten``, with what surrounds the original query."""
        start, end = self._original.span or (0, len(self._text))
        page = Page()
        page.add(self._text[:start])
        self._query(page, rewritten, self._original, qualified=False)
        page.add(self._text[end:])
        return page.text

    def _query(self, page: Page, block: Block, seat: Block | None, *, qualified: bool) -> None:
        """Print ``block`` where ``seat``, an original block, stood (None: in a new place)."""
        template = seat if seat and seat.span and seat.key == block.key else self._template(block, seat)
        if template is None or template.span is None:
            inner = Page()
            self._block(inner, block, None, qualified=True)
            page.place(inner.text, None, self._dialect)
        elif template is seat:
            self._from_template(page, block, template, template.span, qualified=qualified)
        else:
            lead = self._lead(template.span[0])
            inner = Page(lead)
            self._from_template(inner, block, template, template.span, qualified=self._careful)
            page.place(inner.text, lead, self._dialect)

    def _template(self, block: Block, seat: Block | None) -> Block | None:
        if exact := self._exact.get(block.key):
            return exact
        content = Counter(item.key for item in block.items())
        best, most = None, _LEAST_LIKENESS
        for template, known in zip(self._templates, self._contents, strict=True):
            likeness = 2 * (content & known).total() / (content.total() + known.total())
            if template.located and (likeness > most or (template is seat and likeness == most)):
                best, most = template, likeness
        return best

    def _from_template(self, page: Page, block: Block, template: Block, span: Span, *, qualified: bool) -> None:
        if template.key == block.key:
            page.add(self._source(span, qualified=qualified))
        else:
            self._block(page, block, template, qualified=qualified)

    def _block(self, page: Page, block: Block, template: Block | None, *, qualified: bool) -> None:
        """Print clause after clause; the text between two clauses stays where both stay."""
        seats = {clause.name: place for place, clause in enumerate(template.clauses)} if template else {}
        changed: set[str] = set()
        if template and _key_of(block, "select") != _key_of(template, "select"):
            changed.add("select")
        if template and _sources(block) != _sources(template):
            changed.add("from")
        qualified = qualified or (self._careful and "from" in changed)
        style = self._style(template)
        before, intact, tail = -1, False, ""
        for number, clause in enumerate(block.clauses):
            at = seats.get(clause.name)
            seat = template.clauses[at] if template and at is not None else None
            if seat and seat.place and number and intact and before + 1 == at and template:
                page.add(self._text[_end(template.clauses[before]) : seat.place.span[0]])
            else:
                page.comment(tail)
                newline = style.newline(block.clauses[number - 1]) if number else ""
                for head in seat.place.heads if seat and seat.place else ():
                    page.add(newline)
                    page.comment(head)
                    newline = newline or f"\n{style.indent}"
                page.add(newline)
            if seat and seat.place and seat.key == clause.key and not self._stale(seat, changed):
                page.add(self._source(seat.place.span, qualified=qualified))
                intact, tail = True, seat.place.tail
            else:
                intact, tail = self._clause(page, clause, seat, style, changed, qualified)
            before = -1 if at is None else at
        if template and template.span and intact and before == len(template.clauses) - 1:
            page.add(self._text[_end(template.clauses[-1]) : template.span[1]])
        else:
            page.comment(tail)

    def _clause(
        self, page: Page, clause: Clause, seat: Clause | None, style: Style, changed: set[str], qualified: bool
    ) -> tuple[bool, str]:
        """Print a clause item by item; the text between two items stays where both stay.

        Returns whether the seat's last item is still the last one, and the comments behind the last item.
        """
        if seat and seat.place and seat.header == clause.header:
            page.comment(self._text[seat.place.span[0] : seat.header_end])
        else:
            page.add(self._cased(clause.header))
            seat = seat if seat and seat.header and clause.header else None
        old_items = seat.items if seat and seat.itemized else []
        header_end = seat.header_end if seat else 0
        breaks = style.breaks(clause, old_items)
        before, tail = -1, ""
        for number, (item, at) in enumerate(zip(clause.items, _aligned(old_items, clause.items), strict=True)):
            old = None if at is None else old_items[at]
            moved = None if old or clause.name in _BY_REFERENCE else self._movable.get(item.key)
            source = old or moved
            if old and old.place and before + 1 == at and item.separator == old.separator:
                start = _end(old_items[before]) if number else header_end
                page.add(self._text[start : old.place.span[0]])
            else:
                heads = source.place.heads if source and source.place else ()
                self._separate(page, item.separator, breaks, tail, heads, first=not number)
            if old and old.place and old.key == item.key and not self._refers(old, clause.name, changed):
                page.add(self._source(old.place.span, qualified=qualified))
            elif old and old.place and _differs_only_inside(old, item):
                start, end = old.place.span
                if old.operator != item.operator:
                    page.add(self._cased(item.operator))
                    start += len(_OPERATOR.match(self._text[start:end])[0])  # type: ignore[index]  # both have one
                self._edited(page, item, old, (start, end), qualified)
            elif moved and moved.place:
                lead = self._lead(moved.place.span[0])
                page.place(self._source(moved.place.span, qualified=True), lead, self._dialect)
            else:
                self._generated(page, item)
            before = -2 if at is None else at
            tail = source.place.tail if source and source.place else ""
        return bool(old_items) and before == len(old_items) - 1, tail

    def _separate(self, page: Page, separator: str, breaks: Breaks, tail: str, heads: Sequence[str], *, first: bool) -> None:
        newline = breaks.first if first else breaks.comma if separator == "," else breaks.other
        separator = self._cased(separator)
        if separator and not breaks.leading:
            page.add(separator if separator == "," else f" {separator}")
        page.comment(tail)
        for head in heads:
            page.add(newline)
            page.comment(head)
        page.add(newline)
        if separator and breaks.leading:
            page.add(f"{separator} ")

    def _edited(self, page: Page, item: Item, old: Item, span: Span, qualified: bool) -> None:
        """The old item's text with other queries inside."""
        at = span[0]
        for child, seat in zip(item.children, old.children, strict=True):
            start, end = seat.span or span
            page.add(self._source((at, start), qualified=qualified))
            self._query(page, child, seat, qualified=qualified)
            at = end
        page.add(self._source((at, span[1]), qualified=qualified))

    def _generated(self, page: Page, item: Item) -> None:
        sql = self._generator.generate(copied(item.node), copy=False)
        pieces = _SLOT.split(self._cased(f"{item.operator}\n{sql}" if item.operator else sql))
        inner = Page()
        for place, piece in enumerate(pieces):
            if place % 2:
                self._query(inner, item.children[int(piece)], None, qualified=True)
            else:
                inner.add(piece)
        page.place(inner.text, None, self._dialect)

    def _stale(self, seat: Clause, changed: set[str]) -> bool:
        """Whether the clause's unchanged text may mean something else: a star over other tables, a position among others."""
        if not self._careful:
            return False
        if not seat.itemized:
            return bool(changed) and seat.name in ("select", *_BY_REFERENCE)
        return any(self._refers(item, seat.name, changed) for item in seat.items)

    def _refers(self, old: Item, clause: str, changed: set[str]) -> bool:
        if not self._careful:
            return False
        text = self._text[slice(*old.place.span)] if old.place else ""
        if clause == "select":
            return "from" in changed and text.endswith("*")
        return clause in _BY_REFERENCE and "select" in changed and text.split()[0].isdigit()

    def _source(self, span: Span, *, qualified: bool) -> str:
        start, end = span
        if not qualified:
            return self._text[start:end]
        pieces = []
        for offset, qualifier in self._qualifiers:
            if start <= offset < end:
                pieces += [self._text[start:offset], qualifier]
                start = offset
        return "".join((*pieces, self._text[start:end]))

    def _lead(self, offset: int) -> str:
        """What stands on the line before ``offset``."""
        return self._text[self._text.rfind("\n", 0, offset) + 1 : offset]

    def _cased(self, sql: str) -> str:
        return lower_cased(sql, self._dialect) if self._lower and sql else sql

    def _style(self, template: Block | None) -> Style:
        if template is None or template.span is None:
            return Style("", one_line=False, hanging=self._hanging)
        own_line = [clause.place.newline for clause in template.clauses[1:] if clause.place and clause.place.newline]
        indent = own_line[0][1:] if own_line else " " * len(self._lead(template.span[0]))
        one_line = "\n" not in self._text[slice(*template.span)]
        return Style(indent, one_line=one_line, hanging=self._hanging)


def _aligned(old: Sequence[Item], new: Sequence[Item]) -> list[int | None]:
    """For each new item the old one that it is or replaces, in ascending order; None for an inserted item.

    Equal items pair first, then, between them, those that differ only in nested queries, then as many as there are in order.
    """
    pairs: list[int | None] = [None] * len(new)

    def pair(low: int, high: int, first: int, last: int, measures: Sequence[str]) -> None:
        if low == high or first == last:
            return
        if not measures:
            pairs[first : first + min(high - low, last - first)] = range(low, low + min(high - low, last - first))
            return
        left = [getattr(item, measures[0]) for item in old[low:high]]
        right = [getattr(item, measures[0]) for item in new[first:last]]
        before, after = low, first
        for match in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
            pair(before, low + match.a, after, first + match.b, measures[1:])
            for step in range(match.size):
                pairs[first + match.b + step] = low + match.a + step
            before, after = low + match.a + match.size, first + match.b + match.size

    pair(0, len(old), 0, len(new), ("key", "skeleton"))
    return pairs


def _differs_only_inside(old: Item, new: Item) -> bool:
    same_shape = (old.skeleton, len(old.children)) == (new.skeleton, len(new.children))
    return same_shape and bool(old.operator) == bool(new.operator) and all(child.span for child in old.children)


def _sources(block: Block) -> list[str]:
    """What the block's FROM clause offers: its tables, and the projections of its derived tables."""
    clause = block.clause("from")
    items = clause.items if clause else []
    inner = (_key_of(query, "select") for item in items for child in item.children for query in child.walk())
    return [*(item.skeleton for item in items), *inner]


def _key_of(block: Block, name: str) -> str:
    clause = block.clause(name)
    return clause.key if clause else ""


def _end(unit: Clause | Item) -> int:
    return unit.place.span[1] if unit.place else 0
