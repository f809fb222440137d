"""What the factory works with: the plan of a run, the orders it gives, and the examples that come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from querywright.scoring.reward import THRESHOLD
from querywright.values import Grade

Stage = Literal[1, 2]
"""1: few queries, every solution of each; 2: many queries, the best solution of each."""

Split = Literal["train", "validation", "test"]

Fate = Literal["kept", "unsuitable", "too fast", "too slow", "no gain", "not verified", "repeated", "quota", "failed"]
"""What became of a slow query.

``unsuitable``: no habit could be put in, or its split or pattern is full; ``too fast`` and ``too slow``: there is nothing to
measure, or too much; ``no gain``: no solution reached the threshold; ``not verified``: the judge did not accept those that did;
``repeated``: its fingerprint was there already; ``quota``: its kind is full; ``failed``: the engine refused it.
"""

CURRICULUM = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
"""Rows of the largest table, by tier."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked for; all of it stands in the run's folder.

    ``examples``, ``iterations`` and ``seconds`` end the run, whichever comes first. ``databases`` are specifications of the
    user's own databases; empty for the five domain schemas. ``queries`` is the number of orders in an iteration. From ``model``
    on it is the model and what it may cost, as `querywright.chat.options.ChatOptions` has it.
    """

    engines: tuple[str, ...] = ("duckdb", "sqlite")
    stage: Stage = 2
    examples: int = 15_000
    iterations: int | None = None
    seconds: float | None = None
    candidates: int = 5
    threshold: float = THRESHOLD
    seed: int = 0
    proposers: tuple[str, ...] = ("rules", "indexes")
    databases: tuple[str, ...] = ()
    queries: int = 20
    model: str | None = None
    provider: str | None = None
    base_url: str | None = None
    max_tokens: int = 8192
    max_cost: float | None = None
    max_calls: int | None = None
    price: tuple[float, float] | None = None

    @property
    def alone(self) -> bool:
        """Whether a model is the only one that solves."""
        return self.proposers == ("model",)


@dataclass(frozen=True, slots=True)
class Order:
    """One question, for which slow queries are to be made and solved; what the data and the clock do not decide follows from it.

    ``number`` counts the orders of an engine. ``weights`` say how often habits are to be put in first (0: never), ``beside``
    names those that may accompany one, ``closed`` the patterns, bands of speedup and splits of which there are enough. ``shots``
    are slow and fast queries for a model to see. ``patient``: queries that take longer are wanted.
    ``sought`` are transforms that few examples apply, to be applied where they can be. ``sharing`` is how many slow queries may
    have one solution.
    """

    engine: str
    number: int
    schema: str
    tier: int
    shape: str = ""
    weights: tuple[tuple[str, float], ...] = ()
    beside: tuple[str, ...] = ()
    closed: frozenset[str] = frozenset()
    shots: tuple[tuple[str, str], ...] = ()
    patient: bool = False
    sought: tuple[str, ...] = ()
    sharing: int = 3


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution that was tried: its text, who proposed it with which ``transforms``, and what came of it.

    ``statements`` are CREATE INDEX statements that belong to it; its times are then those of the slow query without them and of
    the solution with them. ``grade`` is the judge's, None where it was not judged because a first run had shown it to be no gain.
    ``speedup`` is 0 where it was not measured.
    """

    sql: str
    proposer: str
    transforms: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    fingerprint: str = ""
    grade: Grade | None = None
    speedup: float = 0.0
    slow_ms: float = 0.0
    fast_ms: float = 0.0
    readability: float = 0.0
    reward: float = 0.0
    reason: str = ""

    @property
    def text(self) -> str:
        """The indexes, then the query."""
        return "".join(f"{statement};\n" for statement in self.statements) + self.sql


@dataclass(frozen=True, slots=True)
class Example:
    """A slow query with a verified faster one.

    ``habits`` are the labels of the slow query, ``injected`` those that were put in; ``pattern`` is what kind of optimization the
    solution is, such as ``decorrelate|pushdown``; ``features`` what either query makes use of. ``family`` is equal for
    queries that differ in constants only. ``rejected`` are other solutions that were tried. ``renaming`` holds new names of
    tables and columns, ``origin`` the example that this one is a variant of, "" where it is none.
    """

    id: str
    engine: str
    schema: str
    database: str
    tier: int
    shape: str
    question: str
    slow: str
    clean: str
    solution: Solution
    fingerprint: str
    family: str
    split: Split
    habits: tuple[str, ...]
    injected: tuple[str, ...]
    pattern: str
    features: tuple[str, ...]
    tables: int
    difficulty: str
    slow_readability: float
    rejected: tuple[Solution, ...] = ()
    stage: Stage = 2
    renaming: tuple[tuple[str, str], ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Try:
    """What became of one slow query: its examples are more than one in stage 1 only.

    ``injected`` are the habits that were put in, ``features`` those of the query, ``judged`` counts the solutions that went
    to the judge.
    """

    fate: Fate
    injected: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    judged: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """What came of an order: at least one try, each with another slow query for the same question.

    ``seconds`` and ``cpu_s`` are what the order took, ``elapsed`` the seconds since the one before it was done, or since the
    run began or went on: these add up to the run's. ``calls`` of a model for this engine have cost ``cost`` US dollars by now,
    earlier orders included; ``unheard`` says why it could not be asked.
    """

    order: Order
    tries: tuple[Try, ...]
    shape: str = ""
    seconds: float = 0.0
    cpu_s: float = 0.0
    elapsed: float = 0.0
    calls: int = 0
    cost: float = 0.0
    unheard: str = ""

    @property
    def examples(self) -> tuple[Example, ...]:
        """The examples of all tries."""
        return tuple(example for one in self.tries for example in one.examples)

    @property
    def fate(self) -> Fate:
        """The best that became of it."""
        fates = [one.fate for one in self.tries]
        return "kept" if "kept" in fates else fates[-1]
