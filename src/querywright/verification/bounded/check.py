"""Whether two queries give the same answer on every database with at most k rows a table.

    found = bounded(original, candidate, schema, "duckdb", seconds=5)     # qualified trees
    match found:
        case Bounded(rows=k, premises=premises): ...
        case Suspect(rows=rows): ...        # a database on which they may differ: run it
        case Unbounded(reason=reason): ...

What is bounded is the number of rows; values are any of their types, so that this is not enumeration. The assumptions are those
of `querywright.verification.proof`. A `Suspect` proves nothing by itself: functions that the solver knows nothing about
may have other values there than in the engine. Needs z3, like the proof.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from querywright.sql.schema import Schema
from querywright.values import Premise
from querywright.verification.proof.kinds import Unsupported
from querywright.verification.terms import Value

LEAST_ROWS = 2
"""One row a table says nothing of joins, groups and duplicates."""

MOST_ROWS = 3


@dataclass(frozen=True, slots=True)
class Bounded:
    """Equal on every database with at most ``rows`` rows a table for which the premises hold."""

    rows: int
    premises: tuple[Premise, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """Rows by lower-case table name, each a value by lower-case column name, on which the queries may differ."""

    rows: Mapping[str, tuple[Mapping[str, Value], ...]]
    seconds: float


@dataclass(frozen=True, slots=True)
class Unbounded:
    """Nothing was found out; ``reason`` is a sentence that says why."""

    reason: str
    seconds: float


def bounded(
    original: exp.Query, candidate: exp.Query, schema: Schema, dialect: str, seconds: float = 5.0, most_rows: int = MOST_ROWS
) -> Bounded | Suspect | Unbounded:
    """Try `LEAST_ROWS` to ``most_rows`` rows a table for at most about ``seconds`` in all; the most that was decided counts."""
    began = time.monotonic()
    try:
        import z3

        from querywright.verification.bounded.trial import Trial
    except ImportError:
        return Unbounded("The bounded proof needs the solver z3: pip install 'querywright[prove]'.", 0.0)
    from querywright.verification.proof.deadline import OutOfTime, until
    from querywright.verification.proof.normalize import TooLarge

    best: Bounded | Suspect | Unbounded = Unbounded("", 0.0)
    deadline = began + seconds
    try:
        with until(deadline):
            trial = Trial(original, candidate, schema, dialect)
            for rows in range(LEAST_ROWS, most_rows + 1):
                found = trial.decide(rows, deadline)
                if isinstance(found, Suspect):
                    best = found
                    break
                best = found if isinstance(found, Bounded) else _kept(best, found.reason)
    except Unsupported as error:
        best = _kept(best, f"The bounded proof does not cover {error}.")
    except (TooLarge, RecursionError):
        best = _kept(best, f"The queries join or nest too much for {LEAST_ROWS} rows a table.")
    except OutOfTime:
        best = _kept(best, f"{LEAST_ROWS} rows a table could not be decided within {seconds:g} s.")
    except z3.Z3Exception as error:
        best = _kept(best, f"The solver gave up: {error}.")
    return replace(best, seconds=time.monotonic() - began)


def _kept(best: Bounded | Suspect | Unbounded, reason: str) -> Bounded | Suspect | Unbounded:
    return best if isinstance(best, Bounded) else Unbounded(reason, 0.0)
