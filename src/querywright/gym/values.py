"""The values that flow through the environment: ``Task -> Examination -> Reward -> StepResult``, frozen data without behavior.

What clients send and receive over a wire is in `querywright.gym.wire`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from querywright.values import Grade

Split = Literal["train", "validation", "test"]
Difficulty = Literal["easy", "medium", "medium-hard", "hard", "expert"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A rewrite of a task's query that was verified and measured: proof that there is something to gain.

    ``speedup`` is what it gains for sure on the visible and on a hidden database; ``transforms`` the steps that led there, empty
    where a person wrote it.
    """

    sql: str
    speedup: float
    grade: Grade
    transforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A slow query on a database, to be made fast.

    ``database`` is what ``--db`` would name, such as ``shop`` or ``ecommerce:rows=20000``. ``hidden`` are databases of the same
    schema that no client ever sees: the first of equal size with another seed, on which speed is measured as well; the others
    smaller, with NULLs, duplicates, ties, skew and empty tables. ``issues`` are the names of the anti-patterns in the query.
    ``steps`` is how many answers an episode takes. ``note`` says what was repaired in a published task.
    """

    id: str
    title: str
    family: str
    split: Split
    difficulty: Difficulty
    description: str
    sql: str
    dialect: str
    database: str
    hidden: tuple[str, ...]
    issues: tuple[str, ...]
    steps: int
    reference: Reference | None = None
    approved: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """What the judge found of one submitted text.

    ``refusal`` says why the text was not run at all. ``match``: accepted as equal on witnesses, the visible and the hidden data.
    ``speedup`` is the ratio that counts: the lower of the visible and the hidden database's, 1.0 within the noise, 0.0 where
    nothing was timed. ``unchanged``: the original again, up to layout. Times are in milliseconds. ``reason`` is fit for clients:
    it holds no data. ``rows`` are those of the candidate's answer, None where it was not computed. ``work`` is the ratio of rows
    processed, original over candidate, where it was asked for and the engine's plans hold actual rows; ``reference_work`` is that
    of the certified reference.
    """

    task: str
    sql: str
    match: bool = False
    grade: Grade = "unknown"
    refusal: str = ""
    error: str = ""
    reason: str = ""
    unchanged: bool = False
    original_ms: float = 0.0
    optimized_ms: float = 0.0
    visible_speedup: float = 0.0
    hidden_speedup: float = 0.0
    speedup: float = 0.0
    original_rows: int = 0
    rows: int | None = None
    work: float | None = None
    reference_work: float | None = None
    transforms: tuple[str, ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Reward:
    """A score from 0 to 1, the components that it was made of, and a sentence for the client."""

    score: float
    breakdown: tuple[tuple[str, float], ...]
    feedback: str
    detected: tuple[str, ...] = ()
    """The labeled issues that the answer named."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of an episode."""

    task: Task
    step: int
    examination: Examination
    reward: Reward
    done: bool
    cumulative: float
    found: tuple[str, ...] = field(default=())
    """All labeled issues that answers of this episode have named so far."""
