"""A model on the wire, as search modes ask it: questions become prompts, replies become proposals."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures import TimeoutError as Late
from dataclasses import asdict, dataclass, replace
from typing import Any

from querywright.chat.background import BackgroundChat
from querywright.chat.protocol import Message, Reply
from querywright.engines.protocol import PlanNode
from querywright.errors import ChatError, ChatUnavailable, ReplyUnusable
from querywright.propose.contract import SCHEMA
from querywright.propose.embedding import EmbeddedExamples
from querywright.propose.gold import GoldExample, for_families, nearest
from querywright.propose.literals import Literals
from querywright.propose.model import answer
from querywright.propose.prompting import PromptRequest, messages, plain
from querywright.propose.protocol import Print
from querywright.search.examples import EXAMPLE_ROTATION
from querywright.search.protocol import Answered, Budget, EmbeddingLost, Listener, Question
from querywright.values import Query

_MORE_TIME = "Allow more time: --seconds 600"


@dataclass(frozen=True)
class _Letter:
    """A question made ready: the conversation to send, its key, and the text it is kept as."""

    question: Question
    request: PromptRequest
    asked: Sequence[Message]

    @property
    def key(self) -> str:
        """The number of the question, so that a resumed run finds the answers it has paid for."""
        return f"{self.question.number}{' retry' if self.question.retry else ''}"


@dataclass
class Correspondence:
    """See `querywright.search.protocol.Model`.

    ``plan_of`` explains a query with its actual costs; ``render`` prints rewrites. No question waits longer than the seconds of
    ``budget``, counted from the start; several that are asked side by side wait half of the time that is left, since what came
    has to be judged whether or not the last one comes. What the server says to one question it would say to the next, so the
    model is lost with the first question that fails for good. With ``embedding`` an embedding model of the server chooses
    examples; where it cannot, ``listen`` hears why, and their words decide.
    """

    chat: BackgroundChat
    engine: str
    budget: Budget
    render: Print
    plan_of: Callable[[Query], PlanNode | None]
    redact_literals: bool = False
    embedding: bool = False
    listen: Listener = lambda event: None
    lost: str = ""

    def __post_init__(self) -> None:
        """Start the clock."""
        self._deadline = time.monotonic() + self.budget.seconds
        self._plans: dict[str, PlanNode | None] = {}
        self._embedded = EmbeddedExamples(self._vectors) if self.embedding else None

    def ask(self, questions: Sequence[Question], *, in_order: bool = True) -> Iterator[Answered]:
        """Send questions. All prompts are written before the first is sent, so that none waits for the writing of others."""
        letters = [self._letter(question) for question in questions]
        pending = {self.chat.ask(letter.asked, key=letter.key, schema=SCHEMA): letter for letter in letters}
        until = self._deadline if len(letters) == 1 else self._deadline - _seconds_to(self._deadline) / 2
        return self._answers(pending, in_order, until)

    def _answers(self, pending: Mapping[Future[Reply], _Letter], in_order: bool, until: float) -> Iterator[Answered]:
        for future in pending if in_order else _by_arrival(pending, until):
            yield self._answered(pending[future], future, until)

    def _answered(self, letter: _Letter, pending: Future[Reply], until: float) -> Answered:
        question, prompt = letter.question, plain(letter.asked)
        try:
            reply = pending.result(_seconds_to(until))
        except Late:
            pending.cancel()
            return _failed(question, prompt, "No answer came within the time of the search.", _MORE_TIME)
        except ReplyUnusable as error:
            return _failed(question, prompt, error.message, error.remedy)
        except ChatError as error:
            self.lost = self.lost or str(error)
            return _failed(question, prompt, error.message)
        read = answer(letter.request, reply, question.position.steps, self.render, self.budget.seed)
        faults = [asdict(fault) for fault in read.faults]
        response: Mapping[str, Any] = asdict(reply) | {"problem": read.problem, "faults": faults}
        return Answered(question, read.proposals, prompt, response, read.problem)

    def _letter(self, question: Question) -> _Letter:
        query = question.position.query
        if query.fingerprint not in self._plans:
            self._plans[query.fingerprint] = self.plan_of(query)
        analysis = replace(question.analysis, plan=self._plans[query.fingerprint])
        request = PromptRequest(
            analysis,
            self.engine,
            examples=self._examples(question),
            attempts=question.attempts,
            problems=question.problems,
            leads=question.examples,
            speedup=question.position.ratio,
            target=self.budget.target,
            number=question.number,
            total=self.budget.workers or 1,
            others=question.retry,
            redact_literals=self.redact_literals,
        )
        return _Letter(question, request, messages(request))

    def _examples(self, question: Question) -> tuple[GoldExample, ...]:
        if self.budget.examples == "retrieved":
            return nearest(question.analysis, self.engine, likeness=self._likeness(question.position.query))
        return for_families(question.examples, self.engine, (question.number - 1) // len(EXAMPLE_ROTATION))

    def _likeness(self, query: Query) -> Sequence[float] | None:
        """Of the gold examples' texts and the query's, without its literals where they are redacted; None for that of words."""
        if self._embedded is None:
            return None
        text = Literals.of(query.sql, query.dialect).hidden(query.sql) if self.redact_literals else query.sql
        try:
            return self._embedded.likeness(text)
        except ChatError as error:
            self._embedded = None
            self.listen(EmbeddingLost(str(error)))
            return None

    def _vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        named = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:16]
        pending = self.chat.embed(texts, key=f"embedding {named}")
        try:
            return pending.result(_seconds_to(self._deadline)).vectors
        except Late:
            pending.cancel()
            raise ChatUnavailable("No vectors came within the time of the search.", _MORE_TIME) from None


def _by_arrival(pending: Iterable[Future[Reply]], until: float) -> Iterator[Future[Reply]]:
    """Those that time runs out for come last."""
    left = dict.fromkeys(pending)
    try:
        for future in as_completed(list(left), _seconds_to(until)):
            del left[future]
            yield future
    except Late:
        yield from left


def _seconds_to(moment: float) -> float:
    return max(0.0, moment - time.monotonic())


def _failed(question: Question, prompt: str, problem: str, remedy: str = "") -> Answered:
    return Answered(question, (), prompt, {"problem": problem, "remedy": remedy}, problem, remedy)
