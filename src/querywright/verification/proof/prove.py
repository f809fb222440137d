"""Proves that two queries give the same answer on every database that obeys a schema, or says why it cannot.

    found = prove(original, candidate, schema, "duckdb", seconds=5)     # qualified trees, see `querywright.sql.qualify`
    match found:
        case Proof(premises=premises): ...
        case Unproved(reason=reason): ...

Both queries become sums over rows (`translate`), which are reduced (`normalize`) and matched (`equality`); what holds for
single rows is decided by an SMT solver (`reasoner`). Bag semantics and three-valued logic throughout; order counts where the
original sorts its result. A proof assumes that values have the declared types, that texts are equal only if they are the same,
and that no arithmetic overflows. Equality is that of values, whatever the width of a number.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.schema import Schema
from querywright.values import Premise
from querywright.verification.proof.kinds import Unsupported
from querywright.verification.proof.normalize import TooLarge


@dataclass(frozen=True, slots=True)
class Proof:
    """Both queries are equal on every database for which the premises hold."""

    premises: tuple[Premise, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Unproved:
    """No proof was found; ``reason`` is a sentence that says why, ``kind`` one word for statistics."""

    kind: str
    reason: str
    seconds: float


def prove(original: exp.Query, candidate: exp.Query, schema: Schema, dialect: str, seconds: float = 5.0) -> Proof | Unproved:
    """Try for at most about ``seconds`` to prove two qualified queries equal; never raises for a query it cannot handle."""
    began = time.monotonic()
    try:
        import z3

        from querywright.verification.proof.attempt import attempted
    except ImportError:
        return Unproved("solver", "The proof needs the solver z3: pip install 'querywright[prove]'.", 0.0)
    try:
        premises, reason = attempted(original, candidate, schema, dialect, began + seconds)
    except Unsupported as error:
        return Unproved("feature", f"The proof does not cover {error}.", time.monotonic() - began)
    except (TooLarge, RecursionError):
        return Unproved("size", "The queries have too many branches or levels to compare.", time.monotonic() - began)
    except z3.Z3Exception as error:
        return Unproved("solver", f"The solver gave up: {error}.", time.monotonic() - began)
    took = time.monotonic() - began
    if premises is None:
        kind, _, why = reason.partition(":")
        return Unproved(kind, f"No proof was found within {seconds:g} s." if kind == "timeout" else why, took)
    return Proof(premises, took)
