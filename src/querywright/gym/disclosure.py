"""What clients may read of errors and of reasons: nothing that holds values from the data.

Messages of the parser and the binder speak of the query and the schema. Those of a running query may quote cells, so that a query
that casts text to numbers could read out tables; of them only the kind is told.
"""

from __future__ import annotations

import re

_ABOUT_TEXT = ("Binder Error", "Catalog Error", "Parser Error", "Syntax Error", "no such", "ambiguous column", "near ")
_KIND = re.compile(r"[A-Z][A-Za-z-]*(?: [A-Z][A-Za-z-]*)* (?:Error|Exception)")
_LONGEST = 300


def shown_error(message: str) -> str:
    """An engine's error message without values from the data.

    >>> shown_error("Conversion Error: Could not convert string 'u1@mail.com' to INT32")
    'The query fails while it runs: Conversion Error.'
    """
    first = message.strip().partition("\n")[0]
    if first.startswith(_ABOUT_TEXT):
        return first[:_LONGEST]
    kind = _KIND.match(first)
    return f"The query fails while it runs: {kind[0]}." if kind else "The query fails while it runs."


def shown_reason(reason: str, hidden: bool) -> str:
    """A verdict's reason; of ``hidden`` databases no more is told than that the results differ there."""
    if hidden:
        return "The result differs on hidden data."
    before, failing, error = reason.partition("fails: ")
    return f"{before}fails: {shown_error(error)}" if failing else reason[:_LONGEST]
