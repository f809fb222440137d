"""Line breaks for generated parts, after the manner of the text around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from querywright.sql._blocks import Clause, Item


@dataclass(frozen=True, slots=True)
class Breaks:
    """White space in front of a clause's first item, of an item behind a comma, and of any other item.

    ``leading``: separators stand in front of their item's line, not at the end of the line before.
    """

    first: str
    comma: str
    other: str
    leading: bool


@dataclass(frozen=True, slots=True)
class Style:
    """How a block is laid out: the indentation of its clauses, all ``one_line``, and whether items hang below their keyword."""

    indent: str
    one_line: bool
    hanging: bool

    def newline(self, before: Clause) -> str:
        """The break between the clause ``before`` and the next one."""
        return " " if self.one_line and before.name != "with" else f"\n{self.indent}"

    def breaks(self, clause: Clause, old_items: Sequence[Item]) -> Breaks:
        """Breaks for ``clause``; those between the original's ``old_items`` come first."""
        conjuncts = any(item.separator == "AND" for item in clause.items)
        default = self._default(clause, conjuncts)
        if not old_items or not old_items[0].place:
            return default
        first = old_items[0].place.newline
        following = [item for item in old_items[1:] if item.place]
        learned = [(item.separator == ",", item.place) for item in following if item.place]
        comma = next((place.newline for is_comma, place in learned if is_comma and place.newline), "")
        other = next((place.newline for is_comma, place in learned if not is_comma and place.newline), "")
        flat = " " if learned or self.one_line else ""
        return Breaks(
            first or (" " if clause.header else ""),
            comma or (flat if any(is_comma for is_comma, _ in learned) else "") or first or default.comma,
            other or (flat if any(not is_comma for is_comma, _ in learned) else "") or first or default.other,
            any(place.leading for _, place in learned) if learned else default.leading,
        )

    def _default(self, clause: Clause, conjuncts: bool) -> Breaks:
        if self.one_line:
            return Breaks(" " if clause.header else "", " ", " ", leading=False)
        below = f"\n{self.indent}  "
        if not clause.header:
            return Breaks("", f"\n{self.indent}", f"\n{self.indent}", leading=False)
        if clause.name == "with":
            return Breaks(" ", f"\n{self.indent}", f"\n{self.indent}", leading=False)
        if clause.name == "from":
            return Breaks(" ", f"\n{self.indent}     ", f"\n{self.indent}", leading=False)
        if self.hanging:
            return Breaks(below, below, below, leading=conjuncts)
        aligned = below if conjuncts else f"\n{self.indent}{' ' * (len(clause.header) + 1)}"
        return Breaks(" ", aligned, aligned, leading=conjuncts)
