"""Prints a rewritten query so that everything it left alone stays as the user wrote it: comments, line breaks, spelling.

The rewrite is computed on qualified trees; their units (CTEs, blocks, clauses, items) are found again in the user's text, and
only what is new is generated. The result is then parsed, qualified and compared with the rewritten tree, so that reused text can
never change the meaning: where it would, the next, more careful way of printing is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError

from querywright.errors import QuerywrightError
from querywright.sql._blocks import Decomposer, Item
from querywright.sql._printer import Printer
from querywright.sql._spans import locate
from querywright.sql._spelling import lower_cased, needed_quotes, prefers_lower_case, simplified

Requalify = Callable[[str], exp.Expr]
"""Parses a text and qualifies it against the schema of the original. May raise `QuerywrightError` or `SqlglotError`."""


def render(text: str, original: exp.Expr, rewritten: exp.Expr, dialect: str, requalify: Requalify) -> str:
    """The text of ``rewritten``, a tree derived from ``original``, which is the qualified tree of ``text``.

    A tree that changes nothing gives back ``text`` byte for byte. Neither tree is modified. Deterministic.
    """
    decomposer = Decomposer(dialect)
    before = decomposer.statement(simplified(original, dialect))
    after = decomposer.statement(simplified(rewritten, dialect))
    if before.key == after.key:
        return text
    expected = _canonical(rewritten, dialect)
    accepted = {expected}
    for printed in _printings(text, original, rewritten, before, after, dialect):
        actual = _meaning(printed, dialect, requalify)
        if actual is not None and actual not in accepted and len(accepted) == 1:
            # The tree itself may not be a fixed point of qualifying; its plain text decides then.
            accepted.add(_meaning(rewritten.sql(dialect), dialect, requalify) or expected)
        if actual in accepted:
            return printed
    return rewritten.sql(dialect, pretty=True)


def _printings(text: str, original: exp.Expr, rewritten: exp.Expr, before: Item, after: Item, dialect: str) -> Iterator[str]:
    """Ways to print the rewrite, from the smallest difference to the safest."""
    locate(before, text, dialect)
    lower = prefers_lower_case(text, dialect)
    if before.children and after.children:
        qualifiers = _qualifiers(text, original, dialect)
        for careful in (False, True):
            printer = Printer(text, dialect, before.children[0], qualifiers, lower=lower, careful=careful)
            yield printer.print(after.children[0])
    plain = simplified(rewritten, dialect).sql(dialect, pretty=True)
    yield lower_cased(plain, dialect) if lower else plain


def _meaning(text: str, dialect: str, requalify: Requalify) -> str | None:
    """The canonical SQL of ``text``; None where it is not valid."""
    try:
        return _canonical(requalify(text), dialect)
    except (SqlglotError, QuerywrightError):
        return None


def _canonical(tree: exp.Expr, dialect: str) -> str:
    return tree.sql(dialect, comments=False, identify=True)


def _qualifiers(text: str, original: exp.Expr, dialect: str) -> list[tuple[int, str]]:
    """(offset, "table.") for each column that ``text`` names without its table, ascending."""
    found: dict[int, str] = {}
    for column in original.find_all(exp.Column):
        table = column.args.get("table")
        start: int | None = column.this.meta.get("start")
        if table is None or start is None or text[:start].rstrip().endswith("."):
            continue
        if text[start : start + len(column.name)].lower() == column.name.lower():
            found[start] = f"{needed_quotes(table, dialect).sql(dialect)}."
    return sorted(found.items())
