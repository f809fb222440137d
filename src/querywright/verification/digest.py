"""Digests of answers: the number of rows and sums of hashes, whatever the order. Different digests mean different answers.

Like digests prove nothing. They are cheap where an answer need not be kept: on a large database on which a candidate that passed
full comparisons elsewhere runs once more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

from querywright.engines._text import bare
from querywright.engines.protocol import Connection
from querywright.engines.session import timed
from querywright.values import Run
from querywright.verification.stored import is_floating, quoted

_TEXT_HASH = "COALESCE(SUM(CASE typeof({0}) WHEN 'text' THEN 31 * length({0}) + COALESCE(unicode({0}), 0) END), 0)"
_TOLERANCE = 1e-6
"""Relative; sums of many cells, each of which may be off by 1e-9."""


@dataclass(frozen=True, slots=True)
class Digest:
    """``hashes`` is the sum of the hashes of all rows, floating-point cells left out; of each floating-point column there are
    the number of values and their sum. ``run`` is how long computing took."""

    types: tuple[str, ...]
    rows: int
    hashes: int
    floating: tuple[tuple[int, float], ...]
    run: Run = field(compare=False)


def digest(connection: Connection, sql: str, dialect: str) -> Digest:
    """Worker side: the digest of a query's answer. In SQLite, which has neither hashes nor types, all columns count as numbers,
    and the hashes are lengths and first letters of texts."""
    types = tuple(kind for _, kind in connection.describe(sql))
    names = [quoted(f"c{position}") for position in range(len(types))]
    if dialect == "duckdb":
        inexact = [name for name, kind in zip(names, types, strict=True) if is_floating(kind)]
        exact = [name for name, kind in zip(names, types, strict=True) if not _holds_floats(kind)]
        hashed = f"COALESCE(SUM(hash({', '.join(exact)})), 0)" if exact else "0"
        sums = [f"COUNT({name}), COALESCE(SUM(CASE WHEN isfinite({name}) THEN {name} END), 0)" for name in inexact]
        text = f"SELECT {', '.join(['COUNT(*)', hashed, *sums])} FROM ({bare(sql)}) AS answer({', '.join(names)})"
    else:
        hashed = " + ".join(f"{place} * {_TEXT_HASH.format(name)}" for place, name in enumerate(names, 1))
        sums = [f"COUNT({name}), COALESCE(TOTAL({name}), 0.0)" for name in names]
        # Otherwise SQLite leaves out what nothing reads, and computes what is read twice as often.
        source = f"WITH answer({', '.join(names)}) AS MATERIALIZED ({bare(sql)})"
        text = f"{source} SELECT {', '.join(['COUNT(*)', hashed, *sums])} FROM answer"
    result, run = timed(partial(connection.fetch, text))
    rows, hashes, *pairs = (cell if isinstance(cell, float) else int(str(cell)) for cell in result.rows[0])
    floating = tuple((int(count), float(total)) for count, total in zip(pairs[::2], pairs[1::2], strict=True))
    return Digest(types, int(rows), int(hashes), floating, run)


def alike(one: Digest, other: Digest) -> bool:
    """Whether two digests may be of the same answer."""
    if (one.types, one.rows, one.hashes) != (other.types, other.rows, other.hashes):
        return False
    return all(
        count == other_count and math.isclose(total, other_total, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
        for (count, total), (other_count, other_total) in zip(one.floating, other.floating, strict=True)
    )


def _holds_floats(kind: str) -> bool:
    return any(name in kind.upper() for name in ("DOUBLE", "FLOAT", "REAL"))
