"""What a search mode provides, and the events by which it tells what it is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlglot import exp

from querywright.analyze import Analysis
from querywright.propose.protocol import Proposal
from querywright.search.examples import Strategy
from querywright.values import Attempt, Candidate, Query, Step


@dataclass(frozen=True)
class Position:
    """A query the search can expand: the original, or a verified rewrite of it.

    ``ratio`` is its measured speedup over the original; ``attempt`` is None for the original.
    """

    query: Query
    tree: exp.Query
    steps: tuple[Step, ...] = ()
    ratio: float = 1.0
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """How long and how far to search.

    ``target`` is the speedup that ends the search early once its lower bound is reached; ``seconds`` and ``candidates``
    end it anyway; ``beam`` is the number of queries expanded in one iteration, and of those a swarm takes to the full data.
    ``conditional`` lets attempts count that hold only under the premises of their verdict. ``workers`` is the number of
    workers of mode parallel, of generations of mode swarm (None: the mode's own); ``examples`` how example sets are chosen
    (None: as the mode does).
    """

    iterations: int = 5
    target: float = 2.0
    early_stop: bool = True
    seconds: float = 300.0
    candidates: int = 200
    beam: int = 3
    seed: int = 0
    conditional: bool = False
    workers: int | None = None
    examples: Strategy | None = None


@dataclass(frozen=True)
class IterationStarted:
    """Iteration (or try, worker, generation) ``number`` of ``total`` expands ``positions``, its input first.

    ``examples`` are the names of transforms it leads with; ``retry`` says that the worker tries again after its first try
    gained nothing.
    """

    number: int
    total: int
    positions: tuple[Position, ...]
    analysis: Analysis
    examples: tuple[str, ...] = ()
    retry: bool = False


@dataclass(frozen=True)
class Judged:
    """One candidate of iteration ``iteration`` was judged."""

    iteration: int
    attempt: Attempt
    tree: exp.Query


@dataclass(frozen=True)
class IterationEnded:
    """An iteration is over: its attempts, its best one (None: nothing passed), and the best of the whole search."""

    number: int
    attempts: tuple[Attempt, ...]
    best: Attempt | None
    best_so_far: Position
    improved: bool
    target_met: bool


@dataclass(frozen=True)
class Question:
    """A model is asked to rewrite ``position``, for iteration (or try, worker, generation) ``number``.

    ``examples`` are the names of transforms whose gold examples it is shown, ``attempts`` what was judged so far, by rules and
    model, and ``problems`` why earlier answers could not be judged. ``retry`` is as in `IterationStarted`.
    """

    number: int
    position: Position
    analysis: Analysis
    examples: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    problems: tuple[str, ...] = ()
    retry: bool = False


@dataclass(frozen=True)
class Answered:
    """What a model answered: ``proposals`` to judge, or the ``problem`` why there are none.

    ``prompt`` is the text it was asked, ``response`` a JSON document of what came back, its ``content``, and what it cost.
    ``remedy`` is what the user can type where the problem is none of the model's.
    """

    question: Question
    proposals: tuple[Proposal, ...]
    prompt: str
    response: Mapping[str, Any]
    problem: str = ""
    remedy: str = ""

    @property
    def content(self) -> str:
        """The words of the answer; empty where none came."""
        return str(self.response.get("content", ""))


@dataclass(frozen=True)
class ModelLost:
    """The model is of no use to this run, for the reason given; the rules go on alone."""

    reason: str


@dataclass(frozen=True)
class EmbeddingLost:
    """Examples are compared with the query by their words, not by an embedding, for the reason given."""

    reason: str


Event = IterationStarted | Answered | Judged | IterationEnded | ModelLost | EmbeddingLost
Listener = Callable[[Event], None]
Expand = Callable[[Position, Sequence[Attempt]], tuple[Analysis, Iterator[Proposal]]]
"""Analyzes a position and proposes rewrites of it."""


class Model(Protocol):
    """A model that is asked for rewrites, as search modes see it."""

    @property
    def lost(self) -> str:
        """Why it is of no use to ask again, such as a spent budget; empty as long as it answers."""
        ...

    def ask(self, questions: Sequence[Question], *, in_order: bool = True) -> Iterator[Answered]:
        """Send questions, all at once; what is returned waits for the answers, each of which may be a ``problem``.

        They come in the order of the questions, or else as they arrive.
        """
        ...


class Judge(Protocol):
    """The one judge, as search modes see it."""

    def __call__(self, candidate: Candidate) -> Attempt:
        """Verify, on the sample first where there is one, then on the full data; time what passed."""
        ...

    def on_sample(self, candidates: Sequence[Candidate]) -> Iterator[tuple[int, Attempt]]:
        """Judge many side by side on the sample alone; yields (index, attempt) as each completes.

        Their timings have the phase ``sample``. Leaving the loop early abandons what is still being judged.
        """
        ...


Clock = Callable[[], float]


class Mode(Protocol):
    """The module-level interface of a search mode; ``WORKERS`` is how many take part where the budget does not say."""

    WORKERS: int

    def run(
        self,
        start: Position,
        expand: Expand,
        judge: Judge,
        budget: Budget,
        listen: Listener,
        clock: Clock,
        done: Sequence[Judged],
        model: Model | None,
    ) -> Iterator[Attempt]:
        """Yield every attempt as it is judged.

        ``clock`` gives seconds; ``done`` are the judgements of an interrupted run, which are not repeated. Where there is a
        ``model``, what ``expand`` proposes is judged first, so that the model sees what was reached without it.
        """
        ...
