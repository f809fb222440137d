"""Answers of queries on small databases, and whether a candidate's answer is a valid answer of the original."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from querywright.engines.protocol import Connection
from querywright.errors import StatementError, StatementOutOfMemory
from querywright.values import Bindings
from querywright.verification.compare import Difference, Terms
from querywright.verification.rows import Row, same_sequence, unmatched
from querywright.verification.stored import is_floating

_MOST_ROWS = 20_000
_SHOWN = 5
_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT", "JSON")


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query with their types, or the engine's error."""

    rows: tuple[tuple[object, ...], ...] = ()
    types: tuple[str, ...] = ()
    error: str | None = None


def answer(connection: Connection, sql: str, bindings: Bindings) -> Answer:
    """Worker side: run one query; an error of the statement is an answer too."""
    try:
        result = connection.fetch(sql, bindings, _MOST_ROWS)
    except (StatementError, StatementOutOfMemory) as error:
        return Answer(error=error.message)
    return Answer(result.rows, result.types)


def difference(
    original: Answer, candidate: Answer, terms: Terms, lifted: Callable[[], Answer] | None = None
) -> Difference | None:
    """Why ``candidate`` is no valid answer, None if it is one or the original failed.

    ``lifted`` runs the original without its outermost LIMIT, for originals whose LIMIT leaves a choice.
    """
    if original.error is not None:
        return None
    if candidate.error is not None:
        return Difference(f"Only the candidate fails: {candidate.error}")
    if candidate == original and not any(kind.startswith(_NESTED) or kind.endswith("]") for kind in original.types):
        return None  # row by row the same; cells of nested types may be equal in Python and yet differ
    kinds = [*enumerate(original.types), *enumerate(candidate.types)]
    floating = frozenset(i for i, kind in kinds if is_floating(kind) or (not kind and i in terms.floating))
    if original.rows and candidate.rows and len(original.rows[0]) != len(candidate.rows[0]):
        return Difference(f"The original has {len(original.rows[0])} columns, the candidate {len(candidate.rows[0])}.")
    left, right = unmatched(original.rows, candidate.rows, floating)
    keys = list(takewhile(lambda position: position not in floating, terms.keys))
    if left or right:
        found = Difference("The rows differ.", _shown(left), _shown(right))
        if lifted is None or len(original.rows) != len(candidate.rows) or terms.hidden_key:
            return found
        ours, theirs = ([[row[position] for position in terms.keys] for row in side.rows] for side in (original, candidate))
        among_keys = frozenset(index for index, position in enumerate(terms.keys) if position in floating)
        if terms.keys and unmatched(ours, theirs, among_keys) != ([], []):
            return found
        if unmatched(lifted().rows, candidate.rows, floating)[1]:
            return found
    elif terms.total:
        keys = [position for position in range(len(original.types)) if position not in floating]
    if not same_sequence(original.rows, candidate.rows, keys, floating):
        return Difference("Both return the same rows, but in a different order.", original.rows[:_SHOWN], candidate.rows[:_SHOWN])
    return None


def _shown(rows: Sequence[Row]) -> tuple[tuple[object, ...], ...]:
    return tuple(tuple(row) for row in rows[:_SHOWN])
