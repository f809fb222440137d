"""Prints a rewritten query so that everything it left alone stays as the user wrote it: comments, line breaks, spelling.

The rewrite is computed on qualified trees; their units (CTEs, blocks, clauses, items) are found again in the user's text, and
only what is new is generated. The result is then parsed, qualified and compared with the rewritten tree, so that reused text can
never change the meaning: where it would, the next, more careful way of printing is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from sqlglot import exp
from sqlglot.errors import SqlglotError

from querywright.errors import QuerywrightError
from querywright.sql._blocks import Decomposer, Item
from querywright.sql._printer import Printer
from querywright.sql._spans import locate
from querywright.sql._spelling import lower_cased, needed_quotes, prefers_lower_case, simplified
from querywright.sql.trees import copied, printed

Requalify = Callable[[str], exp.Expr]
"""Parses a text and qualifies it against the schema of the original; types are not needed. May raise `QuerywrightError` or
`SqlglotError`."""


class Layout:
    """The ``text`` of a query and its qualified tree ``original``, taken apart once for all the rewrites to be printed."""

    def __init__(self, text: str, original: exp.Expr, dialect: str) -> None:
        self._text = text
        self._original = original
        self._dialect = dialect

    def render(self, rewritten: exp.Expr, requalify: Requalify) -> str:
        """The text of ``rewritten``, a tree derived from the original.

        A tree that changes nothing gives back the text byte for byte. No tree is modified. Deterministic.
        """
        dialect = self._dialect
        after = Decomposer(dialect).statement(simplified(rewritten, dialect))
        if self._units.key == after.key:
            return self._text
        expected = _canonical(rewritten, dialect)
        accepted = {expected}
        for version in self._versions(rewritten, after):
            actual = _meaning(version, dialect, requalify)
            if actual is not None and actual not in accepted and len(accepted) == 1:
                # The tree itself may not be a fixed point of qualifying; its plain text decides then.
                accepted.add(_meaning(printed(rewritten, dialect), dialect, requalify) or expected)
            if actual in accepted:
                return version
        return printed(rewritten, dialect, pretty=True)

    def _versions(self, rewritten: exp.Expr, after: Item) -> Iterator[str]:
        """Ways to print the rewrite, from the smallest difference to the safest."""
        if self._located.children and after.children:
            block = self._located.children[0]
            for careful in (False, True):
                printer = Printer(self._text, self._dialect, block, self._qualifiers, lower=self._lower, careful=careful)
                yield printer.print(after.children[0])
        plain = simplified(rewritten, self._dialect).sql(self._dialect, copy=False, pretty=True)
        yield lower_cased(plain, self._dialect) if self._lower else plain

    @cached_property
    def _units(self) -> Item:
        return Decomposer(self._dialect).statement(simplified(self._original, self._dialect))

    @cached_property
    def _located(self) -> Item:
        locate(self._units, self._text, self._dialect)
        return self._units

    @cached_property
    def _lower(self) -> bool:
        return prefers_lower_case(self._text, self._dialect)

    @cached_property
    def _qualifiers(self) -> list[tuple[int, str]]:
        return _qualifiers(self._text, self._original, self._dialect)


def render(text: str, original: exp.Expr, rewritten: exp.Expr, dialect: str, requalify: Requalify) -> str:
    """`Layout.render` for a single rewrite."""
    return Layout(text, original, dialect).render(rewritten, requalify)


def _meaning(text: str, dialect: str, requalify: Requalify) -> str | None:
    """The canonical SQL of ``text``; None where it is not valid."""
    try:
        return _canonical(requalify(text), dialect)
    except (SqlglotError, QuerywrightError):
        return None


def _canonical(tree: exp.Expr, dialect: str) -> str:
    return copied(tree, typed=False).sql(dialect, copy=False, comments=False, identify=True)


def _qualifiers(text: str, original: exp.Expr, dialect: str) -> list[tuple[int, str]]:
    """(offset, "table.") for each column that ``text`` names without its table, ascending."""
    found: dict[int, str] = {}
    for column in original.find_all(exp.Column):
        table = column.args.get("table")
        start: int | None = column.this.meta.get("start")
        if table is None or start is None or text[:start].rstrip().endswith("."):
            continue
        if text[start : start + len(column.name)].lower() == column.name.lower():
            found[start] = f"{needed_quotes(table, dialect).sql(dialect, copy=False)}."
    return sorted(found.items())
