"""Long pieces of one stored result that stand in the same order in another, such as the branches of a UNION ALL (DuckDB).

Rows in step are several times cheaper to compare than rows that a join must bring together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from querywright.engines.protocol import Connection

_MOST_PIECES = 16
_SAMPLED_ROWS = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows ``first`` to ``last`` of one table, which seem to be ``shift`` rows further on in the other."""

    first: int
    last: int
    shift: int


def pieces(connection: Connection, left: str, right: str, over: str, rows: int) -> list[Piece]:
    """The pieces that ``left``, of ``rows`` rows, consists of, one after the other; a join ``over`` a key of it shows them.

    ``left`` and ``right`` are tables as they are written in a statement, called o and c in ``over``. Empty where there are no
    such pieces or more than a few, which a sample tells: rows in any order would make as many groups as there are rows.
    """
    paired = f"FROM {left} AS o JOIN {right} AS c ON {over}"
    sampled = f"o.rowid % {max(1, rows // _SAMPLED_ROWS)} = 0"
    shifts = connection.fetch(f"SELECT COUNT(DISTINCT c.rowid - o.rowid) {paired} WHERE {sampled}").rows[0][0]
    if cast(int, shifts) > _MOST_PIECES:
        return []
    grouped = connection.fetch(
        f"SELECT MIN(o.rowid), MAX(o.rowid), c.rowid - o.rowid AS shift {paired} GROUP BY shift", max_rows=_MOST_PIECES
    )
    found = [Piece(*cast("tuple[int, int, int]", row)) for row in grouped.rows if None not in row]
    found.sort(key=lambda piece: piece.first)
    follows = all(piece.first == before.last + 1 for before, piece in pairwise(found))
    return found if grouped.complete and follows else []


def agreeing(connection: Connection, left: str, right: str, found: Sequence[Piece], test: str) -> int:
    """How many rows of ``left`` pass ``test`` with their partners in ``right``, where row by row the pieces say."""

    def part(table: str, first: int, last: int) -> str:
        return f"(SELECT * FROM {table} WHERE rowid BETWEEN {first} AND {last})"

    pairs = (
        f"SELECT 1 FROM {part(left, one.first, one.last)} AS o "
        f"POSITIONAL JOIN {part(right, one.first + one.shift, one.last + one.shift)} AS c WHERE {test}"
        for one in found
    )
    return cast(int, connection.fetch(f"SELECT COUNT(*) FROM ({' UNION ALL '.join(pairs)}) AS pairs").rows[0][0])
