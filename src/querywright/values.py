"""The values that flow through Querywright, from the query to the outcome.

``Query -> Analysis -> Candidate -> Verdict -> Timing -> Attempt -> Outcome``: frozen data, no behavior.
``Analysis`` holds trees and lives in `querywright.analyze`; everything here is plain data that serializes to JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Grade = Literal["proved", "bounded", "tested", "vacuous", "refuted", "unknown", "unverifiable"]
"""Strength of the evidence for equality, one vocabulary everywhere.

``proved`` for all databases; ``bounded`` for all databases up to k rows a table; ``tested`` on databases that kill
mutants; ``vacuous`` nothing was compared; ``refuted`` with a counterexample; ``unknown`` with the reason;
``unverifiable`` truly random."""

Basis = Literal["enforced", "declared", "checked", "assumed"]
"""Why a premise is believed: the engine enforces it, the schema's author declares it, the data satisfies it today,
or the user says so."""

SETTLED: frozenset[Basis] = frozenset({"enforced", "declared"})
"""Premises with these bases need nobody's consent; what is declared, not enforced, is checked on the data before it counts."""

PremiseKind = Literal["unique", "not_null", "foreign_key", "disjoint", "fits"]
Status = Literal["faster", "none", "unconfirmed", "refused"]
Phase = Literal["sample", "screen", "confirm", "step"]
"""Which runs a timing holds: on a sample only, which recommends nothing; the first on the full data; the confirming ones; the few
that a step of an environment takes, which recommend nothing either."""

DatabaseRole = Literal["sample", "full", "hidden"]

Scalar = None | bool | int | float | str
Bindings = tuple[tuple[str, Scalar], ...]
"""Values of a query's parameters as (name, value); the first positional parameter is named "p1"."""


@dataclass(frozen=True, slots=True)
class Query:
    """One read-only SQL query.

    ``fingerprint`` is equal for texts that differ only in layout, comments, alias names and the order of conjuncts.
    ``bindings`` holds the sets of parameter values to run with; empty where the query has no parameters.
    """

    sql: str
    dialect: str
    fingerprint: str
    bindings: tuple[Bindings, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Premise:
    """A fact about the data on which a rewrite relies, such as a key.

    ``references`` is the referenced (table, columns) of a foreign key.
    """

    kind: PremiseKind
    table: str
    columns: tuple[str, ...]
    basis: Basis
    references: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One application of a transform: its name, where in the query (``path``), and the premises it used."""

    transform: str
    path: str
    premises: tuple[Premise, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Who proposed a candidate. ``cost`` is in US dollars; ``changes`` is what a model says it changed, in its own words."""

    proposer: str
    model: str | None = None
    prompt: str | None = None
    seed: int | None = None
    cost: float = 0.0
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rewrite to be judged. ``parent`` is the fingerprint of the query it was derived from."""

    query: Query
    parent: str
    steps: tuple[Step, ...] = ()
    origin: Origin = Origin("user")


@dataclass(frozen=True, slots=True)
class Check:
    """One piece of evidence.

    ``method`` is ``static``, ``witness``, ``sample``, ``full``, ``premises`` (declared facts that the data satisfies, ``rows`` of
    them), ``symbolic`` (a proof) or ``bounded`` (one for at most ``rows`` rows a table). Else ``rows`` counts the result rows
    compared; ``databases`` is the number of databases run on, ``nonempty`` how many of them gave a non-empty original result,
    ``mutation_score`` the share of the original's mutants that the same databases told apart (None: not measured), ``mutants``
    how many were judged.
    """

    method: str
    database: str
    rows: int = 0
    databases: int = 1
    nonempty: int = 0
    mutation_score: float | None = None
    seconds: float = 0.0
    mutants: int = 0


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A database on which two queries differ. ``script`` is replayable SQL: schema, rows, both queries, both results."""

    script: str
    original_rows: tuple[tuple[Scalar, ...], ...]
    candidate_rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a candidate returns what the original returns, and how that is known.

    ``premises`` are the facts about the data that the verdict rests on: those that a proof uses, whatever their basis, and the
    `conditions` without which the candidate is refuted.
    ``modulo`` names what equality leaves open, such as the choice among ties of an ambiguous original. ``executed`` are both
    queries as the engine ran them, where they were translated from another ``dialect``.
    """

    grade: Grade
    premises: tuple[Premise, ...] = ()
    checks: tuple[Check, ...] = ()
    modulo: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    reason: str = ""
    dialect: str = ""
    executed: tuple[str, ...] = ()

    @property
    def conditions(self) -> tuple[Premise, ...]:
        """The premises that the user must agree to, because only today's data, or nobody, vouches for them."""
        return tuple(premise for premise in self.premises if premise.basis not in SETTLED)


@dataclass(frozen=True, slots=True)
class Run:
    """One timed execution: wall and CPU nanoseconds, peak resident bytes, position in the interleaved sequence."""

    wall_ns: int
    cpu_ns: int
    peak_bytes: int
    position: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Interleaved runs of original and candidate.

    ``ratio`` is original time over candidate time (2.0: twice as fast) with the one-sided bounds ``low`` and ``high``
    at error ``alpha``; ``floor`` is the ratio that noise alone reaches between the original and itself.
    ``censored`` names the side that was stopped at its limit: then ``ratio`` is only a bound.
    ``original_ms`` and ``candidate_ms`` are the typical (trimmed mean) times; ``abandoned`` says that the runs were cut
    short because the candidate had no chance left.
    """

    original: tuple[Run, ...]
    candidate: tuple[Run, ...]
    ratio: float
    low: float
    high: float
    alpha: float
    floor: float
    phase: Phase
    database: str
    settings: tuple[tuple[str, str], ...] = ()
    censored: Literal["original", "candidate"] | None = None
    original_ms: float = 0.0
    candidate_ms: float = 0.0
    abandoned: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A judged candidate. Built only by `querywright.judge`; has a timing only if the verdict accepts."""

    candidate: Candidate
    verdict: Verdict
    timing: Timing | None = None
    failure: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Advice:
    """A suggestion beside the rewrite, such as an index; never part of the equality claim."""

    kind: str
    statement: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `querywright.optimize` returns.

    ``faster``: ``best`` is recommended. ``unconfirmed``: ``best`` is verified but its gain could not be confirmed by measurement.
    ``none``: nothing faster was found. ``refused``: the query cannot be verified at all; ``reason`` says why.
    ``conditional`` holds attempts that are equal only as long as their premises hold.
    """

    original: Query
    status: Status
    best: Attempt | None
    attempts: tuple[Attempt, ...]
    advice: tuple[Advice, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    run_id: str = ""
    conditional: tuple[Attempt, ...] = ()
    reason: str = ""
    seconds: float = field(default=0.0)
